package link

import (
	"context"
	"errors"
	"github.com/leyden-ln/leyden/amount"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/relay"
)

// Links is the map from a channel's ids to its link. It is safe for concurrent
// use and holds nothing that a restart could lose.
type Links struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	byID  map[wire.ChannelID]*Link
	named map[wire.ShortChannelID]*Link
}

// New makes an empty map.
func New(cfg Config) *Links {
	ctx, cancel := context.WithCancel(context.Background())
	return &Links{cfg: cfg, ctx: ctx, cancel: cancel, byID: map[wire.ChannelID]*Link{}, named: map[wire.ShortChannelID]*Link{}}
}

// started is when the process did, for measuring.
var started = time.Now()

// elapsed is a clock that no user sets.
func elapsed() uint64 { return uint64(time.Since(started).Milliseconds()) } //nolint:gosec // not negative

// Begin is what was decided before a link's channel was loaded.
type Begin = relay.Loaded

// Add makes the link of a channel, which does nothing before [Link.Start].
func (ls *Links) Add(ch *channel.Channel, signer channel.Signer, b Begin) *Link {
	p, status := ch.Params(), ch.Status()
	l := &Link{
		cfg: &ls.cfg, links: ls, signer: signer, in: newInbox(), params: p, ch: ch,
		log: ls.cfg.Log.With("channel", p.Channel, "peer", p.Peer), done: make(chan struct{}),
		trace: newTracer(ch), desk: relay.NewDesk(ls.cfg.Key, ch, elapsed),
	}
	l.desk.Load(b)
	ls.mu.Lock()
	ls.byID[p.Channel] = l
	ls.mu.Unlock()
	ls.name(l, status.SCID, p.LocalAlias)
	return l
}

// Start begins a link's loop and goes on with what is not settled. When links are
// loaded, all are added before the first is started.
func (l *Link) Start() {
	l.goOn()
	l.links.wg.Go(func() { l.run(l.links.ctx) })
}

func (l *Link) goOn() { l.in.put(func(l *Link) { l.after = append(l.after, l.resume) }) }

// Resume has all links decide what waited for the present height.
func (ls *Links) Resume() {
	for _, l := range ls.All() {
		l.goOn()
	}
}

// Begin gives a link the connection on which its channel was opened, with what is
// to be sent first. It comes before [Link.Start].
func (l *Link) Begin(p Peer, first []wire.Message) {
	l.in.put(func(l *Link) { l.peer, l.words = p, append(l.words, first...) })
}

// Remove stops a link whose channel is closed for good.
func (ls *Links) Remove(l *Link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.byID, l.ID())
	for scid, of := range ls.named {
		if of == l {
			delete(ls.named, scid)
		}
	}
	l.in.close()
}

// Close stops all links and waits for them.
func (ls *Links) Close() {
	ls.cancel()
	ls.wg.Wait()
}

// name notes ids by which HTLCs may ask for the channel; zero is none.
func (ls *Links) name(l *Link, ids ...wire.ShortChannelID) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, id := range ids {
		if id != 0 {
			ls.named[id] = l
		}
	}
}

// Get finds a channel's link.
func (ls *Links) Get(id wire.ChannelID) (*Link, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.byID[id]
	return l, ok
}

// Named finds the link of a short_channel_id or alias.
func (ls *Links) Named(scid wire.ShortChannelID) (*Link, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.named[scid]
	return l, ok
}

// All are the links.
func (ls *Links) All() []*Link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	out := make([]*Link, 0, len(ls.byID))
	for _, l := range ls.byID {
		out = append(out, l)
	}
	return out
}

// ErrNoChannel means that no channel has the short_channel_id.
var ErrNoChannel = errors.New("no channel has this short_channel_id")

// Offer implements sender.Links.
func (ls *Links) Offer(scid wire.ShortChannelID, add channel.Add) error {
	if !ls.offer(scid, add) {
		return ErrNoChannel
	}
	return nil
}

func (ls *Links) offer(scid wire.ShortChannelID, add channel.Add) bool {
	l, ok := ls.Named(scid)
	return ok && l.offer(add)
}

// Fulfil implements receiver.Settler: the decision is on disk.
func (ls *Links) Fulfil(in channel.Ref, preimage wire.Preimage) {
	if l, ok := ls.Get(in.Channel); ok {
		l.settle(relay.DecisionRow{In: in, Kind: relay.Fulfil, Preimage: preimage})
	}
}

// Fail implements receiver.Settler.
func (ls *Links) Fail(in channel.Ref, f onion.Failure) {
	if l, ok := ls.Get(in.Channel); ok {
		l.fail(in.ID, f)
	}
}

// resolved takes the end of an outgoing HTLC to the link of the incoming one. It
// is on disk with the end itself.
func (ls *Links) resolved(r channel.Resolved) {
	ls.exchanged(*r.Origin.In)
	if l, ok := ls.Get(r.Origin.In.Channel); ok {
		l.in.put(func(l *Link) { l.waits(r.Origin.In.ID, l.desk.Settle(l.desk.Answer(r))) })
	}
}

// outgoing is what a forward needs to know of a channel.
func (ls *Links) outgoing(scid wire.ShortChannelID) (relay.Channel, bool) {
	l, ok := ls.Named(scid)
	if !ok {
		return relay.Channel{}, false
	}
	policy, older, update := ls.cfg.Policy(l)
	status := l.Status()
	_, usable := l.Capacity()
	var carrier amount.MilliSatoshi
	property := l.Params().Property
	if property != 0 {
		_, carrier, usable = l.Tokens()
	}
	return relay.Channel{
		Policy: policy, Older: older, Usable: usable, Update: update, Property: property, Carrier: carrier,
		Gone: status.Status != channel.Open || status.LocalShutdown != nil || status.RemoteShutdown != nil,
	}, true
}

// exchange is at what bitcoin and tokens of a property are exchanged.
func (ls *Links) exchange(property amount.Property) relay.Exchange {
	if ls.cfg.Exchange == nil {
		return relay.Exchange{}
	}
	return ls.cfg.Exchange.At(property)
}

// exchanged says that nothing goes on any more for an incoming HTLC.
func (ls *Links) exchanged(in channel.Ref) {
	if ls.cfg.Exchange != nil {
		ls.cfg.Exchange.End(in)
	}
}

package herald

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgossip"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/tally"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/heard"
	"github.com/leyden-ln/leyden/internal/tokens"
)

const (
	tea    amount.Property = 31
	inAll  amount.Units    = 1000
	height                 = 700_000 // of the block with the funding transaction
)

var place = wire.NewShortChannelID(height, 1, 1)

type key struct{ *btcec.PrivateKey }

func keyOf(word string) key {
	seed := sha256.Sum256([]byte(word))
	k, _ := btcec.PrivKeyFromBytes(seed[:])
	return key{k}
}

func (k key) id() wire.Point                      { return wire.PointOf(k.PubKey()) }
func (k key) sign(digest [32]byte) wire.Signature { return script.Sign(k.PrivateKey, digest) }

// world is two sides of a channel with tokens, the chain and the ledger, and the time.
type world struct {
	*testing.T
	now        time.Time
	height     uint32
	outputs    map[wire.ShortChannelID]*btcwire.TxOut
	alice, bob *side
	queue      []func()
}

// Output implements [assetgossip.Chain].
func (w *world) Output(_ context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	if out := w.outputs[scid]; out != nil {
		return out, btcwire.OutPoint{}, nil
	}
	return nil, btcwire.OutPoint{}, chain.ErrNoOutput
}

// Refute implements [assetgossip.Ledger].
func (w *world) Refute(_ context.Context, _ uint32, claims ...tokens.Claim) ([]string, error) {
	return make([]string, len(claims)), nil
}

// side is a node with a channel.
type side struct {
	*Herald
	w     *world
	name  string
	node  key
	disk  map[string]heard.Row
	mine  *lane
	carry bool
	away  bool // the peer, for long
	terms relay.Policy
	rates []rate.Row
	signs int // with the node's key
	to    *end
}

// Write implements [durable.Writer].
func (s *side) Write(ctx context.Context, all ...durable.Row) error {
	for _, r := range all {
		r := r.(heard.Row)
		name := fmt.Sprintf("%05d %x", r.Kind, r.About)
		if s.disk[name] = r; r.Raw == nil {
			delete(s.disk, name)
		}
	}
	return ctx.Err()
}

// start makes the herald from what is on the disk.
func (s *side) start() {
	var stored []heard.Row
	for _, name := range slices.Sorted(maps.Keys(s.disk)) {
		stored = append(stored, s.disk[name])
	}
	h, err := New(Config{
		Config: assetgossip.Config{
			Us: s.node.id(), Chain: chainhash.Hash{7}, Source: s.w, Ledger: s.w, Height: func() uint32 { return s.w.height }, Store: s, Flush: time.Second,
			Ours: func(wire.NodeID) bool { return true }, Now: func() time.Time { return s.w.now }, Log: slog.New(slog.DiscardHandler),
			Fatal: func(err error) { panic(err) },
		},
		Carries: func() bool { return s.carry },
		Sign: func(digest [32]byte) wire.Signature {
			s.signs++
			return s.node.sign(digest)
		},
		Channels: func() []Channel {
			if s.mine == nil {
				return nil
			}
			return []Channel{s.mine}
		},
		Terms: func(Channel, time.Time) relay.Policy { return s.terms },
		Rates: func() []rate.Row { return s.rates },
		Disabled: func(c Channel, _ *wire.ChannelUpdate, _ time.Time) bool {
			return c.Status().Status != channel.Open || c.Status().LocalShutdown != nil || s.away
		},
	}, stored)
	if err != nil {
		s.w.Fatal(err)
	}
	s.Herald = h
}

// lane is a side's channel.
type lane struct {
	of          *side
	params      channel.ParamsRow
	status      channel.StatusRow
	view        channel.View
	held        string
	established bool
	sent        []*wire.AssetAnnouncementSignatures // over the connection
}

type signer struct {
	channel.Signer
	key
}

func (s signer) SignAnnouncement(digest [32]byte) wire.Signature { return s.sign(digest) }

func (l *lane) ID() wire.ChannelID        { return l.params.Channel }
func (l *lane) Params() channel.ParamsRow { return l.params }
func (l *lane) Status() channel.StatusRow { return l.status }
func (l *lane) View() channel.View        { return l.view }
func (l *lane) Held() string              { return l.held }
func (l *lane) Signer() channel.Signer    { return signer{key: keyOf(l.of.name + "'s funding")} }
func (l *lane) Send(msgs ...wire.Message) {
	for _, m := range msgs {
		if l.of.to != nil && l.established {
			l.sent = append(l.sent, m.(*wire.AssetAnnouncementSignatures))
			_ = l.of.to.Send(m)
		}
	}
}

// newWorld has a channel between Alice and Bob that is five blocks deep and ready, and that
// both want announced.
func newWorld(t *testing.T) *world {
	w := &world{T: t, now: time.Unix(1_800_000_000, 0), height: height + 4, outputs: map[wire.ShortChannelID]*btcwire.TxOut{}}
	w.alice, w.bob = w.side("alice"), w.side("bob")
	for _, s := range []*side{w.alice, w.bob} {
		other := w.other(s)
		l := &lane{of: s, view: channel.View{Carrier: 2_000_000}}
		l.params = channel.ParamsRow{
			Channel: wire.ChannelID{9}, Peer: other.node.id(), Announce: true, Format: script.Tokens, Property: tea, Tokens: inAll, Capacity: 100_000,
			LocalKeys: script.Basepoints{Funding: keyOf(s.name + "'s funding").id()}, RemoteKeys: script.Basepoints{Funding: keyOf(other.name + "'s funding").id()},
			RemoteLimits: channel.Limits{Tokens: tally.TokenLimits{HTLCMinimum: 1, MaxInFlight: inAll + 5}},
		}
		l.status = channel.StatusRow{Channel: l.params.Channel, Status: channel.Open, ReadySent: true, SCID: place}
		s.mine = l
		s.start()
	}
	w.fund(place)
	return w
}

func (w *world) side(name string) *side {
	return &side{w: w, name: name, node: keyOf(name), disk: map[string]heard.Row{}, carry: true, terms: relay.DefaultPolicy()}
}

func (w *world) other(s *side) *side {
	if s == w.alice {
		return w.bob
	}
	return w.alice
}

// fund puts the channel's output on the chain.
func (w *world) fund(at wire.ShortChannelID) {
	_, pk := script.Tokens.FundingScript(keyOf("alice's funding").id(), keyOf("bob's funding").id())
	w.outputs[at] = &btcwire.TxOut{PkScript: pk}
}

// end is a side's end of a connection.
type end struct {
	owner  *side
	id     wire.NodeID
	with   wire.Features
	hear   func(u *wire.Unknown) // the other side; nil: nobody
	heard  []wire.Message
	reason error
}

func (e *end) ID() wire.NodeID         { return e.id }
func (e *end) Features() wire.Features { return e.with }
func (e *end) Queued() int             { return 0 }
func (e *end) Disconnect(why error)    { e.reason = why }

func (e *end) Send(msgs ...wire.Message) error {
	for _, m := range msgs {
		again, err := wire.Decode(wire.Encode(m))
		if err != nil {
			return err
		}
		u, ok := again.(*wire.Unknown)
		if !ok {
			e.heard = append(e.heard, again)
			continue
		}
		if again, err = wire.DecodeAsset(u); err != nil {
			return err
		}
		if e.heard = append(e.heard, again); e.hear != nil {
			e.owner.w.queue = append(e.owner.w.queue, func() { e.hear(u) })
		}
	}
	return nil
}

// count is how many messages of a number were told over a connection.
func (e *end) count(m wire.Message) (n int) {
	for _, got := range e.heard {
		if got.Type() == m.Type() {
			n++
		}
	}
	return n
}

var carries = wire.NewFeatures(wire.OptionOmniAsset)

// stranger is a connection with a node that only listens.
func (s *side) stranger(f wire.Features) *end {
	e := &end{owner: s, id: keyOf("stranger").id(), with: f}
	s.Up(e)
	return e
}

// connect connects Alice and Bob, up to channel_reestablish.
func (w *world) connect() {
	a, b := &end{owner: w.alice, id: w.bob.node.id(), with: carries}, &end{owner: w.bob, id: w.alice.node.id(), with: carries}
	a.hear = func(u *wire.Unknown) { w.bob.Hear(w.Context(), b, u) }
	b.hear = func(u *wire.Unknown) { w.alice.Hear(w.Context(), a, u) }
	w.alice.to, w.bob.to = a, b
	w.alice.Up(a)
	w.bob.Up(b)
}

// reestablished is what each side hears of when channel_reestablish has gone both ways.
func (w *world) reestablished(sides ...*side) {
	for _, s := range sides {
		s.mine.established = true
		s.Reestablished(w.Context(), s.mine)
	}
	w.deliver()
}

func (w *world) disconnect() {
	for _, s := range []*side{w.alice, w.bob} {
		s.mine.established = false
		s.Down(s.to)
		s.to = nil
	}
	w.queue = nil
}

func (w *world) deliver() {
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		next()
	}
}

// block lets a block come, and the time in which it is told.
func (w *world) block(txs ...*btcwire.MsgTx) {
	w.height++
	w.alice.Block(w.Context(), txs...)
	w.bob.Block(w.Context(), txs...)
	w.pass(5 * time.Second)
}

// pass lets time pass, a second at a time.
func (w *world) pass(d time.Duration) {
	w.deliver()
	for range int(d / time.Second) {
		w.now = w.now.Add(time.Second)
		w.alice.Tick(w.Context())
		w.bob.Tick(w.Context())
		w.deliver()
	}
}

// knows is the channel as a side's book has it; nil: it does not.
func (s *side) knows(at wire.ShortChannelID) (c *assetgraph.Channel) {
	s.Read(func(g *assetgraph.Graph) {
		if found, ok := g.ByID(at); ok {
			here := *found
			c = &here
		}
	})
	return c
}

// whole says whether both sides know the channel with both sides' terms.
func (w *world) whole(at wire.ShortChannelID) bool {
	for _, s := range []*side{w.alice, w.bob} {
		if c := s.knows(at); c == nil || !c.Usable(0) || !c.Usable(1) {
			return false
		}
	}
	return true
}

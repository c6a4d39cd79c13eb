package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/steps"
)

// Peer is the connection to the channel's other side.
type Peer interface {
	ID() wire.NodeID
	Features() wire.Features
	Send(msgs ...wire.Message) error
	Disconnect(reason error)
}

// Receiver takes the HTLCs that end here. Its decisions come back as
// [Links.Fulfil] and [Links.Fail].
type Receiver interface {
	Offer(in channel.Incoming, payload onion.Payload)
}

// Sender hears how the HTLCs of its payments ended.
type Sender interface {
	Resolved(r channel.Resolved)
	// Refused says that the attempt's HTLC was never signed, and never will be.
	Refused(attempt uint64, why error)
}

// Above hears of a channel's own life: it announces channels, watches outputs,
// broadcasts transactions. Its methods are called from the link's goroutine and
// must not wait for it.
type Above interface {
	// Raised is called for every event that is not about an HTLC.
	Raised(l *Link, e channel.Event)
	// Signatures is called for announcement_signatures of the peer.
	Signatures(l *Link, m *wire.AnnouncementSignatures)
	// Reestablished is called when channel_reestablish has gone both ways.
	Reestablished(l *Link)
}

// Exchange is at what bitcoin and tokens are exchanged. Its methods must not wait.
type Exchange interface {
	At(property amount.Property) relay.Exchange
	// Begin notes what an incoming HTLC exchanges before another goes on for it. False:
	// it must not.
	Begin(in channel.Ref, over relay.Over) bool
	// End says that none goes on for it any more. It may come more than once, and for
	// HTLCs that exchange nothing.
	End(in channel.Ref)
}

// Config is what all links of a node share.
type Config struct {
	Store    durable.Writer
	Verifier channel.Verifier
	Key      onion.ECDHer  // the node's
	Features wire.Features // of our init
	Receiver Receiver
	Sender   Sender
	Above    Above
	// Policy is the terms of a channel, older ones that are still honoured, and their
	// channel_update; nil: none yet.
	Policy func(l *Link) (terms relay.Policy, older []relay.Policy, update *wire.ChannelUpdate)
	Height func() uint32
	// Exchange is at what we exchange bitcoin and tokens; nil: we do not.
	Exchange Exchange
	// Present says whether Height is the present one: else no HTLC is decided. When that
	// changes, [Links.Resume] comes.
	Present func() present.State
	Traces  *events.Traces
	Steps   *steps.Gate // of payments that are taken step by step; nil: none are
	Log     *slog.Logger
	Fatal   func(error) // a write failed or the signer refused: must end the process
}

// Link drives one channel.
type Link struct {
	cfg    *Config
	links  *Links
	signer channel.Signer
	in     *inbox
	params channel.ParamsRow
	log    *slog.Logger
	done   chan struct{}
	held   atomic.Pointer[string] // why nothing goes over the channel; nil: it works

	mu sync.Mutex // held while the machine is used, never while the disk is
	ch *channel.Channel

	// What follows belongs to the goroutine of run.
	peer  Peer
	trace *tracer
	desk  *relay.Desk    // of incoming HTLCs
	words []wire.Message // to send before the outcome's own messages
	rows  []durable.Row  // to write with the outcome
	after []func()       // to run once the outcome is visible, without the lock

	line   []*outgoing // what waits to be sent: see say
	forget func()      // tells the gate that the first of it is gone; nil: it is not held
}

// ID is the channel's id.
func (l *Link) ID() wire.ChannelID { return l.params.Channel }

// Params are the channel's parameters, which never change.
func (l *Link) Params() channel.ParamsRow { return l.params }

// Signer signs with the channel's keys.
func (l *Link) Signer() channel.Signer { return l.signer }

// Status is the channel's status as the machine has it.
func (l *Link) Status() channel.StatusRow {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ch.Status()
}

// Done is closed when the link has stopped: the node stops, or the channel is
// closed for good.
func (l *Link) Done() <-chan struct{} { return l.done }

// Capacity is what a route may ask of the channel now: the largest HTLC, and
// whether it takes one at all: not while the peer is away.
func (l *Link) Capacity() (spendable amount.MilliSatoshi, usable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ch.Online() {
		return 0, false
	}
	spendable = l.ch.Spendable()
	return spendable, spendable > 0
}

// Tokens is how many tokens can be sent now over a channel of them in one HTLC, at the
// most, and the least that must carry them; usable says whether any can.
func (l *Link) Tokens() (units amount.Units, carrier amount.MilliSatoshi, usable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ch.Online() || l.Held() != "" {
		return 0, 0, false
	}
	units = l.ch.TokensSpendable()
	return units, l.ch.Carrier(), units > 0
}

// Hold says why no HTLC is offered or taken on the channel any more, until it is said that
// there is no reason (""); before is the reason until now. What is on its way goes on to
// its end.
func (l *Link) Hold(why string) (before string) {
	if old := l.held.Swap(&why); old != nil {
		return *old
	}
	return ""
}

// Held is why no HTLC is offered or taken; empty: they are.
func (l *Link) Held() string {
	if why := l.held.Load(); why != nil {
		return *why
	}
	return ""
}

// View is the channel as lists show it. What it shows may be on its way to the
// disk; commands read rows instead.
func (l *Link) View() channel.View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ch.View()
}

// input is something that happens to the channel. It runs with the lock held, so
// it must not call other rooms, which may ask the link in turn: see Link.after,
// and Link.words for what is to be sent.
type input func(l *Link)

// Do runs f in the link's goroutine, between two outcomes: what f asks of the
// channel is part of the next one. It returns false when the link has stopped.
func (l *Link) Do(f func(ch *channel.Channel)) bool {
	return l.in.put(func(l *Link) { f(l.ch) })
}

// Sync waits until everything that was given to the link so far is durable.
func (l *Link) Sync(ctx context.Context) {
	reached := make(chan struct{})
	// The first input marks a batch; the second runs after that batch's write.
	if !l.in.put(func(l *Link) { l.in.put(func(*Link) { close(reached) }) }) {
		return
	}
	select {
	case <-reached:
	case <-l.done:
	case <-ctx.Done():
	}
}

// Message hands the link a message of its peer. It waits while the link is far
// behind: that is the back-pressure to the peer's socket.
func (l *Link) Message(p Peer, m wire.Message) {
	l.in.putWhenRoom(func(l *Link) {
		if l.peer == p { // not of a connection that is gone
			l.receive(m)
		}
	})
}

func (l *Link) receive(m wire.Message) {
	if sigs, ok := m.(*wire.AnnouncementSignatures); ok {
		l.after = append(l.after, func() { l.cfg.Above.Signatures(l, sigs) })
		return
	}
	if err := l.ch.Receive(m, l.cfg.Verifier); err != nil {
		l.log.Warn("the peer broke a rule", "message", wire.Name(m), "rule", err)
		return
	}
	l.cfg.Traces.Emit(l.observe(m, false)...)
	if _, ok := m.(*wire.ChannelReestablish); ok {
		l.after = append(l.after, l.resume, func() { l.cfg.Above.Reestablished(l) })
	}
}

// errEarly ends a connection on which an HTLC would be signed again.
var errEarly = errors.New("an HTLC that was signed before waits for the present height of the chain")

// Up says that the peer is connected. What we have signed and the peer may not have got is
// sent again, as it was: that waits for the present height, by which a channel with an
// HTLC that is past its deadline has failed.
func (l *Link) Up(p Peer) {
	l.in.put(func(l *Link) {
		if l.cfg.Present() == present.Awaited && slices.ContainsFunc(l.ch.View().HTLCs, unanswered) {
			l.after = append(l.after, func() { p.Disconnect(errEarly) })
			return
		}
		l.peer, l.words = p, nil
		l.unsay()
		l.ch.Connected(l.signer, l.cfg.Features.Has(wire.SimpleClose) && p.Features().Has(wire.SimpleClose))
		l.trace.load(l.ch)
	})
}

// unanswered says of an HTLC of ours that the peer has not acknowledged it.
func unanswered(h channel.HTLCView) bool { return !h.Incoming && h.Added == dance.Committed }

// Down says that the connection p is gone.
func (l *Link) Down(p Peer) {
	l.in.put(func(l *Link) {
		if l.peer == p {
			l.peer, l.words = nil, nil
			l.unsay()
			l.ch.Disconnected()
		}
	})
}

// Send sends messages to the peer that are not the channel's own business, such
// as a channel_update. They are dropped unless channel_reestablish has gone both
// ways: [Above.Reestablished] is the time to send them again.
//
// BOLT 2: "MUST wait to receive the other node's `channel_reestablish` message
// before sending any other messages for that channel."
func (l *Link) Send(msgs ...wire.Message) {
	l.in.put(func(l *Link) {
		if l.ch.View().Connected {
			l.words = append(l.words, msgs...)
		}
	})
}

func (l *Link) send(msgs []wire.Message) {
	if l.peer == nil || len(msgs) == 0 {
		return
	}
	if err := l.peer.Send(msgs...); err != nil {
		l.log.Debug("not sent", "why", err)
		l.peer.Disconnect(err) // nothing may go out after what was written as sent and was not
	}
}

// run is the link's loop; it ends with ctx.
func (l *Link) run(ctx context.Context) {
	defer close(l.done)
	defer l.in.close()
	defer l.unsay()
	for {
		inputs, err := l.in.take(ctx)
		if err != nil {
			return
		}
		if err := l.turn(ctx, inputs); err != nil {
			if ctx.Err() == nil {
				l.cfg.Fatal(fmt.Errorf("channel %s: %w", l.ID(), err))
			}
			return
		}
	}
}

// turn feeds a batch of inputs to the channel, makes the outcome durable, and
// then visible.
func (l *Link) turn(ctx context.Context, inputs []input) error {
	l.mu.Lock()
	for _, apply := range inputs {
		apply(l)
	}
	pending, err := l.ch.Take(l.signer)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	visible, err := pending.With(l.rows...).Commit(ctx, l.cfg.Store)
	l.rows = nil
	if err != nil {
		return err
	}
	l.say(l.words, visible.Send)
	l.words = nil
	for _, e := range visible.Raise {
		l.raise(e)
	}
	after := l.after
	l.after = nil
	for _, f := range after {
		f()
	}
	if visible.Disconnect && l.peer != nil {
		l.flush()
		l.peer.Disconnect(errors.New("the channel's rules were broken"))
	}
	return nil
}

// raise passes on what the channel raised.
func (l *Link) raise(e channel.Event) {
	switch e := e.(type) {
	case channel.Incoming:
		l.decide(e)
	case channel.Resolved:
		if e.Origin.In != nil {
			l.links.resolved(e)
		} else {
			l.cfg.Sender.Resolved(e)
		}
	case channel.Unsent:
		l.refuse(e.Add.Origin, channel.ErrOffline)
	case channel.Settled:
		l.links.exchanged(e.Ref)
		l.desk.Settled(e.Ref.ID)
	case channel.Ready:
		l.links.name(l, e.SCID, l.params.LocalAlias)
		l.trace.scid = e.SCID
		l.cfg.Above.Raised(l, e)
	default:
		l.cfg.Above.Raised(l, e)
	}
}

// refuse tells the origin of an HTLC that it was not and will not be signed here.
func (l *Link) refuse(o channel.Origin, why error) {
	if o.In != nil {
		_, _, update := l.cfg.Policy(l)
		if in, ok := l.links.Get(o.In.Channel); ok {
			in.reject(o.In.ID, onion.TemporaryChannelFailure(update))
		}
		return
	}
	l.cfg.Sender.Refused(o.Attempt, why)
}

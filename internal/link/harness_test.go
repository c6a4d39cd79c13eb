package link

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"go.uber.org/goleak"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/steps"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type verifier struct{}

func (verifier) Verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}

// side is a node as far as its links need one: a real store and real keys below
// them, and above them the test.
type side struct {
	t      *testing.T
	name   string
	store  *store.Store
	ring   *keys.Ring
	links  *Links
	traces events.Traces
	steps  *steps.Gate // off, unless a test turns it on

	present atomic.Uint32 // a present.State

	mu            sync.Mutex
	writes        int
	gate          chan struct{} // a write waits until it is closed; nil: none
	waiting       chan struct{} // closed when a write waits
	preimages     map[wire.PaymentHash]wire.Preimage
	offers        []channel.Incoming
	resolved      []channel.Resolved
	refused       map[uint64]error
	raised        []channel.Event
	signatures    int
	reestablished int
	faults        []error
	dying         bool          // the process ends after a decision is written, before the link hears of it
	back          func(l *Link) // what every handler calls
}

const height = 500

func newSide(t *testing.T, name string) *side {
	t.Helper()
	s := &side{t: t, name: name, steps: steps.New(), preimages: map[wire.PaymentHash]wire.Preimage{}, refused: map[uint64]error{}}
	var err error
	if s.store, err = store.Open(t.Context(), ready.Dir(t, t.TempDir())); err != nil {
		t.Fatal(err)
	}
	entropy := sha256.Sum256([]byte(name))
	seed, err := keys.NewSeed(bytes.NewReader(entropy[:]))
	if err != nil {
		t.Fatal(err)
	}
	if s.ring, err = keys.NewRing(seed, &chaincfg.RegressionNetParams); err != nil {
		t.Fatal(err)
	}
	s.links = s.newLinks()
	t.Cleanup(func() {
		s.links.Close()
		s.store.Close()
	})
	return s
}

func (s *side) newLinks() *Links {
	return New(Config{
		Store: s, Verifier: verifier{}, Key: s.ring.Node(), Receiver: s, Sender: s, Above: s,
		Policy: func(*Link) (relay.Policy, []relay.Policy, *wire.ChannelUpdate) {
			return relay.DefaultPolicy(), nil, nil
		},
		Present: func() present.State { return present.State(s.present.Load()) }, //nolint:gosec // of 8 bits
		Height:  func() uint32 { return height }, Traces: &s.traces, Steps: s.steps, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.faults = append(s.faults, err)
		},
	})
}

// Write counts writes and holds them up when the test wishes so.
func (s *side) Write(ctx context.Context, rows ...durable.Row) error {
	s.mu.Lock()
	s.writes++
	gate := s.gate
	if gate != nil && s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return s.store.Write(ctx, rows...)
}

// hold lets the next write wait until the test calls what it returns.
func (s *side) hold() (reached <-chan struct{}, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate, waiting := make(chan struct{}), make(chan struct{})
	s.gate, s.waiting = gate, waiting
	return waiting, func() {
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
	}
}

func (s *side) called(l *Link) {
	s.mu.Lock()
	back := s.back
	s.mu.Unlock()
	if back != nil {
		back(l)
	}
}

// Offer implements Receiver: what has a preimage is fulfilled, the rest failed.
func (s *side) Offer(in channel.Incoming, _ onion.Payload) {
	s.mu.Lock()
	s.offers = append(s.offers, in)
	preimage, ok := s.preimages[in.PaymentHash]
	s.mu.Unlock()
	if l, ok := s.links.Get(in.Ref.Channel); ok {
		s.called(l)
	}
	if !ok {
		s.links.Fail(in.Ref, onion.IncorrectOrUnknownPaymentDetails(in.Amount, height))
		return
	}
	if err := s.store.Write(s.t.Context(), relay.DecisionRow{In: in.Ref, Kind: relay.Fulfil, Preimage: preimage}); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	dying := s.dying
	s.mu.Unlock()
	if !dying {
		s.links.Fulfil(in.Ref, preimage)
	}
}

// Resolved and Refused implement Sender.
func (s *side) Resolved(r channel.Resolved) {
	s.mu.Lock()
	s.resolved = append(s.resolved, r)
	s.mu.Unlock()
	if l, ok := s.links.Get(r.Out.Channel); ok {
		s.called(l)
	}
}

func (s *side) Refused(attempt uint64, why error) {
	s.mu.Lock()
	s.refused[attempt] = why
	s.mu.Unlock()
	for _, l := range s.links.All() {
		s.called(l)
	}
}

// Raised, Signatures and Reestablished implement Above.
func (s *side) Raised(l *Link, e channel.Event) {
	s.mu.Lock()
	s.raised = append(s.raised, e)
	s.mu.Unlock()
	s.called(l)
}

func (s *side) Signatures(l *Link, _ *wire.AnnouncementSignatures) {
	s.mu.Lock()
	s.signatures++
	s.mu.Unlock()
	s.called(l)
}

func (s *side) Reestablished(l *Link) {
	s.mu.Lock()
	s.reestablished++
	s.mu.Unlock()
	s.called(l)
}

// conn is a connection of two sides in memory.
type conn struct {
	ends [2]*end
	done chan struct{}

	mu     sync.Mutex
	budget int // messages until it is cut; below zero: never
	over   bool
	log    []string // of the messages that were sent, with who sent them
}

// end is one side's view of a connection.
type end struct {
	conn        *conn
	self, other *side
	in          chan wire.Message
}

func (e *end) ID() wire.NodeID { return e.other.ring.Node().ID() }

func (e *end) Disconnect(error) { e.conn.cut() }

func (e *end) Send(msgs ...wire.Message) error {
	c := e.conn
	for _, m := range msgs {
		c.mu.Lock()
		over := c.over || c.budget == 0
		if !over {
			c.budget--
			c.log = append(c.log, e.self.name+" "+wire.Name(m))
		}
		c.mu.Unlock()
		if over {
			c.cut()
			return io.ErrClosedPipe
		}
		decoded, err := wire.Decode(wire.Encode(m))
		if err != nil {
			e.self.t.Errorf("%s: %v", wire.Name(m), err)
			return err
		}
		for _, to := range c.ends {
			if to != e {
				to.in <- decoded
			}
		}
	}
	return nil
}

func (e *end) Features() wire.Features {
	return wire.NewFeatures(wire.ShutdownAnySegwit+1, wire.SimpleClose+1)
}

func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		close(c.done)
	}
}

func (c *conn) sent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log
}

// newConn connects two sides; their links hear of it unless they are to begin on
// it.
func newConn(a, b *side, budget int, up bool) *conn {
	c := &conn{done: make(chan struct{}), budget: budget}
	c.ends[0] = &end{conn: c, self: a, other: b, in: make(chan wire.Message, 1000)}
	c.ends[1] = &end{conn: c, self: b, other: a, in: make(chan wire.Message, 1000)}
	a.t.Cleanup(c.cut)
	for _, e := range c.ends {
		go e.read(up)
	}
	return c
}

// read tells the links of the connection, hands them what comes, and at the end
// tells them, all from one goroutine.
func (e *end) read(up bool) {
	if up {
		for _, l := range e.self.to(e.other) {
			l.Up(e)
		}
	}
	for {
		select {
		case m := <-e.in:
			id := reflect.ValueOf(m).Elem().FieldByName("ChannelID")
			if !id.IsValid() {
				continue // it is not for a link
			}
			if l, ok := e.self.links.Get(id.Interface().(wire.ChannelID)); ok {
				l.Message(e, m)
			}
		case <-e.conn.done:
			for _, l := range e.self.to(e.other) {
				l.Down(e)
			}
			return
		}
	}
}

// to are the links with the other side.
func (s *side) to(other *side) (links []*Link) {
	for _, l := range s.links.All() {
		if l.Params().Peer == other.ring.Node().ID() {
			links = append(links, l)
		}
	}
	return links
}

// connect connects the channels of two sides again.
func connect(a, b *side, budget int) *conn {
	c := newConn(a, b, budget, true)
	synctest.Wait()
	return c
}

func commit[V any](s *side, p durable.Pending[V], err error) V {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := p.Commit(s.t.Context(), s.store)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// pair is a channel: its opener's link and the other one.
type pair struct {
	links [2]*Link
	scid  wire.ShortChannelID
	conn  *conn
}

const capacity amount.Satoshi = 1_000_000

// born opens a channel between two sides, each of which has half of it; its
// funding output is not confirmed.
func born(a, b *side, number uint32) *pair {
	a.t.Helper()
	features := wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.ChannelType)
	config := func(s, other *side) open.Config {
		signer, err := s.ring.Channel(number)
		if err != nil {
			s.t.Fatal(err)
		}
		return open.Config{
			Policy: open.DefaultPolicy(), Chain: *chaincfg.RegressionNetParams.GenesisHash, Peer: other.ring.Node().ID(),
			Ours: features, Theirs: features, KeyIndex: number, Signer: signer, Script: append([]byte{0, 20}, make([]byte, 20)...),
		}
	}
	ca, cb := config(a, b), config(b, a)
	o, hello, err := open.Start(ca, open.Request{
		TemporaryID: wire.ChannelID{1}, Funding: capacity, Push: capacity.Msat() / 2, FeePerKw: 1000,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	acc, answer, err := open.Accept(cb, hello)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := o.Accepted(answer); err != nil {
		a.t.Fatal(err)
	}
	at := btcwire.OutPoint{Hash: sha256.Sum256([]byte(fmt.Sprint(a.name, b.name, number))), Index: 1}
	hold, err := o.Funded(at)
	created := commit(a, hold, err)
	pending, err := acc.Created(created, verifier{})
	theirs := commit(b, pending, err)
	signed, err := o.Signed(theirs.A.Send[0].(*wire.FundingSigned), verifier{})
	ours := commit(a, signed, err)

	p := &pair{scid: wire.NewShortChannelID(400, number, 1), conn: newConn(a, b, -1, false)}
	for i, x := range []struct {
		*side
		ch     *channel.Channel
		signer channel.Signer
	}{{a, ours.A.Channel, ca.Signer}, {b, theirs.A.Channel, cb.Signer}} {
		p.links[i] = x.links.Add(x.ch, x.signer, Begin{})
		p.links[i].Begin(p.conn.ends[i], nil)
		p.links[i].Start()
	}
	return p
}

// confirm tells both sides that the funding output is deep enough.
func (p *pair) confirm() {
	for _, l := range p.links {
		l.Do(func(ch *channel.Channel) { ch.FundingDepth(p.scid, 6) })
	}
	synctest.Wait()
}

// opened is a channel that can be used.
func opened(a, b *side, number uint32) *pair {
	a.t.Helper()
	p := born(a, b, number)
	p.confirm()
	for _, l := range p.links {
		if _, usable := l.Capacity(); !usable {
			a.t.Fatalf("the channel is %s", l.View().State)
		}
	}
	return p
}

// payment is an HTLC for the last of some sides, over channels between them.
func payment(number byte, amt amount.MilliSatoshi, hops []*side, over []*pair) (wire.Preimage, channel.Add) {
	preimage := wire.Preimage{number, 1}
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	const final = height + 40
	at := make([]onion.Hop, len(hops))
	fee := relay.DefaultPolicy()
	expiry := uint32(final)
	for i := len(hops) - 1; i >= 0; i-- {
		at[i] = onion.Hop{NodeID: hops[i].ring.Node().ID(), Payload: onion.Payload{AmtToForward: amt, OutgoingCLTV: expiry}}
		if i < len(hops)-1 {
			at[i].Payload.ShortChannelID = &over[i+1].scid
			amt += fee.Fee(amt)
			expiry += uint32(fee.CLTVExpiryDelta)
		} else {
			at[i].Payload.PaymentSecret, at[i].Payload.TotalMsat = &[32]byte{9}, amt
		}
	}
	session, _ := btcec.PrivKeyFromBytes(hash[:])
	packet, err := onion.Build(session, at, hash)
	if err != nil {
		hops[0].t.Fatal(err)
	}
	return preimage, channel.Add{
		Amount: amt, PaymentHash: hash, CLTVExpiry: expiry, Onion: packet, Origin: channel.Origin{Attempt: uint64(number)},
	}
}

// agree says whether both sides of a channel have the same in mind, that nothing
// is in flight, and that each side's rows say what its machine says.
func (p *pair) agree(t *testing.T, sides ...*side) {
	t.Helper()
	a, b := p.links[0].View(), p.links[1].View()
	if a.ToLocal != b.ToRemote || a.ToRemote != b.ToLocal || a.ToLocal+a.ToRemote != capacity.Msat() || len(a.HTLCs)+len(b.HTLCs) != 0 {
		t.Errorf("the sides do not agree:\n%+v\n%+v", a, b)
	}
	for i, v := range []channel.View{a, b} {
		tr := p.links[i].trace
		if tr.local != v.NumberOfCommitments[dance.Local] || tr.remote != v.NumberOfCommitments[dance.Remote] ||
			len(tr.moving)+len(tr.htlcs) != 0 || tr.all.Ours != v.ToLocal || tr.all.Peers != v.ToRemote {
			t.Errorf("the tracer has lost its way: %+v, the commitments are %v", tr, v.NumberOfCommitments)
		}
	}
	for i, s := range sides {
		rows, err := s.store.Channels(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Params.Channel != p.links[0].ID() {
				continue
			}
			ch, err := channel.Load(r)
			if err != nil {
				t.Fatal(err)
			}
			if v, m := ch.View(), p.links[i].View(); v.ToLocal != m.ToLocal || v.State != m.State || len(v.HTLCs) != len(m.HTLCs) ||
				v.NumberOfCommitments != m.NumberOfCommitments {
				t.Errorf("%s's rows say %+v, the link %+v", s.name, v, m)
			}
		}
		if len(s.faults) != 0 {
			t.Errorf("%s ended: %v", s.name, s.faults)
		}
	}
}

package gossip

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/store"
)

var chainHash = chainhash.Hash{1, 2, 3}

const capacity amount.Satoshi = 1_000_000

// identity is a node of the network, with its key.
type identity struct {
	key *btcec.PrivateKey
	id  wire.NodeID
}

var identities sync.Map // by number

func identityOf(n uint64) identity {
	if i, ok := identities.Load(n); ok {
		return i.(identity)
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("identity"), n))
	key, pub := btcec.PrivKeyFromBytes(seed[:])
	i := identity{key, wire.PointOf(pub)}
	identities.Store(n, i)
	return i
}

func (i identity) sign(hash [32]byte) wire.Signature { return script.Sign(i.key, hash) }

// announce makes the channel_announcement of a channel between two nodes, whose
// funding keys are the nodes' keys.
func announce(scid wire.ShortChannelID, x, y identity) *wire.ChannelAnnouncement {
	a := graph.NewAnnouncement(chainHash, scid, graph.Half{Node: x.id, Bitcoin: x.id}, graph.Half{Node: y.id, Bitcoin: y.id})
	if a.NodeID1 != x.id {
		x, y = y, x
	}
	hash := graph.Digest(a)
	a.NodeSignature1, a.BitcoinSignature1 = x.sign(hash), x.sign(hash)
	a.NodeSignature2, a.BitcoinSignature2 = y.sign(hash), y.sign(hash)
	return a
}

// update makes a node's channel_update for a channel with a peer.
func update(scid wire.ShortChannelID, from, peer identity, at time.Time, change ...func(u *wire.ChannelUpdate)) *wire.ChannelUpdate {
	u := &wire.ChannelUpdate{
		ChainHash: chainHash, ShortChannelID: scid, Timestamp: uint32(at.Unix()),
		CLTVExpiryDelta: 40, HTLCMinimumMsat: 1, FeeBaseMsat: 1000, HTLCMaximumMsat: capacity.Msat(),
	}
	for _, f := range change {
		f(u)
	}
	return graph.SignUpdate(u, from.id, peer.id, from.sign)
}

func fee(base uint32) func(u *wire.ChannelUpdate) {
	return func(u *wire.ChannelUpdate) { u.FeeBaseMsat = base }
}

func disable(u *wire.ChannelUpdate) { u.ChannelFlags |= disableFlag }

func nodeAnnouncement(i identity, at time.Time, alias string) *wire.NodeAnnouncement {
	n := &wire.NodeAnnouncement{Timestamp: uint32(at.Unix()), NodeID: i.id}
	copy(n.Alias[:], alias)
	return graph.SignNode(n, i.sign)
}

// world is some books, the chain that they see, and the time.
type world struct {
	*testing.T
	now     time.Time
	height  uint32
	outputs map[wire.ShortChannelID]*btcwire.TxOut
	lookups int
	broken  error // what the chain says instead of an answer
	absent  error // and what of an output that is not there
	queue   []letter
	books   []*book
	log     []string // what went from whom to whom
}

func newWorld(t *testing.T) *world {
	return &world{
		T: t, now: time.Unix(1_800_000_000, 0), height: 800_000,
		outputs: map[wire.ShortChannelID]*btcwire.TxOut{}, absent: chain.ErrNoOutput,
	}
}

// Output implements [Chain].
func (w *world) Output(_ context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	w.lookups++
	if w.broken != nil {
		return nil, btcwire.OutPoint{}, w.broken
	}
	if out := w.outputs[scid]; out != nil {
		return out, btcwire.OutPoint{}, nil
	}
	return nil, btcwire.OutPoint{}, w.absent
}

// fund puts a channel's funding output on the chain.
func (w *world) fund(a *wire.ChannelAnnouncement) {
	w.outputs[a.ShortChannelID] = &btcwire.TxOut{Value: int64(capacity), PkScript: graph.FundingScript(a)}
}

// disk is a store in memory.
type disk struct {
	rows   map[key]durable.Row
	fact   *store.Fact
	writes int
	reads  int
}

func (d *disk) Write(ctx context.Context, rows ...durable.Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.writes++
	for _, r := range rows {
		switch r := r.(type) {
		case graph.AnnouncementRow:
			d.rows[announcementKey(r.SCID)] = r
		case graph.UpdateRow:
			d.rows[key{kind: kindUpdate + r.Direction, scid: r.SCID}] = r
		case graph.NodeRow:
			d.rows[nodeKey(r.Node)] = r
		case graph.GoneRow:
			for k := kindAnnouncement; k < kindNode; k++ {
				delete(d.rows, key{kind: k, scid: r.SCID})
			}
		case store.NodeGoneRow:
			delete(d.rows, nodeKey(r.ID))
		case store.Fact:
			d.fact = &r
		default:
			panic(fmt.Sprintf("a row of type %T", r))
		}
	}
	return nil
}

func (d *disk) ChannelGossip(_ context.Context, scid wire.ShortChannelID) (a []byte, u [2][]byte, err error) {
	d.reads++
	if r, ok := d.rows[announcementKey(scid)].(graph.AnnouncementRow); ok {
		a = r.Raw
	}
	for i := range u {
		if r, ok := d.rows[key{kind: kindUpdate + uint8(i), scid: scid}].(graph.UpdateRow); ok {
			u[i] = r.Raw
		}
	}
	return a, u, nil
}

func (d *disk) NodeGossip(_ context.Context, id wire.NodeID) ([]byte, error) {
	d.reads++
	if r, ok := d.rows[nodeKey(id)].(graph.NodeRow); ok {
		return r.Raw, nil
	}
	return nil, nil
}

// all is what a restart loads, in order.
func (d *disk) all() (out []durable.Row) {
	for _, kinds := range [][]uint8{{kindAnnouncement}, {kindUpdate, kindUpdate + 1}, {kindNode}} {
		for k, r := range d.rows {
			if slices.Contains(kinds, k.kind) {
				out = append(out, r)
			}
		}
	}
	if d.fact != nil {
		out = append(out, *d.fact)
	}
	return out
}

// book is a Book with its name and its disk.
type book struct {
	*Book
	w    *world
	name string
	self identity
	disk *disk
	ours map[wire.NodeID]bool // with whom it has a channel
}

func (w *world) book(name string, n uint64) *book {
	k := &book{w: w, name: name, self: identityOf(n), disk: &disk{rows: map[key]durable.Row{}}, ours: map[wire.NodeID]bool{}}
	k.start()
	w.books = append(w.books, k)
	return k
}

// start makes the Book from what is on its disk.
func (k *book) start() {
	k.w.Helper()
	b, err := New(Config{
		Chain: chainHash, Source: k.w, Height: func() uint32 { return k.w.height }, Store: k.disk,
		Ours: func(id wire.NodeID) bool { return k.ours[id] },
		Now:  func() time.Time { return k.w.now }, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) { panic(err) },
	}, k.disk.all())
	if err != nil {
		k.w.Fatal(err)
	}
	k.Book = b
}

// Block also takes what was waiting for the block, which a node does beside the rest.
func (k *book) Block(ctx context.Context, txs ...*btcwire.MsgTx) {
	k.Book.Block(ctx, txs...)
	k.Grow(ctx)
}

// end is a book's end of a connection.
type end struct {
	owner    *book
	other    *end // nil: nobody reads it
	id       wire.NodeID
	features wire.Features
	sent     []wire.Message // what the owner sent, as the other end decodes it
	reason   error          // why the owner ended it
	down     bool
	deaf     bool // nothing of what was sent is read
	queued   int  // bytes of it
}

type letter struct {
	to *end
	m  wire.Message
}

func (e *end) ID() wire.NodeID         { return e.id }
func (e *end) Features() wire.Features { return e.features }
func (e *end) Queued() int             { return e.queued }

func (e *end) Send(msgs ...wire.Message) error {
	if e.reason != nil || e.down {
		return errors.New("the connection is over")
	}
	for _, m := range msgs {
		raw, err := wire.AppendMessage(nil, m)
		if err != nil {
			e.owner.w.Errorf("%s sends what cannot be sent: %v", e.owner.name, err)
			return err
		}
		if e.deaf {
			e.queued += len(raw)
			continue
		}
		if m, err = wire.Decode(raw); err != nil {
			e.owner.w.Errorf("%s sends what cannot be read: %v", e.owner.name, err)
			return err
		}
		e.sent = append(e.sent, m)
		if e.other != nil {
			e.owner.w.queue = append(e.owner.w.queue, letter{e.other, m})
		}
	}
	return nil
}

func (e *end) Disconnect(reason error) {
	if e.reason == nil {
		e.reason = reason
	}
}

var extended = wire.NewFeatures(wire.GossipQueries+1, wire.GossipQueriesEx+1)

// connect connects two books and lets them talk until both are silent.
func (w *world) connect(x, y *book) (*end, *end) {
	a := &end{owner: x, id: y.self.id, features: extended}
	b := &end{owner: y, id: x.self.id, features: extended}
	a.other, b.other = b, a
	x.Up(a)
	y.Up(b)
	w.settle()
	return a, b
}

// stranger connects a book with a peer whose words the test writes.
func (k *book) stranger(n uint64, f wire.Features) *end {
	e := &end{owner: k, id: identityOf(n).id, features: f}
	k.Up(e)
	return e
}

// takes hands a message of a stranger to a book.
func (k *book) takes(e *end, msgs ...wire.Message) {
	k.w.Helper()
	for _, m := range msgs {
		if !k.Message(k.w.Context(), e, m) {
			k.w.Fatalf("%s is not gossip", wire.Name(m))
		}
	}
}

// got is what was sent to a stranger since the last call.
func (e *end) got() []wire.Message {
	out := e.sent
	e.sent = nil
	return out
}

// settle delivers messages until there are none.
func (w *world) settle() {
	w.Helper()
	for n := 0; len(w.queue) > 0; n++ {
		if n > 1_000_000 {
			w.Fatal("the books never stop talking")
		}
		l := w.queue[0]
		w.queue = w.queue[1:]
		if l.to.down || l.to.reason != nil {
			continue
		}
		w.log = append(w.log, l.to.other.owner.name+" to "+l.to.owner.name+": "+wire.Name(l.m))
		if _, ok := l.m.(*wire.Warning); ok {
			w.Errorf("%s warns %s: %s", l.to.other.owner.name, l.to.owner.name, l.m.(*wire.Warning).Data)
			continue
		}
		l.to.owner.Message(w.Context(), l.to, l.m)
	}
}

// pass lets time pass, a second at a time.
func (w *world) pass(d time.Duration) {
	for range int(d / time.Second) {
		w.now = w.now.Add(time.Second)
		for _, k := range w.books {
			k.Tick(w.Context())
		}
		w.settle()
	}
}

// leap lets time pass at once.
func (w *world) leap(d time.Duration) {
	w.now = w.now.Add(d - time.Second)
	w.pass(time.Second)
}

// hours lets hours pass, and the first seconds of each.
func (w *world) hours(n int) {
	for range n {
		w.leap(time.Hour)
		w.pass(2 * time.Second)
	}
}

// picture is all that a book knows, as text: for each message its checksum.
func (k *book) picture() (out []string) {
	k.Tick(k.w.Context())
	k.Read(func(g *graph.Graph) {
		for i := range g.Channels() {
			c := &g.Channels()[i]
			if !c.Public() {
				continue
			}
			a, u, _ := k.disk.ChannelGossip(k.w.Context(), c.SCID)
			out = append(out, fmt.Sprintf("%s %x %x %x", c.SCID, sha256.Sum256(a), sha256.Sum256(u[0]), sha256.Sum256(u[1])))
			if a == nil || (u[0] != nil) != c.Policies[0].Known() || (u[1] != nil) != c.Policies[1].Known() {
				k.w.Errorf("%s: what is on disk of %s is not what is in the graph", k.name, c.SCID)
			}
			for _, n := range c.Nodes {
				node := &g.Nodes()[n]
				raw, _ := k.disk.NodeGossip(k.w.Context(), node.ID)
				out = append(out, fmt.Sprintf("%s %d %x", node.ID, node.Timestamp, sha256.Sum256(raw)))
			}
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// network is the gossip of some channels, two directions each, and of their nodes.
func (w *world) network(channels int) (out []wire.Message) {
	const hubs = 7
	for i := range channels {
		x, y := identityOf(uint64(1000+i%hubs)), identityOf(uint64(2000+i))
		scid := wire.NewShortChannelID(uint32(700_000+i/3), uint32(i%3), 0)
		a := announce(scid, x, y)
		w.fund(a)
		out = append(out, a, update(scid, x, y, w.now.Add(-time.Hour)), update(scid, y, x, w.now.Add(-2*time.Hour)))
		if i < hubs {
			out = append(out, nodeAnnouncement(x, w.now.Add(-time.Hour), "hub"))
		}
		if i%2 == 0 {
			out = append(out, nodeAnnouncement(y, w.now.Add(-3*time.Hour), "leaf"))
		}
	}
	return out
}

// learns gives a book gossip from a peer that leaves.
func (k *book) learns(msgs ...wire.Message) {
	k.w.Helper()
	e := k.stranger(99, nil)
	k.takes(e, msgs...)
	if e.reason != nil {
		k.w.Fatalf("%s does not believe: %v", k.name, e.reason)
	}
	k.Down(e)
	k.Tick(k.w.Context())
}

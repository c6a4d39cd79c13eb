package assetgossip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/store/heard"
	"github.com/leyden-ln/leyden/internal/tokens"
)

var chainHash = chainhash.Hash{1, 2, 3}

const (
	tea      amount.Property = 31
	capacity amount.Units    = 1000
)

type identity struct {
	key *btcec.PrivateKey
	id  wire.NodeID
}

var identities = map[int]identity{}

func identityOf(n int) identity {
	i, ok := identities[n]
	if !ok {
		seed := sha256.Sum256(fmt.Appendf(nil, "identity %d", n))
		key, pub := btcec.PrivKeyFromBytes(seed[:])
		i = identity{key, wire.PointOf(pub)}
		identities[n] = i
	}
	return i
}

func (i identity) sign(hash [32]byte) wire.Signature { return script.Sign(i.key, hash) }

// channel is one between two nodes, with funding keys of its own.
type channel struct {
	scid wire.ShortChannelID
	x, y identity
	keys [2]identity
}

func channelOf(n int) channel {
	return channel{wire.NewShortChannelID(700_000+uint32(n), 1, 0), identityOf(n % 7), identityOf(100 + n), [2]identity{identityOf(10_000 + n), identityOf(20_000 + n)}}
}

// announce signs the announcement of a channel after a change of it.
func (c channel) announce(change ...func(a *wire.AssetChannelAnnouncement)) *wire.AssetChannelAnnouncement {
	a := c.unsigned()
	for _, f := range change {
		f(a)
	}
	hash, one, two := a.Digest(), 0, 1
	if a.NodeID1 != c.x.id {
		one, two = 1, 0
	}
	nodes := [2]identity{c.x, c.y}
	a.NodeSignature1, a.NodeSignature2 = nodes[one].sign(hash), nodes[two].sign(hash)
	a.BitcoinSignature1, a.BitcoinSignature2 = c.keys[one].sign(hash), c.keys[two].sign(hash)
	return a
}

func (c channel) unsigned() *wire.AssetChannelAnnouncement {
	us, peer := graph.Half{Node: c.x.id, Bitcoin: c.keys[0].id}, graph.Half{Node: c.y.id, Bitcoin: c.keys[1].id}
	return assetgraph.NewAnnouncement(chainHash, c.scid, tea, capacity, us, peer)
}

// update is the update of a side: 0 is x's.
func (c channel) update(side int, at time.Time, change ...func(u *wire.AssetChannelUpdate)) *wire.AssetChannelUpdate {
	u := &wire.AssetChannelUpdate{
		ChainHash: chainHash, ShortChannelID: c.scid, Timestamp: uint32(at.Unix()), CLTVExpiryDelta: 40, HTLCMinimum: 1, HTLCMaximum: capacity,
		FeeBaseMsat: 1000, FeeProportionalMillionths: 10, Carrier: 2_000_000,
	}
	for _, f := range change {
		f(u)
	}
	from, to := c.x, c.y
	if side == 1 {
		from, to = c.y, c.x
	}
	return assetgraph.SignUpdate(u, from.id, to.id, from.sign)
}

// world is some books, the chain and the ledger that they see, and the time.
type world struct {
	*testing.T
	now     time.Time
	height  uint32
	outputs map[wire.ShortChannelID]*btcwire.TxOut
	looks   int
	chain   error // what the chain says instead of an answer
	ledger  error // what the ledger says instead of an answer
	has     map[string]amount.Units
	queue   []letter
	books   []*book
}

func newWorld(t *testing.T) *world {
	return &world{
		T: t, now: time.Unix(1_800_000_000, 0), height: 800_000, outputs: map[wire.ShortChannelID]*btcwire.TxOut{}, has: map[string]amount.Units{},
	}
}

// Output implements [Chain].
func (w *world) Output(_ context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	w.looks++
	if w.chain != nil {
		return nil, btcwire.OutPoint{}, w.chain
	}
	if out := w.outputs[scid]; out != nil {
		return out, btcwire.OutPoint{}, nil
	}
	return nil, btcwire.OutPoint{}, chain.ErrNoOutput
}

// Refute implements [Ledger].
func (w *world) Refute(_ context.Context, height uint32, claims ...tokens.Claim) (why []string, err error) {
	if w.ledger != nil {
		return nil, w.ledger
	}
	if height > w.height {
		return nil, tokens.ErrBehind
	}
	for _, c := range claims {
		w := ""
		if c.Property != tea {
			w = "there is no such property"
		}
		why = append(why, w)
	}
	for i, c := range claims {
		if why[i] == "" && w.has[string(c.Script)] < c.Units {
			why[i] = "too few"
		}
	}
	return why, nil
}

// fund puts channels and their tokens on the chain.
func (w *world) fund(channels ...channel) {
	for _, c := range channels {
		pk := assetgraph.FundingScript(c.unsigned())
		w.outputs[c.scid], w.has[string(pk)] = &btcwire.TxOut{Value: 100_000, PkScript: pk}, capacity
	}
}

// network is so many channels with all that is said of them.
func (w *world) network(n int) (out []wire.Message) {
	for i := range n {
		c := channelOf(i)
		w.fund(c)
		out = append(out, c.announce(), c.update(0, w.now.Add(-time.Hour)), c.update(1, w.now.Add(-time.Hour)))
	}
	return out
}

// book is a Book with its disk.
type book struct {
	*Book
	w    *world
	self identity
	disk map[string]heard.Row
	ours map[wire.NodeID]bool
	full error       // what the disk says instead of writing
	end  func(error) // what is called when it does; nil: panic
}

func (w *world) book(n int) *book {
	k := &book{w: w, self: identityOf(n), disk: map[string]heard.Row{}, ours: map[wire.NodeID]bool{}}
	k.start()
	w.books = append(w.books, k)
	return k
}

// Write implements [durable.Writer].
func (k *book) Write(ctx context.Context, all ...durable.Row) error {
	if k.full != nil {
		return k.full
	}
	for _, r := range all {
		r := r.(heard.Row)
		if k.disk[nameOf(r)] = r; r.Raw == nil {
			delete(k.disk, nameOf(r))
		}
	}
	return ctx.Err()
}

func nameOf(r heard.Row) string { return fmt.Sprintf("%05d %x", r.Kind, r.About) }

// start makes the Book from what is on its disk.
func (k *book) start() {
	k.w.Helper()
	var names []string
	for name := range k.disk {
		names = append(names, name)
	}
	slices.Sort(names)
	var stored []heard.Row
	for _, name := range names {
		stored = append(stored, k.disk[name])
	}
	b, err := New(Config{
		Us: k.self.id, Chain: chainHash, Source: k.w, Ledger: k.w, Height: func() uint32 { return k.w.height }, Store: k, Flush: time.Second,
		Ours: func(id wire.NodeID) bool { return k.ours[id] }, Now: func() time.Time { return k.w.now }, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) {
			if k.end == nil {
				panic(err)
			}
			k.end(err)
		},
	}, stored)
	if err != nil {
		k.w.Fatal(err)
	}
	k.Book = b
}

// end is a book's end of a connection.
type end struct {
	owner  *book
	other  *end // nil: nobody reads it
	id     wire.NodeID
	sent   []wire.Message
	reason error // why the owner ended it
	queued int
}

type letter struct {
	to *end
	m  wire.Message
}

func (e *end) ID() wire.NodeID { return e.id }
func (e *end) Queued() int     { return e.queued }

func (e *end) Disconnect(reason error) { e.reason = errors.Join(e.reason, reason) }

func (e *end) Send(msgs ...wire.Message) error {
	for _, m := range msgs {
		raw := wire.Encode(m)
		m, err := wire.Decode(raw)
		if u, ok := m.(*wire.Unknown); ok {
			m, err = wire.DecodeAsset(u)
		}
		if err != nil {
			return err
		}
		e.durable(m, raw)
		e.sent = append(e.sent, m)
		if e.other != nil {
			e.owner.w.queue = append(e.owner.w.queue, letter{e.other, m})
		}
	}
	return nil
}

// durable checks that what is told is on the owner's disk.
func (e *end) durable(m wire.Message, raw []byte) {
	k := key{}
	switch m := m.(type) {
	case *wire.AssetChannelAnnouncement:
		k = announcementKey(m.ShortChannelID)
	case *wire.AssetChannelUpdate:
		k = updateKey(m)
	case *wire.AssetRate:
		k = rateKey(assetgraph.ExchangeOf(m))
	default:
		return
	}
	if row, there := e.owner.disk[nameOf(k.row(nil))]; !there || !bytes.Equal(row.Raw, raw) {
		e.owner.w.Errorf("%s of %s is told before it is on disk", wire.Name(m), k.scid)
	}
}

// connect connects two books.
func (w *world) connect(x, y *book) (*end, *end) {
	a, b := &end{owner: x, id: y.self.id}, &end{owner: y, id: x.self.id}
	a.other, b.other = b, a
	x.Up(a)
	y.Up(b)
	return a, b
}

// peer connects a book with a peer whose words the test writes.
func (k *book) peer(n int) *end {
	e := &end{owner: k, id: identityOf(n).id}
	k.Up(e)
	return e
}

func (k *book) takes(e *end, msgs ...wire.Message) {
	for _, m := range msgs {
		k.Message(k.w.Context(), e, m)
	}
}

// pass lets time pass, a second at a time, and delivers what is said.
func (w *world) pass(d time.Duration) {
	for range int(d / time.Second) {
		w.now = w.now.Add(time.Second)
		for _, k := range w.books {
			k.Tick(w.Context())
		}
		for len(w.queue) > 0 {
			l := w.queue[0]
			w.queue = w.queue[1:]
			if warning, ok := l.m.(*wire.Warning); ok {
				w.Errorf("a warning: %s", warning.Data)
			}
			l.to.owner.Message(w.Context(), l.to, l.m)
		}
	}
}

// knows is all that a book knows, as it came.
func (k *book) knows() (out []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for scid, e := range k.entries {
		out = append(out, fmt.Sprintf("%v %x %x", scid, sha256.Sum256(e.announcement), sha256.Sum256(bytes.Join(e.updates[:], nil))))
	}
	slices.Sort(out)
	return out
}

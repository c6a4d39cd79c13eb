package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/internal/sim/disk"
	"github.com/leyden-ln/leyden/internal/sim/lent"
	"github.com/leyden-ln/leyden/internal/sim/miner"
	"github.com/leyden-ln/leyden/internal/sim/scribe"
	"github.com/leyden-ln/leyden/internal/sweep"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// node is one node. What stands below the line is lost when it dies.
type node struct {
	w       *world
	index   int
	ring    *keys.Ring
	id      wire.NodeID
	script  []byte // of its wallet
	policy  relay.Policy
	opening open.Policy
	endowed int64 // what it had on-chain at the beginning
	disk    *disk.Disk
	conns   []*conn
	stale   bool        // it has lost state
	aired   miner.Aired // what had been broadcast then
	copied  *disk.Disk  // nil: no snapshot was made
	mute    bool        // it hears nothing any more, and says nothing
	edges   []*edge
	cheat   *cheat        // nil: honest
	gone    bool          // vanished for ever
	holds   bool          // sits on HTLCs
	slow    time.Duration // a write takes so long, at the most
	lies    bool          // what it sends is not always what it should be
	full    bool          // its disk is
	curt    bool          // it says nothing but that of a channel that has failed (BOLT 2)

	up   bool
	life int // which one; what was begun in an earlier life does not go on
	fuse int // effects until death; below zero: none is planned

	// ----
	jobs     []job // writes under way, in order
	links    map[wire.ChannelID]*link
	order    []*link
	paying   map[wire.PaymentHash]*driver
	attempts map[uint64]*driver
	last     uint64 // attempt
	till     invoice.Till
	parts    []invoice.Part
	ringing  bool // the till is awake
	memory   route.Memory
	hoping   []func() // to call when a way may have opened
	height   uint32
	onchain  *sweep.Spends
	awaits   bool         // an HTLC is undecided until the view is the tip
	view     *miner.Block // the last block that was taken in
	chasing  bool         // blocks are being taken in
	purse    *purse
	places   map[wire.ChannelID]wire.ShortChannelID // of funding outputs, up to view
	scribe   *scribe.Scribe                         // nil: it keeps no ledger of tokens
}

func (n *node) String() string { return fmt.Sprintf("n%d", n.index) }

// honest tells whether the node plays by the rules to the end.
func (n *node) honest() bool { return n.cheat == nil && !n.gone && !n.holds && !n.lies && !n.stale }

func newNode(w *world, i int) *node {
	n := &node{w: w, index: i, ring: lent.Ring(i), disk: disk.New(), fuse: -1}
	n.id = n.ring.Node().ID()
	n.disk.Hook = func(r durable.Row) { n.check(r) }
	return n
}

// after makes something happen later, in this life only.
func (n *node) after(d time.Duration, do func()) {
	life := n.life
	n.w.after(d, func() {
		if n.up && n.life == life {
			do()
		}
	})
}

// confused tells whether what the node sends may be wrong.
func (n *node) confused() bool { return n.lies || n.stale }

// alive is asked before each effect: it is where the node may die.
func (n *node) alive() bool {
	if !n.up {
		return false
	}
	if n.fuse > 0 {
		if n.fuse--; n.fuse == 0 {
			n.die()
		}
	}
	return n.up
}

// job is a write under way.
type job struct {
	write func() (then func(), err error)
	what  any
}

// submit hands an outcome's rows to the disk, and what is visible to then once they
// are written.
func submit[V any](n *node, what any, p durable.Pending[V], then func(V)) {
	n.jobs = append(n.jobs, job{what: what, write: func() (func(), error) {
		v, err := p.Commit(n.w.ctx, n.disk)
		return func() { then(v) }, err
	}})
	if len(n.jobs) == 1 {
		n.after(n.w.jitter(n.slow), n.sync)
	}
}

// sync writes all that has gathered, as one transaction after the other, and then
// wakes who waits, in any order.
func (n *node) sync() {
	if !n.alive() {
		return
	}
	jobs := n.jobs
	n.jobs = nil
	if n.full {
		n.w.logf("%s: the disk is full", n)
		n.w.stats.Full++
		n.die()
		return
	}
	for _, j := range jobs {
		then := n.write(j)
		n.after(n.w.jitter(2*time.Millisecond), then)
	}
	n.alive()
}

func (n *node) write(j job) (then func()) {
	then, err := j.write()
	if err != nil {
		n.w.fail("%s: %s: %v", n, j.what, err)
	}
	return then
}

// die ends a life: what the disk had not written, in order, is lost.
func (n *node) die() {
	n.w.stats.Deaths++
	kept := n.w.rng.IntN(len(n.jobs) + 1)
	n.w.logf("%s dies; %d of %d writes are kept", n, kept, len(n.jobs))
	for _, j := range n.jobs[:kept] {
		n.write(j)
	}
	n.up, n.fuse = false, -1
	n.life++
	n.forget()
	for _, c := range n.conns {
		c.died(n)
	}
	if !n.gone {
		n.w.after(n.w.jitter(20*time.Second), func() { n.start() })
	}
}

// forget is what death does to memory.
func (n *node) forget() {
	n.jobs, n.links, n.order = nil, map[wire.ChannelID]*link{}, nil
	n.paying, n.attempts, n.last = map[wire.PaymentHash]*driver{}, map[uint64]*driver{}, 0
	n.till, n.parts, n.ringing = invoice.Till{}, nil, false
	n.memory, n.hoping = route.Memory{}, nil
	n.onchain, n.view, n.chasing, n.height = sweep.NewSpends(), nil, false, 0
	n.purse, n.places, n.scribe = nil, nil, nil
}

// start begins a life from the rows, in the order of package node: payments are
// read, then channels; then channels begin, and payments.
func (n *node) start() {
	if n.up || n.gone {
		return
	}
	n.w.logf("%s starts", n)
	n.up = true
	n.forget()
	n.view = n.disk.Tip.(*miner.Block)
	n.height, n.places = n.view.Height, n.placesAt(n.view)
	n.furnish()
	loaded := n.loadPayments()
	n.loadChannels()
	n.expect()
	n.onchain.Load(n.view.Spends())
	n.grace()
	for _, l := range n.order {
		l.after = append(l.after, l.resume)
		l.wake()
		l.revive()
	}
	for _, d := range loaded {
		d.wake()
	}
	n.chase()
	n.expire()
	n.read()
	for _, c := range n.conns {
		c.soon()
	}
}

// loadChannels makes the links of the channels that are not closed for good, with
// what was decided before.
func (n *node) loadChannels() {
	d := n.disk
	before := d.Before()
	for _, id := range d.Order {
		rows := d.Channels[id].Load()
		if rows.Status.Status == channel.Closed {
			continue
		}
		ch, err := channel.Load(rows)
		if err != nil {
			n.w.fail("%s: %v", n, err)
		}
		s := n.signer(rows.Params.KeyIndex, false)
		s.Remember(d.Signers[rows.Params.KeyIndex])
		l := n.newLink(n.edgeOf(rows), ch, s)
		l.desk.Load(*before[id])
	}
}

// edgeOf is a channel of the node. It may have died at once when it was opened.
func (n *node) edgeOf(rows channel.Rows) *edge {
	for _, e := range n.edges {
		if e.id == rows.Params.Channel {
			return e
		}
	}
	for _, c := range n.conns {
		if c.ends[1-c.end(n)].id == rows.Params.Peer {
			return n.w.made(n, rows, c)
		}
	}
	n.w.fail("%s: channel %s is not its own", n, rows.Params.Channel)
	return nil
}

// named finds the link of a short_channel_id.
func (n *node) named(scid wire.ShortChannelID) *link {
	for _, l := range n.order {
		if scid != 0 && l.ch.Status().SCID == scid {
			return l
		}
	}
	return nil
}

// check holds each row that is written against what no node may ever write.
func (n *node) check(r durable.Row) {
	switch r := r.(type) {
	case wallet.AddressRow:
		n.w.owners[string(r.Script)] = n
	case invoice.PaidRow:
		n.w.stats.Paid++
		n.w.logf("%s is paid %s of %s", n, r.Received, short(r.PaymentHash))
		row := n.disk.Invoices[r.PaymentHash]
		if r.Got > 0 {
			n.w.stats.TokensPaid++
		}
		if r.Received < row.Amount.Msat || r.Got < row.Units || r.Got > 0 && row.Property == 0 {
			n.w.fail("%s is paid %s and %d units instead of %s and %d", n, r.Received, r.Got, row.Amount.Msat, row.Units)
		}
	case pay.PaymentResultRow:
		n.w.logf("%s: payment %s is %s: %s", n, short(r.PaymentHash), r.Status, r.Message)
		payee := n.w.invoices[r.PaymentHash]
		if r.Status != pay.Complete {
			return
		}
		row := payee.disk.Invoices[r.PaymentHash]
		switch {
		case row == nil: // its maker has lost it
		case r.Preimage != row.Preimage:
			n.w.fail("%s: payment %s has the preimage %x", n, r.PaymentHash, r.Preimage)
		case row.Status != invoice.Paid && payee.honest():
			n.w.fail("%s: payment %s is complete, the invoice is %s", n, r.PaymentHash, row.Status)
		}
	}
}

func short(h wire.PaymentHash) string { return fmt.Sprintf("%x", h[:3]) }

// invoice makes a new invoice of the node.
func (n *node) newInvoice(r invoice.Request) (invoice.Row, error) {
	return invoice.New(r, invoice.Issuer{Network: bolt11.Regtest, Signer: bolt11.Signer{ID: n.id, Sign: n.ring.Node().SignRecoverable}}, n.w.unix())
}

// signer is the keys of a channel of a node, with an empty memory.
func (n *node) signer(index uint32, thief bool) *keys.Channel {
	c, err := n.w.lent.Channel(n.index, index, thief)
	if err != nil {
		n.w.fail("%s: %v", n, err)
	}
	return c
}

// bytes32 draws 32 bytes.
func (w *world) bytes32() (b [32]byte) {
	for i := range 4 {
		binary.LittleEndian.PutUint64(b[8*i:], w.rng.Uint64())
	}
	return b
}

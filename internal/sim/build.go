package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/sim/atlas"
	"github.com/leyden-ln/leyden/internal/sim/disk"
	"github.com/leyden-ln/leyden/internal/sim/draw"
	"github.com/leyden-ln/leyden/internal/sim/miner"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// edge is a channel of two nodes; ends[0] opened it.
type edge struct {
	w        *world
	index    int
	ends     [2]end
	conn     *conn
	id       wire.ChannelID
	scid     wire.ShortChannelID // where it was announced last; zero: nowhere
	late     bool                // it was opened by messages
	stuck    uint32              // height until which no miner takes what closes it
	push     amount.MilliSatoshi
	funding  btcwire.OutPoint
	capacity amount.Satoshi
	atRisk   int64        // msat of HTLCs that were failed though they could be claimed
	units    amount.Units // of the property; zero: bitcoin only
}

// end is one side of an edge, for the judge.
type end struct {
	n      *node
	start  amount.MilliSatoshi
	units  amount.Units // at the start
	kind   enforce.Kind // of what spent the funding output, as the node last saw it
	number uint64
	txid   chainhash.Hash
}

func (e *edge) String() string { return fmt.Sprintf("c%d(%s-%s)", e.index, e.ends[0].n, e.ends[1].n) }

func (e *edge) end(n *node) int {
	if e.ends[0].n == n {
		return 0
	}
	return 1
}

func (e *edge) other(n *node) *node { return e.ends[1-e.end(n)].n }

const startHeight = 1000

// build makes nodes, channels and the first block.
func (w *world) build() {
	rng, curt := w.cfg.draws(networks), w.cfg.draws(manners)
	count := 3
	switch {
	case w.cfg.Script != nil:
	case rng.IntN(12) == 0:
		count = 7 + rng.IntN(24)
	case rng.IntN(2) == 0:
		count = 3 + rng.IntN(4)
	}
	for i := range count {
		n := newNode(w, i)
		n.policy = draw.Policy(rng)
		n.curt = curt.IntN(3) == 0
		n.slow = 20 * time.Millisecond
		if rng.IntN(8) == 0 {
			n.slow = 10 * time.Second
		}
		n.opening = draw.Opening(rng)
		n.forget()
		w.nodes = append(w.nodes, n)
	}
	// A line, or a tree; and some ways round.
	line := rng.IntN(2) == 0
	var pairs [][2]int
	for i := 1; i < count; i++ {
		to := i - 1
		if !line {
			to = rng.IntN(i)
		}
		pairs = append(pairs, [2]int{to, i})
	}
	for range rng.IntN(count) {
		if a, b := rng.IntN(count), rng.IntN(count); a != b {
			pairs = append(pairs, [2]int{a, b})
		}
	}
	var txs []*btcwire.MsgTx
	for _, n := range w.nodes {
		txs = append(txs, w.endow(rng, n))
	}
	bank, tx := miner.NewBank(rng)
	w.bank, txs = bank, append(txs, tx)
	for _, p := range pairs {
		txs = append(txs, w.open(rng, len(txs), 0, w.nodes[p[0]], w.nodes[p[1]]))
	}
	if w.cfg.Assets {
		txs = w.enrich(pairs, txs)
	}
	w.stats.Nodes, w.stats.Channels = count, len(w.edges)
	w.chain = miner.New(miner.Env{
		Rand: w.rng, Log: w.logf, Fail: w.fail, Calm: func() bool { return w.calm }, Mined: w.mined,
		Strict:  func(by miner.Node) bool { n := by.(*node); return n.honest() && n.view == w.chain.Tip },
		Funding: func(at btcwire.OutPoint) bool { return w.funded[at] },
	}, startHeight, txs)
	w.atlas = atlas.New()
	for _, e := range w.edges {
		w.announce(e, e.scid)
	}
	w.appoint()
	for _, n := range w.nodes {
		pending, err := n.purse.wallet.Connect(startHeight, txs)
		if err == nil {
			_, err = pending.Commit(w.ctx, n.disk)
		}
		if err != nil {
			w.fail("%s: %v", n, err)
		}
		w.commit(n, durable.Hold(struct{}{}, disk.TipRow{Tip: w.chain.Tip}))
	}
	for _, e := range w.edges {
		w.ready(rng, e)
	}
}

// endow makes a node's first coins.
func (w *world) endow(rng *rand.Rand, n *node) *btcwire.MsgTx {
	n.furnish()
	pending, err := n.purse.wallet.NewAddress(wallet.P2WPKH)
	if err != nil {
		w.fail("%s: %v", n, err)
	}
	addr, err := pending.Commit(w.ctx, n.disk)
	if err != nil {
		w.fail("%s: %v", n, err)
	}
	n.script = addr.Script
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: chainhash.Hash{2, byte(n.index)}}})
	for range 4 + rng.IntN(8) {
		value := 50_000 + rng.Int64N(200_000)
		n.endowed += value
		tx.AddTxOut(btcwire.NewTxOut(value, n.script))
	}
	return tx
}

// block mines one, unless somebody who comes back would miss a deadline by it.
func (w *world) block() {
	if !slices.ContainsFunc(w.nodes, func(n *node) bool { return !n.up && !n.gone && n.disk.Pressed(w.chain.Tip.Height) }) {
		w.chain.Mine()
	}
}

// mined lets every node take in the new tip, and those who break the rules act on it.
func (w *world) mined() {
	w.consult()
	for _, n := range w.nodes {
		n.after(w.jitter(5*time.Second), n.chase)
	}
	for _, n := range w.nodes {
		if n.mute && n.disk.Late(w.chain.Tip.Height) {
			n.betray(0)
		}
		if n.cheating() {
			n.rob()
		}
		n.tend()
	}
}

// commit writes rows at once, before time begins.
func (w *world) commit(n *node, p durable.Pending[struct{}]) {
	if _, err := p.Commit(w.ctx, n.disk); err != nil {
		w.fail("%s: %v", n, err)
	}
}

// open makes a channel with so many tokens, and its funding transaction, the one at a place
// of the first block.
func (w *world) open(rng *rand.Rand, place int, units amount.Units, a, b *node) *btcwire.MsgTx {
	i := len(w.edges)
	e := &edge{w: w, index: i, units: units, capacity: amount.Satoshi(200_000 + rng.IntN(1_800_000))} //nolint:gosec // positive
	to := e.capacity.Msat() * amount.MilliSatoshi(30+rng.IntN(41)) / 100                              //nolint:gosec // positive
	e.ends = [2]end{{n: a, start: to}, {n: b, start: e.capacity.Msat() - to}}
	points := [2]wire.Point{}
	for s, n := range [2]*node{a, b} {
		points[s] = n.signer(uint32(i+1), false).Basepoints().Funding //nolint:gosec // few
		n.edges = append(n.edges, e)
	}
	_, pkScript := e.format().FundingScript(points[0], points[1])
	tx := btcwire.NewMsgTx(2)
	if units > 0 {
		tx = w.pledge(rng, e, pkScript)
	} else {
		tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: chainhash.Hash{1, byte(i)}}})
		tx.AddTxOut(btcwire.NewTxOut(int64(e.capacity), pkScript)) //nolint:gosec // below MaxMoney
	}
	e.funding = btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(len(tx.TxOut) - 1)} //nolint:gosec // few
	e.id = script.ChannelID(e.funding)
	e.scid = wire.NewShortChannelID(startHeight, uint32(place), uint16(e.funding.Index)) //nolint:gosec // few
	w.funded[e.funding] = true
	w.edges = append(w.edges, e)
	for _, c := range a.conns {
		if c.ends[0] == b || c.ends[1] == b {
			e.conn = c
			return tx
		}
	}
	e.conn = &conn{w: w, ends: [2]*node{a, b}}
	a.conns, b.conns = append(a.conns, e.conn), append(b.conns, e.conn)
	w.conns = append(w.conns, e.conn)
	return tx
}

// announce puts a channel on the map.
func (w *world) announce(e *edge, scid wire.ShortChannelID) {
	a, b := e.ends[0].n, e.ends[1].n
	if e.units > 0 {
		e.scid = scid
		return
	}
	fresh, err := w.atlas.Announce(scid, e.capacity, [2]atlas.End{{ID: a.id, Policy: a.policy}, {ID: b.id, Policy: b.policy}}, began)
	if err != nil {
		w.fail("graph: %v", err)
	}
	if fresh {
		e.scid = scid
	}
}

// ready writes the rows of a channel at its first commitments, confirmed, whose
// channel_ready is yet to be sent.
func (w *world) ready(rng *rand.Rand, e *edge) {
	var opened [2]channel.Opened
	var signers [2]*keys.Channel
	limits := [2]channel.Limits{}
	receivers := draw.Receivers(rng)
	for i := range limits {
		limits[i] = draw.Limits(rng, e.capacity)
		if e.units > 0 {
			draw.TokenLimits(rng, &limits[i], e.units, receivers, i == 0)
		}
		signers[i] = e.ends[i].n.signer(uint32(e.index+1), false) //nolint:gosec // few
	}
	perKw := uint32(253 + rng.IntN(3000)) //nolint:gosec // small
	depth := uint32(1)
	if e.units > 0 {
		depth = open.AssetDepth
	}
	for i, s := range signers {
		n, o := e.ends[i].n, e.ends[1-i].n
		opened[i] = channel.Opened{
			Params: channel.ParamsRow{
				Channel: e.id, Peer: o.id, KeyIndex: uint32(e.index + 1), LocalIsOpener: i == 0, Announce: e.units == 0, //nolint:gosec // few
				Format: e.format(), Funding: e.funding, Capacity: e.capacity, MinimumDepth: depth, Property: e.property(), Tokens: e.units,
				LocalKeys: s.Basepoints(), RemoteKeys: signers[1-i].Basepoints(), LocalLimits: limits[i], RemoteLimits: limits[1-i],
				MaxDustExposure: 5_000_000, LocalScript: n.script,
			},
			ToLocal: e.ends[i].start, Tokens: e.ends[i].units, FeePerKw: perKw, RemotePoint: signers[1-i].PerCommitmentPoint(0),
		}
	}
	for i, s := range signers {
		theirs, err := channel.New(opened[i], s).TheirCommitments()
		if err == nil {
			opened[1-i].Signatures, err = s.SignCommitment(theirs[0])
		}
		if err != nil {
			w.fail("%s: %v", e, err)
		}
	}
	for i, s := range signers {
		n := e.ends[i].n
		ch := channel.New(opened[i], s)
		ch.Disconnected()
		ch.FundingDepth(e.scid, depth)
		pending, err := ch.Take(s)
		if err != nil {
			w.fail("%s: %v", e, err)
		}
		if _, err := pending.Commit(w.ctx, n.disk); err != nil {
			w.fail("%s: %v", e, err)
		}
		w.commit(n, durable.Hold(struct{}{}, s.Memory()))
	}
}

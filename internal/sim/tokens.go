package sim

import (
	"math/rand/v2"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/internal/sim/abacus"
	"github.com/leyden-ln/leyden/internal/sim/atlas"
	"github.com/leyden-ln/leyden/internal/sim/disk"
	"github.com/leyden-ln/leyden/internal/sim/mint"
	"github.com/leyden-ln/leyden/internal/sim/scribe"
)

func (e *edge) format() script.Format {
	if e.units > 0 {
		return script.Tokens
	}
	return script.Anchors
}

func (e *edge) property() amount.Property {
	if e.units > 0 {
		return mint.Property
	}
	return 0
}

// enrich issues tokens and makes channels with them beside those of bitcoin: the last ones
// of the list.
func (w *world) enrich(pairs [][2]int, txs []*btcwire.MsgTx) []*btcwire.MsgTx {
	rng := w.cfg.draws(riches)
	m, first, err := mint.New(rng)
	if err != nil {
		w.fail("the mint: %v", err)
	}
	w.mint, txs = m, append(txs, first...)
	for i, p := range pairs {
		if i > 0 && rng.IntN(4) == 0 {
			continue
		}
		for range 1 + rng.IntN(5)/4 {
			txs = append(txs, w.open(rng, len(txs), mint.Units(rng), w.nodes[p[0]], w.nodes[p[1]]))
			w.stats.TokenChannels++
		}
	}
	return txs
}

// pledge makes the transaction that funds a channel with tokens.
func (w *world) pledge(rng *rand.Rand, e *edge, pkScript []byte) *btcwire.MsgTx {
	tx, err := w.mint.Fund(pkScript, e.capacity, e.units)
	if err != nil {
		w.fail("the mint: %v", err)
	}
	e.ends[0].units = amount.Units(rng.Uint64N(uint64(e.units) + 1))
	e.ends[1].units = e.units - e.ends[0].units
	return tx
}

// appoint begins the ledgers: everybody's, and the one that the judge has.
func (w *world) appoint() {
	if w.mint == nil {
		return
	}
	var err error
	if w.oracle, err = scribe.New(w.chain, disk.New()); err != nil {
		w.fail("the ledger: %v", err)
	}
	w.consult()
	for _, e := range w.edges {
		if tx := w.chain.Pays(e.funding); w.oracle.Balance(tx.PkScript, e.property()) != e.units {
			w.fail("%s is not funded with %d units", e, e.units)
		}
	}
	for _, n := range w.nodes {
		if _, err := scribe.New(w.chain, n.disk); err != nil {
			w.fail("the ledger of %s: %v", n, err)
		}
	}
}

// consult brings the judge's ledger to the newest block.
func (w *world) consult() {
	for w.oracle != nil {
		if more, err := w.oracle.Step(w.ctx); err != nil {
			w.fail("the ledger: %v", err)
		} else if !more {
			return
		}
	}
}

// read brings the ledger of a node nearer to the newest block, for as long as it lives.
func (n *node) read() {
	if n.w.mint == nil {
		return
	}
	if n.scribe == nil {
		n.scribe = scribe.Load(n.w.chain, n.disk, n.purse.pen())
	}
	current := n.scribe.Current()
	more, err := n.scribe.Step(n.w.ctx)
	switch {
	case err != nil:
		n.purse.fatal(err)
		return
	case more && n.scribe.Current() && !current && n.alive():
		n.enforce()
	}
	if n.up {
		n.after(n.w.jitter(5*time.Second), n.read)
	}
}

// expect says which HTLCs stand in channels with tokens, so that a preimage is seen
// wherever it is shown.
func (n *node) expect() {
	for _, l := range n.order {
		if l.edge.units > 0 {
			n.onchain.Expect(l.edge.id, l.ch.View().HTLCs)
		}
	}
}

// holding tells whether the address of a script has tokens.
func (n *node) holding(pkScript []byte) bool {
	if n.w.mint == nil {
		return false
	}
	address, ok := scribe.Params.Address(startHeight, pkScript)
	return ok && n.disk.Holds(address)
}

// ownTokens are the channels that can carry tokens now.
func (n *node) ownTokens() (list []route.OwnTokens) {
	for _, l := range n.order {
		if u := l.ch.TokensSpendable(); l.ch.Online() && u > 0 && l.ch.Status().SCID != 0 {
			list = append(list, route.OwnTokens{SCID: l.ch.Status().SCID, Peer: l.ch.Params().Peer, Property: mint.Property, Spendable: u, Carrier: l.ch.Carrier()})
		}
	}
	return list
}

// hints are the ways to a payee over channels with tokens.
func (w *world) hints(from, to *node) [][]bolt11.HopHint {
	var list []atlas.Carrier
	for _, e := range w.edges {
		if e.units > 0 {
			a, b := e.ends[0].n, e.ends[1].n
			list = append(list, atlas.Carrier{SCID: e.scid, Ends: [2]atlas.End{{ID: a.id, Policy: a.policy}, {ID: b.id, Policy: b.policy}}})
		}
	}
	return atlas.Hints(list, from.id, to.id)
}

// Gift sends dust, or tokens, to an address of a commitment, or of the channel itself.
func (s stage) Gift(edge, side, which int) {
	w, e := s.world, s.edges[edge]
	n := e.ends[side].n
	rows := n.disk.Channels[e.id].Load()
	rows.Status.Status = channel.Failed
	to := w.chain.Pays(e.funding).PkScript
	if ch, err := channel.Load(rows); err == nil {
		if _, tx, _, err := ch.OurCommitment(n.signer(rows.Params.KeyIndex, true)); err == nil && which%4 > 0 {
			to = tx.TxOut[1+which%(len(tx.TxOut)-1)].PkScript
		}
	}
	if w.mint.Gift(w.chain, to) {
		w.stats.Gifts++
	}
}

// judgeTokens checks that tokens are conserved, that the ledger agrees with a walk over the
// blocks, and that no honest node has fewer than it is due.
func (w *world) judgeTokens() {
	if w.mint == nil {
		return
	}
	books, err := abacus.Walk(w.chain.Tip)
	if err != nil {
		w.fail("the blocks: %v", err)
	}
	w.stats.TokenMoves = books.Moves
	for s, u := range books.Held {
		if l := w.oracle.Balance([]byte(s), mint.Property); uint64(l) != u {
			w.fail("script %x has %d units, the ledger says %d", s, u, l)
		}
	}
	for _, n := range w.nodes {
		if n.honest() {
			w.judgeUnits(n, books)
		}
	}
}

// judgeUnits compares the tokens of a node with those that it is due.
func (w *world) judgeUnits(n *node, books *abacus.Abacus) {
	var got, due, allowed amount.Units
	for s, u := range books.Held {
		if w.owners[s] == n {
			got += amount.Units(u)
		}
	}
	due = n.disk.Earned()
	for _, e := range n.edges {
		if due += e.ends[e.end(n)].units; e.units == 0 {
			continue
		}
		s := n.disk.Channels[e.id]
		if _, spent := w.chain.Spent[e.funding]; !spent {
			got += s.Rows.State.TokensToLocal
			continue
		}
		if until := n.hangs(e); until > 0 {
			_, units := s.Late(wire.PaymentHash{}, until)
			allowed += units
		}
	}
	if got+allowed < due {
		w.fail("%s has %d units, %d are due, and no more than %d may be lost", n, got, due, allowed)
	}
}

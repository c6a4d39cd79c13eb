package sim

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/sim/disk"
)

// crashed is the failure that a panic of the code under test is.
func (w *world) crashed(p any) (f *Failure) {
	defer func() { f = recover().(*Failure) }()
	w.fail("panic: %v\n%s", p, debug.Stack())
	return nil
}

const maxBlocks = 2500 // in calm: more than the longest HTLC takes (relay.MaxHTLCCLTV)

// settle lets everybody who lives come back, and blocks come until all has ended.
func (w *world) settle() {
	w.calm = true
	w.logf("** calm")
	for _, n := range w.nodes {
		n.fuse = -1
		n.start()
	}
	why := ""
	for range maxBlocks {
		w.until(w.time.Now + 20*time.Second)
		if why = w.ended(); why == "" {
			return
		}
		w.chain.Mine()
	}
	w.fail("it does not end: %s", why)
}

// probes is how many channels are tried at the end.
const probes = 4

// prove sends a payment over channels that are left, each way: they must work.
func (w *world) prove() {
	for i, k := range w.rng.Perm(len(w.edges)) {
		if i >= probes {
			return
		}
		e := w.edges[k]
		for s, me := range e.ends {
			n, o := me.n, e.ends[1-s].n
			l := n.links[e.id]
			if l == nil || !n.honest() || !o.honest() {
				continue
			}
			spendable, usable := l.capacity()
			if !usable || e.units == 0 && spendable < 5_000_000 {
				continue
			}
			r := invoice.Request{
				Label: fmt.Sprint("proof", i, s), Preimage: w.bytes32(), Secret: w.bytes32(),
				Amount: amount.OrAny{Msat: 1_000_000}, Expiry: 3600,
			}
			if e.units > 0 {
				r.Amount, r.Property, r.Units = amount.OrAny{Any: true}, e.property(), 1
			}
			x := w.request(n, o, r)
			w.until(w.time.Now + 60*time.Second)
			if p := n.disk.Payments[x.row.PaymentHash]; p == nil || p.Result.Status != pay.Complete {
				w.fail("%s does not carry a payment any more: %+v", l, p)
			}
		}
	}
}

// tend looks again at what a node sits on.
func (n *node) tend() {
	if n.up && n.holds {
		for _, l := range n.order {
			l.resume()
		}
	}
}

// ended tells what still goes on; empty: nothing.
func (w *world) ended() string {
	if w.chain.Waiting() > 0 {
		return "transactions wait"
	}
	for _, n := range w.nodes {
		switch _, parts := n.till.Next(); {
		case n.strange():
			continue
		case parts:
			return fmt.Sprintf("%s has parts of a payment", n)
		case !n.up:
			return fmt.Sprintf("%s is down", n)
		case n.purse.work != nil:
			return fmt.Sprintf("%s sweeps", n)
		case n.scribe != nil && !n.scribe.Current():
			return fmt.Sprintf("the ledger of %s is at block %d of %d", n, n.scribe.Height(), w.chain.Tip.Height)
		case n.view != w.chain.Tip || n.chasing || len(n.jobs) > 0:
			return fmt.Sprintf("%s is busy with block %d of %d, %d writes", n, n.view.Height, w.chain.Tip.Height, len(n.jobs))
		case len(n.disk.Unfinished()) > 0:
			return fmt.Sprintf("%s has unfinished payments", n)
		}
		for _, l := range n.order {
			o := l.edge.other(n)
			rows := n.disk.Channels[l.edge.id].Load()
			_, placed := n.places[l.edge.id]
			if alive, _ := n.purse.wallet.Alive(rows.Params.Funding.Hash); !placed && (!rows.Params.LocalIsOpener || !alive) {
				continue // its opener has forgotten it, or is no more, or its coins are spent otherwise
			}
			switch {
			case !placed && rows.Status.Status == channel.Open:
				return fmt.Sprintf("%s waits for its funding", l)
			case l.busy || l.awake:
				return fmt.Sprintf("%s is busy", l)
			case rows.Status.Status != channel.Open:
				return fmt.Sprintf("%s is being closed", l)
			case o.strange() && n.disk.Idle(rows):
			case len(rows.HTLCs) > 0:
				return fmt.Sprintf("%s has HTLCs", l)
			case rows.Status.LocalShutdown != nil && !o.strange():
				return fmt.Sprintf("%s is being closed", l)
			case !o.strange() && !l.ch.Online():
				return fmt.Sprintf("%s is not connected", l)
			}
		}
	}
	return ""
}

// strange tells whether a node cannot be counted on to come back and talk.
func (n *node) strange() bool { return n.gone || n.lies || n.stale || n.mute || n.cheating() }

// judge checks what must hold at the end.
func (w *world) judge() {
	if !w.chain.Conserved() {
		w.fail("money is not conserved")
	}
	w.judgePayments()
	w.judgeTokens()
	for _, n := range w.nodes {
		if n.honest() {
			w.judgeBalance(n)
			w.judgeRows(n)
		}
		if n.stale {
			w.judgeStale(n)
		}
	}
}

// count adds up how channels ended.
func (w *world) count() {
	c := &w.chain.Stats
	w.stats.Blocks, w.stats.Reorgs, w.stats.Evicted, w.stats.Spikes = c.Blocks, c.Reorgs, c.Evicted, c.Spikes
	for _, e := range w.edges {
		for _, s := range e.ends {
			tokens := 0
			if e.units > 0 {
				tokens = 1
			}
			switch s.kind {
			case enforce.TheirsRevoked:
				w.stats.Punished++
				w.stats.TokensPunished += tokens
			case enforce.Ours:
				w.stats.Forced++
				w.stats.TokensForced += tokens
			}
		}
	}
}

// fair tells whether everybody played by the rules, and nothing of a payment was risked.
func (w *world) fair(hash wire.PaymentHash) bool {
	return !slices.ContainsFunc(w.nodes, func(n *node) bool { return !n.honest() || n.hung(hash) > 0 }) &&
		!slices.ContainsFunc(w.edges, func(e *edge) bool { return e.atRisk > 0 })
}

func (w *world) judgePayments() {
	for _, x := range w.wishes {
		p, row := x.payer.disk.Payments[x.row.PaymentHash], x.payee.disk.Invoices[x.row.PaymentHash]
		if p == nil || !x.payer.honest() {
			continue
		}
		paid := row != nil && row.Status == invoice.Paid
		switch p.Result.Status {
		case pay.Pending:
			w.fail("%s: payment %s never ends", x.payer, short(x.row.PaymentHash))
		case pay.Complete:
			if !paid && x.payee.honest() {
				w.fail("%s: payment %s is complete and %s was not paid", x.payer, short(x.row.PaymentHash), x.payee)
			}
		case pay.Failed:
			// What is dust has no output, and what is not worth its claim is left there: a
			// channel that goes on-chain takes it along.
			if paid && w.fair(x.row.PaymentHash) && !x.shared && (x.row.Property != 0 || int64(x.row.Amount.Msat) > w.chain.Worth()*1000) { //nolint:gosec // below 2^63
				w.fail("%s: payment %s has failed and %s was paid", x.payer, short(x.row.PaymentHash), x.payee)
			}
		}
	}
}

// judgeBalance compares what a node has with what it is due.
func (w *world) judgeBalance(n *node) {
	got := w.chain.Balance(func(script []byte) bool { return w.owners[string(script)] == n }) * 1000
	due, allowed := n.disk.Audit.Earned+n.endowed*1000, w.chain.Paid[n]*1000
	allowed += n.hung(wire.PaymentHash{})
	for _, e := range n.edges {
		me := &e.ends[e.end(n)]
		due += int64(me.start) + e.gift(n) //nolint:gosec // below 2^63
		allowed += e.atRisk
		spend, spent := w.chain.Spent[e.funding]
		if !spent {
			if _, funded := w.chain.UTXO[e.funding]; !funded {
				continue
			}
			got += int64(n.disk.Channels[e.id].Rows.State.ToLocal) //nolint:gosec // below 2^63
			if e.other(n).strange() {
				allowed += disk.Forsaken(n.disk.Channels[e.id].Load())
			}
			continue
		}
		out := int64(0)
		for _, o := range spend.Tx.TxOut {
			out += o.Value
		}
		fee := (int64(e.capacity) - out) * 1000                                         //nolint:gosec // below 2^63
		if e.end(n) == 0 || spend.Tx.TxIn[0].Sequence == script.SimpleClosingSequence { // who closes may pay
			allowed += fee + 2*330_000
		}
		if me.kind == enforce.TheirsRevoked {
			allowed += w.judgePenalty(n, e, spend.Tx)
		}
		allowed += n.disk.Channels[e.id].Dust(me.kind, me.number) + w.chain.Dear(spend.Tx)
	}
	for _, hash := range n.disk.Hashes {
		if row := n.disk.Invoices[hash]; row.Status == invoice.Paid {
			due += int64(row.Received) //nolint:gosec // below 2^63
		}
	}
	for id := uint64(1); id <= n.disk.Last; id++ {
		if a := n.disk.Attempts[id]; a != nil && a.Result.Status == pay.Complete {
			due -= int64(a.Sent) //nolint:gosec // below 2^63
		}
	}
	if got+allowed < due {
		w.fail("%s has %d msat, %d are due, and no more than %d may be lost", n, got, due, allowed)
	}
}

// judgePenalty checks that a cheat has got nothing of what it broadcast, but for what a
// reorganization gave back to it when its delay was over: that is lost.
func (w *world) judgePenalty(n *node, e *edge, tx *btcwire.MsgTx) (lost int64) {
	txid := tx.TxHash()
	for i, out := range tx.TxOut {
		if out.Value == int64(script.AnchorSize) || out.Value <= w.chain.Worth() {
			continue
		}
		by, spent := w.chain.Spent[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] //nolint:gosec // an output's index
		for j := 0; spent && j < len(by.Tx.TxIn); j++ {
			if by.Tx.TxIn[j].PreviousOutPoint.Hash == txid && w.chain.First[by.Tx.TxHash()] != n {
				// The cheat took it to the second stage.
				if e.units > 0 {
					j = 1 // behind its payload
				}
				by, spent = w.chain.Spent[btcwire.OutPoint{Hash: by.Tx.TxHash(), Index: uint32(j)}] //nolint:gosec // an output's index
				break
			}
		}
		if !spent || w.chain.First[by.Tx.TxHash()] != n {
			if !w.chain.Undone[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] { //nolint:gosec // an output's index
				w.fail("%s: output %d of %d sat of a revoked commitment of %s was not taken by %s", e, i, out.Value, e.other(n), n)
			}
			lost += out.Value * 1000
		}
	}
	return lost
}

// gift is what a channel that was opened gave the other side.
func (e *edge) gift(n *node) int64 {
	_, funded := e.w.chain.UTXO[e.funding]
	if _, spent := e.w.chain.Spent[e.funding]; !funded && !spent {
		return 0
	}
	push := int64(e.push) //nolint:gosec // below 2^63
	if e.end(n) == 0 {
		return -push
	}
	return push
}

// hung is what a node may have lost because no miner took a close in time, or because
// its disk was some blocks behind: what it had to claim upstream, or downstream, by then,
// of a payment; zero: of all.
func (n *node) hung(of wire.PaymentHash) (msat int64) {
	for _, e := range n.edges {
		if until := n.hangs(e); until > 0 {
			more, _ := n.disk.Channels[e.id].Late(of, until)
			msat += more
		}
	}
	return msat
}

// hangs is the height up to which HTLCs of a channel may be lost in this way; zero: none is.
func (n *node) hangs(e *edge) uint32 {
	switch closed := n.w.chain.Spent[e.funding].Height; {
	case e.stuck > 0:
		return e.stuck + 60
	case e.units > 0 && closed > 0 && n.w.chain.Stats.Spikes > 0:
		return 1 << 31 // no more can be paid for what was signed when blocks were cheap
	case n.slow >= time.Second:
		return closed + 12
	}
	return 0
}

// judgeRows checks that nothing is left over.
func (w *world) judgeRows(n *node) {
	d := n.disk
	for id := uint64(1); id <= d.Last; id++ {
		if a := d.Attempts[id]; a != nil && a.Result.Status == pay.Pending {
			w.fail("%s: attempt %d never ends", n, id)
		}
	}
	if len(n.paying)+len(n.attempts)+len(n.parts)+len(n.jobs) > 0 {
		w.fail("%s: %d payments, %d attempts, %d parts, %d writes are left", n, len(n.paying), len(n.attempts), len(n.parts), len(n.jobs))
	}
	if _, waits := n.till.Next(); waits {
		w.fail("%s: a set of parts waits for ever", n)
	}
	for _, l := range n.order {
		if l.edge.other(n).strange() {
			continue
		}
		if left := l.desk.Left(); left > 0 {
			w.fail("%s: %d HTLCs are left in memory", l, left)
		}
	}
	if err := d.Left(); err != nil {
		w.fail("%s: %v", n, err)
	}
}

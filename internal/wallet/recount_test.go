package wallet

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
)

type discard struct{}

func (discard) Write(context.Context, ...durable.Row) error { return nil }

// world is the truth from which the wallet is counted anew each time.
type world struct {
	*fixture
	chain     [][]*btcwire.MsgTx // from height 1
	published []*btcwire.MsgTx   // in order
	abandoned map[chainhash.Hash]bool
	everPaid  map[btcwire.OutPoint]bool // outputs to us that were ever in a block or published
	scripts   map[string]bool
}

// confirmed are the transactions in the chain, and what they spend.
func (w *world) confirmed() (heights map[chainhash.Hash]uint32, spenders map[btcwire.OutPoint]chainhash.Hash) {
	heights, spenders = map[chainhash.Hash]uint32{}, map[btcwire.OutPoint]chainhash.Hash{}
	for i, txs := range w.chain {
		for _, tx := range txs {
			heights[tx.TxHash()] = uint32(i + 1)
			for _, in := range tx.TxIn {
				spenders[in.PreviousOutPoint] = tx.TxHash()
			}
		}
	}
	return heights, spenders
}

// recount lists our coins from chain and publications alone: "height" for one
// in a block, "spent" when a transaction of ours is to spend it.
func (w *world) recount() map[string]string {
	heights, spenders := w.confirmed()
	conflicted := func(tx *btcwire.MsgTx) bool {
		return slices.ContainsFunc(tx.TxIn, func(in *btcwire.TxIn) bool {
			by, ok := spenders[in.PreviousOutPoint]
			return ok && by != tx.TxHash()
		})
	}
	// What can still confirm, by elimination until nothing changes.
	live := map[chainhash.Hash]*btcwire.MsgTx{}
	taken := map[btcwire.OutPoint]bool{}
	for _, tx := range slices.Backward(w.published) {
		if heights[tx.TxHash()] != 0 || w.abandoned[tx.TxHash()] || conflicted(tx) {
			continue
		}
		replaced := false
		for _, in := range tx.TxIn {
			replaced = replaced || taken[in.PreviousOutPoint]
			taken[in.PreviousOutPoint] = true
		}
		if !replaced {
			live[tx.TxHash()] = tx
		}
	}
	for again := true; again; {
		again = false
		for id, tx := range live {
			for _, in := range tx.TxIn {
				from := in.PreviousOutPoint
				if w.everPaid[from] && heights[from.Hash] == 0 && live[from.Hash] == nil {
					delete(live, id)
					again = true
				}
			}
		}
	}
	spending := map[btcwire.OutPoint]bool{}
	for _, tx := range live {
		for _, in := range tx.TxIn {
			spending[in.PreviousOutPoint] = true
		}
	}
	coins := map[string]string{}
	count := func(tx *btcwire.MsgTx, height uint32) {
		for i, o := range tx.TxOut {
			at := btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}
			if _, gone := spenders[at]; w.scripts[string(o.PkScript)] && !gone {
				coins[at.String()] = fmt.Sprint(height, " ", o.Value, " ", spending[at])
			}
		}
	}
	for i, txs := range w.chain {
		for _, tx := range txs {
			count(tx, uint32(i+1))
		}
	}
	for _, tx := range live {
		count(tx, 0)
	}
	return coins
}

// check compares the wallet with the recount, coin by coin and in sum.
func (w *world) check(t *rapid.T) {
	got := map[string]string{}
	var sum, counted amount.Satoshi
	for _, c := range w.Coins() {
		got[c.OutPoint.String()] = fmt.Sprint(c.Height, " ", uint64(c.Value), " ", c.Status == Spent)
		sum += c.Value
	}
	if diff := cmp.Diff(w.recount(), got); diff != "" {
		t.Fatal(diff)
	}
	b := w.Balance()
	counted = b.Confirmed + b.Unconfirmed + b.Immature + b.Reserved + b.Spent
	if sum != counted {
		t.Fatalf("coins are worth %v, the balance %v", sum, counted)
	}
}

// pays notes the outputs of tx to us.
func (w *world) pays(tx *btcwire.MsgTx) {
	for i, o := range tx.TxOut {
		if w.scripts[string(o.PkScript)] {
			w.everPaid[btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = true
		}
	}
}

// mine makes a valid block of what there is to confirm, and of payments and
// thefts by others.
func (w *world) mine(t *rapid.T) {
	heights, spenders := w.confirmed()
	var txs []*btcwire.MsgTx
	add := func(tx *btcwire.MsgTx) {
		for _, in := range tx.TxIn {
			_, spent := spenders[in.PreviousOutPoint]
			if spent || w.everPaid[in.PreviousOutPoint] && heights[in.PreviousOutPoint.Hash] == 0 {
				return
			}
		}
		if heights[tx.TxHash()] != 0 {
			return
		}
		for _, in := range tx.TxIn {
			spenders[in.PreviousOutPoint] = tx.TxHash()
		}
		heights[tx.TxHash()] = 1
		txs = append(txs, tx)
	}
	for range rapid.IntRange(0, 2).Draw(t, "payments") {
		add(w.pay(w.script(t), amount.Satoshi(rapid.Uint64Range(1_000, 200_000).Draw(t, "value"))))
	}
	if coins := w.Coins(); len(coins) > 0 && rapid.IntRange(0, 5).Draw(t, "theft") == 0 {
		stolen := w.pay(w.script(t), 500)
		stolen.TxIn[0].PreviousOutPoint = rapid.SampledFrom(coins).Draw(t, "stolen").OutPoint
		add(stolen)
	}
	for _, tx := range w.published {
		if rapid.Bool().Draw(t, "confirms") {
			add(tx)
		}
	}
	for _, tx := range txs {
		w.pays(tx)
	}
	w.chain = append(w.chain, txs)
	w.block(txs...)
}

// script is one of ours, or nobody's.
func (w *world) script(t *rapid.T) []byte {
	if rapid.IntRange(0, 4).Draw(t, "to whom") == 0 {
		return somebody
	}
	a := w.address(rapid.SampledFrom([]Kind{P2WPKH, P2TR}).Draw(t, "kind"))
	w.scripts[string(a.Script)] = true
	return a.Script
}

func TestBalanceIsWhatARecountGives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{
			fixture:   newFixture(t),
			abandoned: map[chainhash.Hash]bool{}, everPaid: map[btcwire.OutPoint]bool{}, scripts: map[string]bool{},
		}
		steps := rapid.IntRange(1, 25).Draw(rt, "steps")
		for range steps {
			switch rapid.SampledFrom([]string{"mine", "mine", "reorg", "again", "spend", "spend", "replace", "abandon", "release"}).Draw(rt, "step") {
			case "mine":
				w.mine(rt)
			case "reorg":
				for range rapid.IntRange(0, len(w.chain)).Draw(rt, "depth") {
					if len(w.chain) == 1 {
						break
					}
					commit(w.fixture, must(w.Disconnect(uint32(len(w.chain)))), nil)
					w.chain = w.chain[:len(w.chain)-1]
				}
			case "again": // the same block, delivered a second time
				if n := len(w.chain); n > 0 {
					commit(w.fixture, must(w.Connect(uint32(n), w.chain[n-1])), nil)
				}
			case "spend":
				w.spend(rt)
			case "replace":
				var coins []btcwire.OutPoint
				for _, tx := range w.Unconfirmed() {
					coins = append(coins, tx.TxIn[0].PreviousOutPoint)
				}
				if len(coins) > 0 {
					at := rapid.SampledFrom(coins).Draw(rt, "coin")
					rival := w.pay(w.script(rt), 900)
					rival.TxIn[0].PreviousOutPoint = at
					w.publish(rival)
				}
			case "abandon":
				if len(w.published) > 0 {
					id := rapid.SampledFrom(w.published).Draw(rt, "which").TxHash()
					if commit(w.fixture, w.Abandon(id), nil) {
						w.abandoned[id] = true
					}
				}
			case "release":
				commit(w.fixture, w.Release("test"), nil)
			}
			w.check(rt)
		}
	})
}

func (w *world) spend(t *rapid.T) {
	r := Request{Outputs: to(amount.Satoshi(rapid.Uint64Range(1_000, 100_000).Draw(t, "spent"))), FeePerKw: 253, For: "test"}
	if rapid.IntRange(0, 3).Draw(t, "all") == 0 {
		r.Outputs[0].Value = All
	}
	p, err := w.Fund(r)
	if err != nil {
		return // not enough
	}
	funded := commit(w.fixture, p, nil)
	if rapid.IntRange(0, 3).Draw(t, "published") == 0 {
		return
	}
	for _, o := range funded.Tx.TxOut {
		if string(o.PkScript) != string(somebody) {
			w.scripts[string(o.PkScript)] = true
		}
	}
	w.publish(funded.Tx)
}

func (w *world) publish(tx *btcwire.MsgTx) {
	w.pays(tx)
	delete(w.abandoned, tx.TxHash())
	if !slices.Contains(ids(w.published), tx.TxHash()) {
		w.published = append(w.published, tx)
	}
	commit(w.fixture, w.Publish(tx, ""), nil)
}

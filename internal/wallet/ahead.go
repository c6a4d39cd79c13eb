package wallet

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/durable"
)

// Gap is how many addresses in a row nobody paid, at most, on a branch of a wallet that
// comes back from its seed with all of its coins.
const Gap = 200

// Ahead is [Config.Ahead] of a wallet that comes back.
const Ahead = 2 * Gap

// ahead is what a wallet that came back looks for beyond the addresses that it knows to
// be given out. None of it is in rows: it follows from them.
type ahead struct {
	addresses map[string]AddressRow // by script
	until     map[branch]uint32     // index of the first one that is not looked for

	// sure is the index of the first one that the blocks looked through so far may have
	// paid unseen.
	sure map[branch]uint32
}

func newAhead() ahead {
	return ahead{addresses: map[string]AddressRow{}, until: map[branch]uint32{}, sure: map[branch]uint32{}}
}

// gap is how many addresses in a row may not have been paid.
func (w *Wallet) gap() uint32 { return w.cfg.Ahead / 2 }

// branches are those on which addresses are given out; there is no change in tokens.
var branches = []branch{{P2WPKH, Receive}, {P2WPKH, Change}, {P2TR, Receive}, {P2TR, Change}, {Token, Receive}}

// LookAhead looks for so many addresses beyond the last one given out, from now on: see
// [Config.Ahead].
func (w *Wallet) LookAhead(many uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg.Ahead = max(w.cfg.Ahead, many)
	return w.lookAhead()
}

func (w *Wallet) lookAhead() error {
	if w.cfg.Ahead == 0 {
		return nil
	}
	for _, b := range branches {
		// What blocks were looked through for before a start is not remembered, but it was
		// at least so much, or else Rolled is on disk.
		w.ahead.sure[b] = w.next[b] + w.gap()
		if err := w.lookOn(b); err != nil {
			return err
		}
	}
	return nil
}

// lookOn looks for what is missing on a branch since an address was given out.
func (w *Wallet) lookOn(b branch) error {
	if w.cfg.Ahead == 0 {
		return nil
	}
	i := max(w.ahead.until[b], w.next[b])
	for ; i < w.next[b]+w.cfg.Ahead; i++ {
		a, err := w.derive(b, i)
		if err != nil {
			return err
		}
		w.ahead.addresses[string(a.Script)] = a
		w.watch(a)
	}
	w.ahead.until[b] = i
	return nil
}

// discover gives out the addresses that are looked for and that a block pays, and those
// below them, until it pays none that is looked for since.
func (w *Wallet) discover(txs []*btcwire.MsgTx, c *changes) error {
	rolled := false
	for again := len(w.ahead.addresses) > 0; again; {
		again = false
		for _, tx := range txs {
			for _, out := range tx.TxOut {
				paid, found := w.ahead.addresses[string(out.PkScript)]
				if !found {
					continue
				}
				b := branch{paid.Kind, paid.Branch}
				rows, err := w.giveOut(b, paid.Index+1)
				if err != nil {
					return err
				}
				c.rows = append(c.rows, rows...)
				again, rolled = true, rolled || w.next[b]+w.gap() > w.ahead.sure[b]
			}
		}
	}
	if rolled {
		c.rows = append(c.rows, w.cfg.Rolled...)
	}
	return nil
}

// giveOut gives out the addresses of a branch below an index.
func (w *Wallet) giveOut(b branch, until uint32) (rows []durable.Row, err error) {
	for w.next[b] < until {
		a, err := w.newAddress(b.kind, b.branch)
		if err != nil {
			return nil, err
		}
		rows = append(rows, a)
	}
	return rows, nil
}

// lookThrough says that all blocks that may have paid the wallet are to come.
func (w *Wallet) lookThrough() {
	for _, b := range branches {
		w.ahead.sure[b] = w.ahead.until[b]
	}
}

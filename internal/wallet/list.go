package wallet

import (
	"bytes"
	"cmp"
	"slices"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
)

// CoinbaseMaturity is how many confirmations a coinbase output needs before it
// may be spent.
const CoinbaseMaturity = 100

// Balance is what the wallet has, in satoshi, each coin in one of the parts.
type Balance struct {
	Confirmed   amount.Satoshi // free to spend
	Unconfirmed amount.Satoshi // from transactions of ours that no block has yet
	Immature    amount.Satoshi // coinbase outputs, too young to spend
	Reserved    amount.Satoshi // kept for a transaction that was not published yet
	Spent       amount.Satoshi // by a transaction of ours that no block has yet; not ours any more
	Apart       amount.Satoshi // free else, but for tokens: see [Coin.Apart]
}

// Status says in which part of the [Balance] a coin is.
type Status string

// The statuses of a coin. Confirmed and unconfirmed ones are free to spend.
const (
	Confirmed   Status = "confirmed"
	Unconfirmed Status = "unconfirmed"
	Immature    Status = "immature"
	Reserved    Status = "reserved"
	Spent       Status = "spent"
)

// Coin is a coin as listed.
type Coin struct {
	CoinRow
	Status        Status
	Address       string
	Confirmations uint32
	// Apart says that the wallet never chooses the coin: it is at an address for
	// tokens, or at one that has some. Without a coin there tokens cannot be moved.
	Apart bool
}

// status of a coin; false when it does not count: it is gone for good, or its
// transaction is in no block any more.
func (w *Wallet) status(c *CoinRow) (Status, bool) {
	switch {
	case c.SpentHeight != 0 || !w.exists(c):
		return "", false
	case c.SpentBy != [32]byte{}:
		return Spent, true
	case c.Coinbase && w.confirmations(c) < CoinbaseMaturity:
		return Immature, true
	case c.ReservedFor != "" && w.tip.Height <= c.ReservedUntil:
		return Reserved, true
	case c.Height == 0:
		return Unconfirmed, true
	}
	return Confirmed, true
}

func (w *Wallet) confirmations(c *CoinRow) uint32 {
	if c.Height == 0 {
		return 0
	}
	return w.tip.Height - c.Height + 1
}

// Coins lists what is not spent in a block, the oldest first.
func (w *Wallet) Coins() []Coin {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list()
}

func (w *Wallet) list() []Coin {
	all := make([]Coin, 0, len(w.coins))
	for _, c := range w.coins {
		if s, ok := w.status(c); ok {
			all = append(all, Coin{*c, s, w.addresses[string(c.Script)].Address, w.confirmations(c), w.apart(c)})
		}
	}
	slices.SortFunc(all, func(a, b Coin) int {
		return cmp.Or(cmp.Compare(b.Confirmations, a.Confirmations), ByOutPoint(a.OutPoint, b.OutPoint))
	})
	return all
}

// ByOutPoint orders outputs by transaction and number.
func ByOutPoint(a, b btcwire.OutPoint) int {
	return cmp.Or(bytes.Compare(a.Hash[:], b.Hash[:]), cmp.Compare(a.Index, b.Index))
}

// Balance adds up the coins.
func (w *Wallet) Balance() Balance {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b Balance
	for _, c := range w.coins {
		switch s, _ := w.status(c); {
		case (s == Confirmed || s == Unconfirmed) && w.apart(c):
			b.Apart += c.Value
		case s == Confirmed:
			b.Confirmed += c.Value
		case s == Unconfirmed:
			b.Unconfirmed += c.Value
		case s == Immature:
			b.Immature += c.Value
		case s == Reserved:
			b.Reserved += c.Value
		case s == Spent:
			b.Spent += c.Value
		}
	}
	return b
}

// Package child is about a transaction that waits too long, and a child of it that pays
// for both: a miner who wants the child's fee must take its parent too.
//
//	plan, err := child.Of(txid, transactions, wanted)
//	withdraw(coin, plan.Rate)
package child

import (
	"bytes"
	"encoding/hex"
	"errors"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
)

// ErrNone says that there is no such transaction.
var ErrNone = errors.New("child: the wallet has no such transaction")

// Transaction is one of the wallet, as listtransactions gives it.
type Transaction struct {
	Txid   string `json:"hash"`
	Raw    string `json:"rawtx"`
	Height uint64 `json:"blockheight"`
	Label  string `json:"label"`
	Inputs []struct {
		Txid  string `json:"txid"`
		Index uint32 `json:"index"`
	} `json:"inputs"`
	Outputs []struct {
		Index  uint32              `json:"index"`
		Amount amount.MilliSatoshi `json:"amount_msat"`
	} `json:"outputs"`
	Created uint64 `json:"created_index"`
}

// Sum is of the outputs.
func (t *Transaction) Sum() (sum amount.MilliSatoshi) {
	for _, o := range t.Outputs {
		sum += o.Amount // no more than there are bitcoins
	}
	return sum
}

// Plan is what a transaction pays, and what a child of it must.
type Plan struct {
	Size, Paid  uint64 // of the parent, in virtual bytes and satoshi
	Known       bool   // whether the fee is; else it counts as none
	Wanted      uint64 // the rate of both together, in satoshi for 1000 virtual bytes
	Rate, Costs uint64 // of the child
	Enough      bool   // whether the parent pays that already
}

// Of plans the child of a transaction. What its inputs are worth is known when the
// wallet has the transactions that they spend.
func Of(txid string, all []Transaction, wanted uint64) (p Plan, err error) {
	type outPoint struct {
		txid  string
		index uint32
	}
	values := map[outPoint]amount.MilliSatoshi{}
	var parent *Transaction
	for i := range all {
		for _, o := range all[i].Outputs {
			values[outPoint{all[i].Txid, o.Index}] = o.Amount
		}
		if all[i].Txid == txid {
			parent = &all[i]
		}
	}
	if parent == nil {
		return p, ErrNone
	}
	if p.Size, err = size(parent.Raw); err != nil {
		return p, err
	}
	var in amount.MilliSatoshi
	p.Known, p.Wanted = true, wanted
	for _, x := range parent.Inputs {
		value, known := values[outPoint{x.Txid, x.Index}]
		p.Known = p.Known && known
		in += value // no more than there are bitcoins
	}
	if p.Known {
		p.Paid = uint64(in.Less0(parent.Sum()) / 1000)
	}
	p.Rate = rate(p.Size, p.Paid, wanted)
	p.Enough = p.Rate == wanted
	p.Costs = fee(p.Rate)
	return p, nil
}

// ownSize is of a child with one input and one output of a wallet, in virtual bytes:
// that of P2WPKH, which is the larger one as an input, and of P2TR as an output.
const ownSize = 123

// most is a rate that is taken for a mistake, in satoshi for 1000 virtual bytes.
const most = 10_000_000

// size is that of a transaction in hexadecimal, in virtual bytes.
func size(raw string) (uint64, error) {
	b, err := hex.DecodeString(raw)
	if err != nil {
		return 0, err
	}
	var tx btcwire.MsgTx
	if err := tx.Deserialize(bytes.NewReader(b)); err != nil {
		return 0, err
	}
	weight := 3*tx.SerializeSizeStripped() + tx.SerializeSize()
	return uint64(weight+3) / 4, nil //nolint:gosec // not negative
}

// rate is what the child must pay, so that both together pay the rate that is wanted:
// in satoshi for 1000 virtual bytes, rounded up. It is the wanted one when the parent
// pays that already.
func rate(parentSize, parentFee, wanted uint64) uint64 {
	wanted, parentSize = min(wanted, most), min(parentSize, 1_000_000)
	both := wanted * (parentSize + ownSize)
	paid := 1000 * min(parentFee, 1<<50)
	if paid >= wanted*parentSize {
		return wanted
	}
	return min((both-paid+ownSize-1)/ownSize, most)
}

// fee is what it costs at a rate, in satoshi, rounded up.
func fee(of uint64) uint64 { return (min(of, most)*ownSize + 999) / 1000 }

package office

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/leyden-ln/leyden/web/child"
	"github.com/leyden-ln/leyden/web/newest"
)

// transactionRow is a transaction of the wallet.
type transactionRow = child.Transaction

var transactionsList = newest.List[transactionRow]{Command: "listtransactions", Key: "transactions", Index: func(r *transactionRow) uint64 { return r.Created }}

// pageBump asks whether a child should pay for a transaction that waits.
type pageBump struct {
	Coin Coin
	child.Plan
	Wrong *Fault
}

// Bump makes a child of a transaction that waits, which pays for both: a coin of it is
// sent to the wallet itself.
func Bump(v Visit) error {
	page, err := readBump(v, v.Request().FormValue("coin"))
	if err != nil {
		return err
	}
	if v.Request().Method != http.MethodPost {
		return v.Show(200, "bump", &page)
	}
	var made, sent struct{ Bech32, Txid string }
	err = v.Run(&made, "newaddr")
	if err == nil {
		err = v.Run(&sent, "withdraw", "destination", made.Bech32, "satoshi", "all", "feerate", fmt.Sprintf("%dperkb", page.Rate),
			"minconf", "0", "utxos", fmt.Sprintf(`["%s:%d"]`, page.Coin.Txid, page.Coin.Output))
	}
	if err != nil {
		page.Wrong = Reason(err)
		return v.Show(422, "bump", &page)
	}
	return v.See("/onchain?sent=" + sent.Txid)
}

// readBump finds out what a coin's transaction pays, and what a child of it must.
func readBump(v Visit, coin string) (page pageBump, err error) {
	wallet, err := ReadCoins(v)
	if err != nil {
		return page, err
	}
	i := slices.IndexFunc(wallet.Outputs, func(c Coin) bool {
		return fmt.Sprintf("%s:%d", c.Txid, c.Output) == coin && c.Status == "unconfirmed" && !c.Reserved
	})
	if i < 0 {
		return page, ErrNotFound
	}
	page.Coin = wallet.Outputs[i]
	var fees struct {
		PerKb struct {
			Opening   uint64
			Estimates []struct{ FeeRate uint64 }
		} `json:"perkb"`
	}
	if err := v.Run(&fees, "feerates", "style", "perkb"); err != nil {
		return page, err
	}
	wanted := fees.PerKb.Opening
	for _, e := range fees.PerKb.Estimates {
		wanted = max(wanted, e.FeeRate)
	}
	var all struct{ Transactions []transactionRow }
	if err := v.Run(&all, "listtransactions"); err != nil {
		return page, err
	}
	page.Plan, err = child.Of(page.Coin.Txid, all.Transactions, wanted)
	return page, err
}

package web

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/amount"
)

// coinRow is an output of the wallet.
type coinRow struct {
	Txid     string              `json:"txid"`
	Output   uint32              `json:"output"`
	Amount   amount.MilliSatoshi `json:"amount_msat"`
	Address  string              `json:"address"`
	Status   string              `json:"status"`
	Height   uint64              `json:"blockheight"`
	Reserved bool                `json:"reserved"`
}

// coins are the wallet's, and their sums.
type coins struct {
	Outputs                []coinRow
	Reserve                amount.MilliSatoshi `json:"reserve_msat"`
	Confirmed, Unconfirmed amount.MilliSatoshi `json:"-"`
}

func (v *visit) coins() (c coins, err error) {
	err = v.run(v.ctx(), &c, "listfunds")
	for _, o := range c.Outputs {
		switch o.Status {
		case "confirmed":
			c.Confirmed += o.Amount // no more than there are bitcoins
		case "unconfirmed", "immature":
			c.Unconfirmed += o.Amount
		}
	}
	return c, err
}

// pageOnChain is the wallet, and a payment that somebody wants to make from it.
type pageOnChain struct {
	coins
	Address            string // a new one
	To, Sum, Unit, Fee string
	Units, Rates       []string
	Asked              string // the amount, when it only has to be confirmed
	Wrong, Sent        string
}

// mostCoins is how many coins one page shows, the largest first.
const mostCoins = 200

func (v *visit) onChain() error {
	return v.showOnChain(200, pageOnChain{Unit: "sat", Fee: rates[0], Sent: v.r.URL.Query().Get("sent")})
}

func (v *visit) showOnChain(status int, page pageOnChain) (err error) {
	if page.coins, err = v.coins(); err != nil {
		return err
	}
	slices.SortStableFunc(page.Outputs, func(a, b coinRow) int { return cmp.Compare(b.Amount, a.Amount) })
	page.Outputs = page.Outputs[:min(len(page.Outputs), mostCoins)]
	page.Units, page.Rates = amountUnits[:2], rates
	if raw := page.Sent; raw != strings.ToLower(raw) || len(raw) != 64 {
		page.Sent = ""
	}
	return v.write(status, "onchain", page)
}

func (v *visit) newAddress() error {
	var made struct {
		Bech32 string `json:"bech32"`
		P2TR   string `json:"p2tr"`
	}
	kind := "bech32"
	if v.field("kind") == "p2tr" {
		kind = "p2tr"
	}
	if err := v.run(v.ctx(), &made, "newaddr", arg{"addresstype", kind}); err != nil {
		return err
	}
	return v.showOnChain(200, pageOnChain{Unit: "sat", Fee: rates[0], Address: cmp.Or(made.Bech32, made.P2TR)})
}

// sendCoins asks once more before it pays: what is on-chain does not come back.
func (v *visit) sendCoins() error {
	page := pageOnChain{To: v.field("to"), Sum: v.field("sum"), Unit: v.field("unit"), Fee: v.field("fee")}
	asked := "all"
	if page.Sum != "all" {
		asked = amountOf(page.Sum, page.Unit)
	}
	if _, err := amount.Parse(asked); err != nil && asked != "all" || page.To == "" {
		page.Wrong = text("onchain.wrong")
		return v.showOnChain(422, page)
	}
	args := []arg{{"destination", page.To}, {"satoshi", asked}, {"feerate", cmp.Or(page.Fee, rates[0])}}
	if v.field("sure") != "yes" {
		page.Asked = asked
		v.lines = append(v.lines, v.s.line("withdraw", args))
		return v.showOnChain(200, page)
	}
	var sent struct{ Txid string }
	if err := v.run(v.ctx(), &sent, "withdraw", args...); err != nil {
		page.Wrong = reason(err)
		return v.showOnChain(422, page)
	}
	return v.see("/onchain?sent=" + sent.Txid)
}

package office

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// Coin is an output of the wallet.
type Coin struct {
	Txid     string              `json:"txid"`
	Output   uint32              `json:"output"`
	Amount   amount.MilliSatoshi `json:"amount_msat"`
	Address  string              `json:"address"`
	Status   string              `json:"status"`
	Height   uint64              `json:"blockheight"`
	Reserved bool                `json:"reserved"`
}

// Coins are the wallet's, and their sums.
type Coins struct {
	Outputs                []Coin
	Reserve                amount.MilliSatoshi `json:"reserve_msat"`
	Confirmed, Unconfirmed amount.MilliSatoshi `json:"-"`
}

// ReadCoins reads the wallet.
func ReadCoins(v Visit) (c Coins, err error) {
	err = v.Run(&c, "listfunds")
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

// Rates are the feerates that one may choose, the usual one first.
var Rates = []string{"normal", "slow", "urgent"}

// pageOnChain is the wallet, and a payment that somebody wants to make from it.
type pageOnChain struct {
	Coins
	Address            string // a new one
	To, Sum, Unit, Fee string
	Units, Rates       []string
	Asked              string // the amount, when it only has to be confirmed
	Transactions       []transactionRow
	Older              string            // the address of the older ones
	Names              map[string]string // of addresses and transactions, by the owner
	Sent               string
	Wrong              *Fault

	Held              tokens.Held
	Token             string // the number of one that somebody wants to send
	TokenTo, TokenSum string
	TokenAsked        *tokens.Asset // when it only has to be confirmed
}

// mostCoins is how many coins one page shows, the largest first.
const mostCoins = 200

// transactionsOfPage is how many of them it shows, the newest first.
const transactionsOfPage = 20

// OnChain shows the coins and the transactions.
func OnChain(v Visit) error {
	return showOnChain(v, 200, pageOnChain{Unit: "sat", Fee: Rates[0], Sent: v.Request().URL.Query().Get("sent")})
}

func showOnChain(v Visit, status int, page pageOnChain) (err error) {
	if page.Coins, err = ReadCoins(v); err != nil {
		return err
	}
	if page.Held, err = v.Held(); err != nil {
		return err
	}
	slices.SortStableFunc(page.Outputs, func(a, b Coin) int { return cmp.Compare(b.Amount, a.Amount) })
	page.Outputs = page.Outputs[:min(len(page.Outputs), mostCoins)]
	var next uint64
	if page.Transactions, next, err = transactionsList.Older(v.Lister(), "", v.Request().URL.Query().Get("before"), transactionsOfPage); err != nil {
		return err
	}
	if next > 0 {
		page.Older = fmt.Sprintf("/onchain?before=%d#transactions", next)
	}
	page.Names = ReadLabels(v)
	page.Units, page.Rates = words.AmountUnits[:2], Rates
	if raw := page.Sent; raw != strings.ToLower(raw) || len(raw) != 64 {
		page.Sent = ""
	}
	return v.Show(status, "onchain", page)
}

// NewAddress makes an address, and shows it as a QR code.
func NewAddress(v Visit) error {
	var made struct {
		Bech32 string `json:"bech32"`
		P2TR   string `json:"p2tr"`
		P2SH   string `json:"p2sh-segwit"`
	}
	kind := v.Field("kind")
	if kind != "p2tr" && kind != "p2sh-segwit" {
		kind = "bech32"
	}
	if err := v.Run(&made, "newaddr", "addresstype", kind); err != nil {
		return err
	}
	return showOnChain(v, 200, pageOnChain{Unit: "sat", Fee: Rates[0], Address: cmp.Or(made.Bech32, made.P2TR, made.P2SH)})
}

// SendCoins asks once more before it pays: what is on-chain does not come back.
func SendCoins(v Visit) error {
	page := pageOnChain{To: v.Field("to"), Sum: v.Field("sum"), Unit: v.Field("unit"), Fee: v.Field("fee")}
	asked := "all"
	if page.Sum != "all" {
		asked = v.Words().Amount(page.Sum, page.Unit)
	}
	if _, err := amount.Parse(asked); err != nil && asked != "all" || page.To == "" {
		page.Wrong = Say(v.Text("onchain.wrong"))
		return showOnChain(v, 422, page)
	}
	args := []string{"destination", page.To, "satoshi", asked, "feerate", cmp.Or(page.Fee, Rates[0])}
	if v.Field("sure") != "yes" {
		page.Asked = asked
		v.Would("withdraw", args...)
		return showOnChain(v, 200, page)
	}
	var sent struct{ Txid string }
	if err := v.Run(&sent, "withdraw", args...); err != nil {
		page.Wrong = Reason(err)
		return showOnChain(v, 422, page)
	}
	return v.See("/onchain?sent=" + sent.Txid)
}

// SendTokens asks once more, as [SendCoins] does.
func SendTokens(v Visit) error {
	page := pageOnChain{Unit: "sat", Fee: Rates[0], Token: v.Field("token"), TokenTo: v.Field("to"), TokenSum: v.Field("sum")}
	held, err := v.Held()
	if err != nil {
		return err
	}
	asset := held.Of(tokens.OfUnit(page.Token)).Asset
	asked := v.Words().Amount(page.TokenSum, "")
	if _, err := amount.ParseTokens(asked, asset.Divisible); err != nil || !asset.Known || page.TokenTo == "" {
		page.Wrong = Say(v.Text("onchain.wrong"))
		return showOnChain(v, 422, page)
	}
	args := []string{"property_id", tokens.Unit(asset.ID), "amount", asked, "destination", page.TokenTo}
	if v.Field("sure") != "yes" {
		page.TokenAsked = &asset
		v.Would("assetsend", args...)
		return showOnChain(v, 200, page)
	}
	var sent struct{ Txid string }
	if err := v.Run(&sent, "assetsend", args...); err != nil {
		page.Wrong = Reason(err)
		return showOnChain(v, 422, page)
	}
	return v.See("/onchain?sent=" + sent.Txid)
}

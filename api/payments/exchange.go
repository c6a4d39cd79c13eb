package payments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/node"
)

// offers are the rates of exchanges, as they write them themselves.
type offers struct {
	given []rate.Offer // empty: what is announced
}

// Words implements [command.Worded].
func (offers) Words() string { return `an object, an array of them, or "announced"` }

// ofTokens are the offers for a payment in tokens of a property, or of bitcoin for them. Of
// what is announced those are taken that ask, or give, the best price.
func (o *offers) ofTokens(n *node.Node, property amount.Property, sells bool) []rate.Offer {
	if o == nil || len(o.given) > 0 {
		return command.Or(o, offers{}).given
	}
	list := []rate.Offer{}
	price := func(r *rate.Offer) rate.Price {
		if sells {
			return r.Sell
		}
		return r.Buy
	}
	for _, r := range n.AnnouncedRates() {
		if r.Property == property && price(&r.Offer).Good() {
			list = append(list, r.Offer)
		}
	}
	slices.SortStableFunc(list, func(a, b rate.Offer) int {
		if sells {
			return a.Sell.Compare(b.Sell)
		}
		return b.Buy.Compare(a.Buy)
	})
	return list[:min(len(list), pay.MaxOffers)]
}

// ofInvoice are the offers for an invoice.
func (o *offers) ofInvoice(n *node.Node, property amount.Property) ([]rate.Offer, error) {
	if o != nil && len(o.given) == 0 && property == 0 {
		return nil, command.Refuse(command.InvalidParams, "exchange: an invoice in bitcoin does not say which tokens are to pay it: give an object, such as a row of listassetoffers")
	}
	return o.ofTokens(n, property, true), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (o *offers) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil { // a shell gives objects as strings
		b = []byte(text)
	}
	if *o = (offers{}); text == "announced" {
		return nil
	}
	type price struct {
		Msat  amount.MilliSatoshi `json:"msat"`
		Units amount.Units        `json:"units"`
	}
	type row struct {
		ID       wire.NodeID         `json:"id"`
		Property amount.Property     `json:"property_id"`
		Sell     price               `json:"sell"`
		Buy      price               `json:"buy"`
		Least    amount.Units        `json:"min_units"`
		Most     amount.Units        `json:"max_units"`
		Blocks   uint16              `json:"maxdelay"`
		Carrier  amount.MilliSatoshi `json:"carrier_msat"`
	}
	if b = bytes.TrimSpace(b); !bytes.HasPrefix(b, []byte("[")) {
		b = slices.Concat([]byte("["), b, []byte("]"))
	}
	var rows []row
	if err := json.Unmarshal(b, &rows); err != nil {
		return err
	}
	if len(rows) == 0 {
		return errors.New("there is no exchange in it")
	}
	for _, r := range rows {
		if r.Most == 0 {
			r.Most = amount.MaxUnits
		}
		if r.Blocks == 0 {
			r.Blocks = uint16(pay.DefaultMaxDelay)
		}
		offer := rate.Offer{Node: r.ID, Carrier: r.Carrier, Rate: rate.Rate{
			Property: r.Property, Sell: rate.Price(r.Sell), Buy: rate.Price(r.Buy), Least: max(r.Least, 1), Most: r.Most, Blocks: r.Blocks,
		}}
		if r.ID == (wire.NodeID{}) || !offer.Good() || offer.None() || r.Carrier > amount.Max {
			return errors.New("a rate needs id, property_id, and sell or buy with msat and units")
		}
		o.given = append(o.given, offer)
	}
	return nil
}

// overExchange sets by which exchanges a payment goes, and what it may cost.
func overExchange(n *node.Node, req *pay.Request, o *offers, cost *amount.MilliSatoshi, units *amount.Units) (err error) {
	switch {
	case o == nil && (cost != nil || units != nil):
		return command.Refuse(command.InvalidParams, "maxcost: it is the limit of a payment over an exchange: give exchange")
	case o == nil:
		return nil
	case req.MaxFee != nil || req.MaxFeePPM != nil || req.ExemptFee != nil:
		return command.Refuse(command.InvalidParams, "exchange: the limit is maxcost or maxcost_units, of all that is sent; leave those of fees out")
	}
	req.MaxCost, req.MaxCostUnits = cost, units
	req.Offers, err = o.ofInvoice(n, req.Property)
	return err
}

type payCostRequest struct {
	Bolt11   string               `json:"bolt11" alias:"invstring" doc:"the invoice"`
	Exchange *offers              `json:"exchange" doc:"the rate of a node on the way that exchanges bitcoin and tokens, several, or announced, as in pay"`
	Amount   *amount.MilliSatoshi `json:"amount_msat" doc:"what to pay, when the invoice leaves it open"`
	Units    *amount.Units        `json:"amount_units" doc:"what to pay in the asset's smallest units, when an invoice in an asset leaves it open"`
	MaxDelay *uint32              `json:"maxdelay" doc:"blocks for which the money may be locked at the most; 2016 when not given"`
	Exclude  *[]exclusion         `json:"exclude" doc:"what no route may use: node ids, and channels as short_channel_id/direction"`
}

type quoteRow struct {
	ID    wire.NodeID          `json:"id" doc:"the node that exchanges"`
	Side  string               `json:"side" doc:"sell: it takes bitcoin for tokens; buy: it gives bitcoin for tokens"`
	Msat  amount.MilliSatoshi  `json:"msat" doc:"its price: so much bitcoin"`
	Units amount.Units         `json:"units" doc:"for so many of the smallest units"`
	Token *amount.MilliSatoshi `json:"token_msat,omitempty" doc:"the same for one token, rounded as in a payment; absent: the ledger of this node does not know the token"`
}

type costRoute struct {
	Route []hop `json:"route" doc:"its hops, as for sendpay; their delays count from now"`
}

type payCostResponse struct {
	PaymentHash wire.PaymentHash    `json:"payment_hash" doc:"of the invoice"`
	Destination wire.NodeID         `json:"destination" doc:"the payee"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that would arrive"`
	Sent        amount.MilliSatoshi `json:"amount_sent_msat" doc:"that would be sent, in all"`
	Parts       int                 `json:"parts" doc:"how many HTLCs would pay it"`
	Exchange    *quoteRow           `json:"exchange,omitempty" doc:"at which rate it would be exchanged; absent: it would not"`
	Routes      []costRoute         `json:"routes" doc:"the ways that it would go"`
	paidTokens
}

// payCost looks for a way as pay does, and pays nothing.
func payCost(ctx context.Context, n *node.Node, r payCostRequest) (out payCostResponse, err error) {
	bill, err := obolt.Read(r.Bolt11)
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "invalid bolt11: %v", err)
	}
	req := pay.Request{
		Bolt11: r.Bolt11, Invoice: &bill.Invoice, Property: bill.Property, Asked: bill.Units, Units: r.Units, Amount: r.Amount,
		Exclude: exclusions(r.Exclude), MaxDelay: command.Or(r.MaxDelay, 0),
	}
	if req.Offers, err = r.Exchange.ofInvoice(n, bill.Property); err != nil {
		return out, err
	}
	if most, units := amount.Max, amount.MaxUnits; bill.Property != 0 {
		req.MaxCost = &most
	} else {
		req.MaxCostUnits = &units
	}
	p, err := pay.New(req, n.Sender().Node, 1, uint64(max(time.Now().Unix(), 0))) //nolint:gosec // not negative
	if err != nil {
		return out, invoiceError(err, &bill.Invoice)
	}
	routes, err := n.Routes(p.Asked())
	if err != nil {
		return out, payError(err)
	}
	row, all := p.Row(), command.AssetsOf(ctx, n)
	var units, sent amount.Units
	height := n.Height()
	for _, route := range routes {
		shown, from := costRoute{Route: []hop{}}, n.ID()
		for i, h := range route {
			if i > 0 && (h.Units != 0) != (route[i-1].Units != 0) {
				out.Exchange = showQuote(all, req.Offers, from, h.Units != 0)
			}
			shown.Route = append(shown.Route, hop{h.NodeID, h.SCID, command.Direction(from, h.NodeID), h.Amount, h.CLTVExpiry - height, "tlv", h.Units})
			from = h.NodeID
		}
		out.Routes = append(out.Routes, shown)
		out.Amount += route.Delivered()
		out.Sent += route.Sent()
		units += route.DeliveredUnits()
		sent += route.SentUnits()
	}
	out.PaymentHash, out.Destination, out.Parts = row.PaymentHash, row.Destination, len(routes)
	out.paidTokens = showTokens(all, row.Property, units, sent)
	return out, nil
}

// showQuote is the price of an exchange that a payment would take.
func showQuote(all *command.Assets, list []rate.Offer, id wire.NodeID, sells bool) *quoteRow {
	for i := range list {
		o := &list[i]
		if o.Node != id {
			continue
		}
		out, of := &quoteRow{ID: id, Side: "buy", Msat: o.Buy.Msat, Units: o.Buy.Units}, o.Buy.Value
		if sells {
			out, of = &quoteRow{ID: id, Side: "sell", Msat: o.Sell.Msat, Units: o.Sell.Units}, o.Sell.Cost
		}
		one := all.One(o.Property)
		if msat, ok := of(one); ok && one != 0 {
			out.Token = &msat
		}
		return out
	}
	return nil
}

var exchangeCommands = []command.Command{
	command.Define(command.Spec{
		Name: "paycost", Group: "payments", Short: "what a payment would cost",
		Long: "Looks for the ways by which pay would pay an invoice, and says what would be sent and what would arrive. Nothing is sent. With exchange " +
			"it says so of a payment in the other currency: bitcoin for an invoice in tokens, or tokens for one in bitcoin, at the rate that was given or announced; " +
			"whether that is still the exchange's shows only when it is paid.",
		Errors: []command.Code{command.PayRouteNotFound, command.PayRouteTooExpensive, command.PayInvoiceExpired, command.Failed}, Examples: []string{
			"paycost lnbcrt250u1…", `paycost obort3:… '{"id":"02…","property_id":3,"sell":{"msat":1515000,"units":100000000}}'`,
			"paycost obort3:… announced",
		},
	}, payCost),
}

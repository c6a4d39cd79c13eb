package assets

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/node"
)

type setRateRequest struct {
	Property amount.Property     `json:"property_id" doc:"the token"`
	Msat     amount.MilliSatoshi `json:"amount_msat" doc:"its price: so much bitcoin for the tokens of amount. 0 takes the rate away"`
	Tokens   *string             `json:"amount" doc:"how many tokens have this price, such as 100 or 0.5; 1 when not given"`
	Spread   *uint32             `json:"spread" doc:"in millionths: tokens are sold for so much more than the price, and bought for so much less; 10000, which is a percent, when not given"`
	Limit    *string             `json:"limit" doc:"the most tokens that are being exchanged at once, in all HTLCs and both directions; unchanged when not given"`
	Most     *string             `json:"max" doc:"the most tokens in one HTLC; unchanged when not given, at first a quarter of limit"`
	Least    *string             `json:"min" doc:"the least tokens in one HTLC; unchanged when not given, at first the smallest unit"`
	Side     *string             `json:"side" doc:"sell: only the price at which tokens are sold for bitcoin is changed; buy: only that at which they are bought; both when not given"`
	Blocks   *uint32             `json:"maxdelay" doc:"blocks that an HTLC may have left when it goes on, during which its end decides whether it is exchanged; unchanged when not given, at first 144"`
	Delay    *uint32             `json:"enforcedelay" doc:"seconds for which the rate before holds beside it, for payments under way; 600 when not given"`
	Units    *amount.Units       `json:"amount_units" doc:"instead of amount: how many of the smallest units have this price"`
}

type priceRow struct {
	Msat  amount.MilliSatoshi  `json:"msat" doc:"so much bitcoin"`
	Units amount.Units         `json:"units" doc:"for so many of the smallest units"`
	Token *amount.MilliSatoshi `json:"token_msat,omitempty" doc:"the same for one token, rounded as in a payment; absent: the ledger of this node does not know the token"`
}

type rateRow struct {
	ID wire.NodeID `json:"id" doc:"this node, for whoever is told the rate"`
	command.Asset
	Sell     *priceRow    `json:"sell,omitempty" doc:"what is taken for tokens that go on; absent: none are sold"`
	Buy      *priceRow    `json:"buy,omitempty" doc:"what goes on for tokens that come; absent: none are bought"`
	Least    amount.Units `json:"min_units" doc:"the least of one HTLC"`
	Most     amount.Units `json:"max_units" doc:"the most of one HTLC"`
	Blocks   uint16       `json:"maxdelay" doc:"blocks that an HTLC may have left when it goes on"`
	Limit    amount.Units `json:"limit_units" doc:"the most that is being exchanged at once"`
	UnderWay amount.Units `json:"under_way_units" doc:"what is being exchanged now"`
	Changed  uint64       `json:"changed_at" doc:"unix seconds"`

	Carrier amount.MilliSatoshi `json:"carrier_msat,omitempty" doc:"the least bitcoin that goes on with the tokens, as its channels are now; absent: there is no channel that can carry any"`
}

// What a rate has when nothing is said.
const (
	defaultSpread = 10_000
	defaultBlocks = 144
	defaultHonour = 600
)

func setRate(ctx context.Context, n *node.Node, r setRateRequest) (out rateRow, err error) {
	if r.Property == 0 {
		return out, command.Refuse(command.InvalidParams, "property_id: bitcoin has no rate of its own")
	}
	row, known := n.Exchange().Of(r.Property)
	row.Property = r.Property
	side := command.Or(r.Side, "both")
	if side != "both" && side != "sell" && side != "buy" {
		return out, command.Refuse(command.InvalidParams, "side: should be sell, buy or both, not %q", command.Clip([]byte(side)))
	}
	if known || r.Msat != 0 {
		if err := r.change(ctx, n, &row, side); err != nil {
			return out, err
		}
		honour := time.Duration(command.Or(r.Delay, defaultHonour)) * time.Second
		if row, err = n.SetRate(ctx, row, honour); err != nil {
			return out, err
		}
	}
	return showRate(command.AssetsOf(ctx, n), n, row), nil
}

// change makes of a rate what is asked for.
func (r *setRateRequest) change(ctx context.Context, n *node.Node, row *rate.Row, side string) error {
	var sell, buy rate.Price
	if r.Msat != 0 {
		p, err := command.Property(ctx, n, r.Property)
		if err != nil {
			return err
		}
		if err := r.limits(row, p.Divisible); err != nil {
			return err
		}
		price := rate.Price{Msat: r.Msat, Units: command.Or(r.Units, 0)}
		switch {
		case r.Units != nil && r.Tokens != nil:
			return command.Refuse(command.InvalidParams, "amount_units: give it or amount, not both")
		case r.Units == nil:
			if price.Units, err = amount.ParseTokens(command.Or(r.Tokens, "1"), p.Divisible); err != nil {
				return command.Refuse(command.InvalidParams, "amount: %v", err)
			}
		}
		var sold, bought bool
		spread := command.Or(r.Spread, defaultSpread)
		sell, sold = price.Spread(spread, true)
		if buy, bought = price.Spread(spread, false); !sold || !bought {
			return command.Refuse(command.InvalidParams, "amount_msat: %s for %d units with a spread of %d millionths is no price", r.Msat, price.Units, spread)
		}
	}
	if side != "buy" {
		row.Sell = sell
	}
	if side != "sell" {
		row.Buy = buy
	}
	return nil
}

// limits sets those of a rate.
func (r *setRateRequest) limits(row *rate.Row, divisible bool) (err error) {
	set := func(name string, text *string, to *amount.Units) {
		if text == nil || err != nil {
			return
		}
		if *to, err = amount.ParseTokens(*text, divisible); err != nil {
			err = command.Refuse(command.InvalidParams, "%s: %v", name, err)
		}
	}
	if set("limit", r.Limit, &row.InFlight); err == nil && row.InFlight == 0 {
		return command.Refuse(command.InvalidParams, "limit: say how many tokens may be exchanged at once: until its HTLC has ended, another may exchange or not, as they please")
	}
	row.Least = cmp.Or(row.Least, 1)
	row.Most = cmp.Or(row.Most, max(row.InFlight/4, 1))
	row.Blocks = cmp.Or(row.Blocks, defaultBlocks)
	set("max", r.Most, &row.Most)
	set("min", r.Least, &row.Least)
	if r.Blocks != nil {
		if *r.Blocks == 0 || *r.Blocks > 2016 {
			return command.Refuse(command.InvalidParams, "maxdelay: should be from 1 to 2016 blocks, not %d", *r.Blocks)
		}
		row.Blocks = uint16(*r.Blocks)
	}
	switch {
	case err != nil:
		return err
	case row.Least > row.Most || row.Most > row.InFlight:
		return command.Refuse(command.InvalidParams, "max: min, max and limit must not fall: they are %d, %d and %d units", row.Least, row.Most, row.InFlight)
	}
	return nil
}

func showRate(all *command.Assets, n *node.Node, row rate.Row) rateRow {
	out := rateRow{
		ID: n.ID(), Carrier: carrier(n, row.Property), Asset: all.Show(row.Property), Least: row.Least, Most: row.Most, Blocks: row.Blocks, Limit: row.InFlight,
		UnderWay: n.Exchange().UnderWay(row.Property), Changed: row.ChangedAt,
	}
	out.Sell, out.Buy = showPrices(all, row.Rate)
	return out
}

func showPrices(all *command.Assets, r rate.Rate) (sell, buy *priceRow) {
	one := all.One(r.Property)
	show := func(p rate.Price, of func(amount.Units) (amount.MilliSatoshi, bool)) *priceRow {
		if !p.Good() {
			return nil
		}
		out := &priceRow{Msat: p.Msat, Units: p.Units}
		if msat, ok := of(one); ok && one != 0 {
			out.Token = &msat
		}
		return out
	}
	return show(r.Sell, r.Sell.Cost), show(r.Buy, r.Buy.Value)
}

// carrier is what must go with tokens of a property over the channels of a node.
func carrier(n *node.Node, property amount.Property) (most amount.MilliSatoshi) {
	for _, l := range n.Links().All() {
		if l.Params().Property == property {
			if _, carrier, usable := l.Tokens(); usable {
				most = max(most, carrier)
			}
		}
	}
	return most
}

type listRatesRequest struct {
	Property *amount.Property `json:"property_id" doc:"only of this token"`
}

type listRatesResponse struct {
	Rates []rateRow `json:"rates" doc:"at which this node exchanges, by token"`
}

func listRates(ctx context.Context, n *node.Node, r listRatesRequest) (listRatesResponse, error) {
	out := listRatesResponse{Rates: []rateRow{}}
	rows, all := n.Exchange().All(), command.AssetsOf(ctx, n)
	slices.SortFunc(rows, func(a, b rate.Row) int { return cmp.Compare(a.Property, b.Property) })
	for _, row := range rows {
		if r.Property == nil || *r.Property == row.Property {
			out.Rates = append(out.Rates, showRate(all, n, row))
		}
	}
	return out, nil
}

var rateCommands = []command.Command{
	command.Define(command.Spec{
		Name: "setassetrate", Group: "assets", Short: "exchange bitcoin and tokens on the way of payments",
		Long: "Sets the rate at which this node exchanges bitcoin and a token for payments that come over a channel of the one and go on over a " +
			"channel of the other. Rounding is in this node's favour, and the fee of the channel over which it goes on comes on top. Until an " +
			"HTLC that went on has ended, whoever may fulfil it has the choice to exchange at this rate or not: limit, max and maxdelay bound " +
			"what that can cost, and spread should pay for it. What is under way is exchanged at the rate that it had. " +
			"Once a channel with the token is announced, other nodes are told the rate (listassetoffers).",
		Errors: []command.Code{command.AssetsOff, command.AssetUnknown, command.Failed},
		Examples: []string{
			"setassetrate 31 1500sat 1 10000 1000", "setassetrate -k property_id=31 amount_msat=1450sat side=buy spread=0", "setassetrate 31 0",
		},
	}, setRate),
	command.Define(command.Spec{
		Name: "listassetrates", Group: "assets", Short: "list the rates at which bitcoin and tokens are exchanged",
		Long:   "Lists the rates at which this node exchanges bitcoin and tokens for payments that go through it, and how much of it is under way.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listassetrates", "listassetrates 31"},
	}, listRates),
}

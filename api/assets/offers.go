package assets

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/node"
)

type listOffersRequest struct {
	Property *amount.Property `json:"property_id" doc:"only of this token"`
}

type offerRow struct {
	ID wire.NodeID `json:"id" doc:"the node that exchanges"`
	command.Asset
	Sell    *priceRow           `json:"sell,omitempty" doc:"what it takes for tokens that go on; absent: it sells none"`
	Buy     *priceRow           `json:"buy,omitempty" doc:"what goes on for tokens that come; absent: it buys none"`
	Least   amount.Units        `json:"min_units" doc:"the least of one HTLC"`
	Most    amount.Units        `json:"max_units" doc:"the most of one HTLC"`
	Blocks  uint16              `json:"maxdelay" doc:"blocks that an HTLC may have left when it goes on"`
	Carrier amount.MilliSatoshi `json:"carrier_msat" doc:"the least bitcoin that goes on with the tokens"`
	Expires uint64              `json:"expires_at" doc:"unix seconds: it is not believed for longer, unless it is told again"`
}

type listOffersResponse struct {
	Offers []offerRow `json:"offers" doc:"by node and token; each is as pay takes it for exchange"`
}

func listOffers(ctx context.Context, n *node.Node, r listOffersRequest) (listOffersResponse, error) {
	out := listOffersResponse{Offers: []offerRow{}}
	all := command.AssetsOf(ctx, n)
	for _, o := range n.AnnouncedRates() {
		if r.Property != nil && *r.Property != o.Property {
			continue
		}
		row := offerRow{
			ID: o.Node, Asset: all.Show(o.Property), Least: o.Least, Most: o.Most, Blocks: o.Blocks, Carrier: o.Carrier, Expires: o.Until,
		}
		row.Sell, row.Buy = showPrices(all, o.Rate)
		out.Offers = append(out.Offers, row)
	}
	return out, nil
}

var offerCommands = []command.Command{
	command.Define(command.Spec{
		Name: "listassetoffers", Group: "assets", Short: "list at what rates other nodes exchange bitcoin and tokens",
		Long: "Lists the rates that other nodes with announced channels with tokens have told, and that may be believed now. A row can be given to pay " +
			"and paycost for exchange as it is; exchange=announced takes the best of them all. `listassetrates` lists this node's own.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listassetoffers", "listassetoffers 31"},
	}, listOffers),
}

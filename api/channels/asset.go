package channels

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// assetRow is what a channel has of the token that it carries.
type assetRow struct {
	Property   amount.Property     `json:"property_id" doc:"the token's number"`
	Total      amount.Units        `json:"total_units" doc:"all that the channel has, in the smallest units"`
	ToUs       amount.Units        `json:"to_us_units" doc:"ours"`
	Spendable  amount.Units        `json:"spendable_units" doc:"the most that we can offer in an HTLC"`
	Receivable amount.Units        `json:"receivable_units" doc:"the most that the peer can offer in one"`
	OurReserve amount.Units        `json:"our_reserve_units" doc:"what we must keep"`
	Reserve    amount.Units        `json:"their_reserve_units" doc:"what the peer must keep"`
	Carrier    amount.MilliSatoshi `json:"carrier_msat" doc:"the least bitcoin that goes with tokens in an HTLC"`
	Stopped    string              `json:"stopped,omitempty" doc:"why nothing goes over the channel, such as that the token's issuer has frozen it"`
}

// assetOf is the token of a channel; nil: it has bitcoin only.
func assetOf(p *channel.ParamsRow, v *channel.View) *assetRow {
	if p.Property == 0 {
		return nil
	}
	return &assetRow{
		Property: p.Property, Total: p.Tokens, ToUs: v.TokensToLocal, Spendable: v.TokensSpendable, Receivable: v.TokensReceivable,
		OurReserve: v.TokenReserveLocal, Reserve: v.TokenReserveRemote, Carrier: v.Carrier,
	}
}

// tokensOf reads which tokens a channel is to carry; nil: none.
func (r *fundChannelRequest) tokensOf(ctx context.Context, n *node.Node) (*open.Asset, error) {
	if r.Asset == nil {
		if r.AssetAmount != nil || r.PushAsset != nil {
			return nil, command.Refuse(command.InvalidParams, "asset: say which token's amounts these are")
		}
		return nil, nil
	}
	if r.AssetAmount == nil {
		return nil, command.Refuse(command.InvalidParams, "asset_amount: say how many tokens the channel is to hold")
	}
	p, err := command.Property(ctx, n, *r.Asset)
	if err != nil {
		return nil, err
	}
	a := &open.Asset{Property: *r.Asset}
	if a.Tokens, err = amount.ParseTokens(*r.AssetAmount, p.Divisible); err != nil {
		return nil, command.Refuse(command.InvalidParams, "asset_amount: %v", err)
	}
	if r.PushAsset != nil {
		if a.Push, err = amount.ParseTokens(*r.PushAsset, p.Divisible); err != nil {
			return nil, command.Refuse(command.InvalidParams, "push_asset: %v", err)
		}
	}
	return a, nil
}

// riskOf warns of the issuer of what a new channel carries.
func riskOf(ctx context.Context, n *node.Node, a *open.Asset) string {
	if a == nil {
		return ""
	}
	why, err := n.Tokens().Risk(ctx, a.Property)
	if err != nil {
		return "whether the token's issuer can freeze it is not known: " + err.Error()
	}
	return why
}

// announces says whether a channel is to be announced: one with tokens when it is asked for.
func (r *fundChannelRequest) announces() bool { return command.Or(r.Announce, r.Asset == nil) }

// assetError gives the errors of tokens their codes; nil: it is another one.
func assetError(err error) error {
	var few *tokens.TooFewError
	switch {
	case errors.As(err, &few):
		return command.Refuse(command.AssetTooFew, "%v", err)
	case errors.Is(err, tokens.ErrCarry), errors.Is(err, tokens.ErrRefused):
		return command.Refuse(command.AssetRefused, "%v", err)
	case errors.Is(err, tokens.ErrOff):
		return command.Refuse(command.AssetsOff, "%v", err)
	case errors.Is(err, tokens.ErrUnknown):
		return command.Refuse(command.AssetUnknown, "%v", err)
	case errors.Is(err, tokens.ErrBehind):
		return command.Refuse(command.FundStillSyncing, "%v", err)
	}
	return nil
}

package invoices

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// asked is a parameter: an amount in bitcoin or, when an asset is named, in its tokens.
type asked struct {
	text string // as it was given
	msat amount.OrAny
	no   error // why it is no amount in bitcoin
}

const askedWords = `an amount (msat, or with the suffix msat, sat or btc) or "any"`

// Words implements [command.Worded].
func (asked) Words() string { return askedWords }

// UnmarshalJSON implements [json.Unmarshaler].
func (a *asked) UnmarshalJSON(b []byte) error {
	*a = asked{text: string(b)}
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &a.text); err != nil {
			return err
		}
	}
	if a.no = a.msat.UnmarshalJSON(b); a.no == nil {
		return nil
	}
	if _, err := amount.ParseTokens(a.text, true); errors.Is(err, amount.ErrTokens) {
		return a.no // nor is it one in tokens
	}
	return nil
}

// in puts what is asked for into a request: bitcoin, or tokens of a property, in tokens
// or in units.
func (a asked) in(ctx context.Context, n *node.Node, id *amount.Property, units *amount.Units, r *invoice.Request) error {
	switch {
	case id == nil && units != nil:
		return command.Refuse(command.InvalidParams, "amount_units: goes with asset")
	case id == nil && a.no != nil:
		return command.Refuse(command.InvalidParams, "amount_msat: should be %s: invalid token '%s' (%v)", askedWords, command.Clip([]byte(a.text)), a.no)
	case id == nil:
		r.Amount = a.msat
		return nil
	case *id == 0:
		return command.Refuse(command.InvalidParams, "asset: 0 is bitcoin: leave it out")
	case units != nil && !a.msat.Any:
		return command.Refuse(command.InvalidParams, `amount_units: is instead of amount_msat, which is "any" then`)
	case units != nil && *units == 0:
		return command.Refuse(command.InvalidParams, "amount_units: %v", invoice.ErrTokens)
	}
	p, err := carried(ctx, n, *id)
	if err != nil {
		return err
	}
	r.Property, r.Units, r.Amount = *id, command.Or(units, 0), amount.OrAny{Any: true}
	if a.msat.Any {
		return nil
	}
	if r.Units, err = amount.ParseTokens(a.text, p.Divisible); err == nil && r.Units == 0 {
		err = invoice.ErrTokens
	}
	if err != nil {
		return command.Refuse(command.InvalidParams, "amount_msat: of %s: %v", name(p), err)
	}
	return nil
}

// carried finds a property that channels may carry.
func carried(ctx context.Context, n *node.Node, id amount.Property) (asset.Property, error) {
	p, err := command.Property(ctx, n, id)
	if err == nil {
		err = n.Tokens().MayCarry(ctx, id)
	}
	switch {
	case errors.Is(err, tokens.ErrUnknown):
		err = command.Refuse(command.AssetUnknown, "%v", err)
	case errors.Is(err, tokens.ErrCarry), errors.Is(err, tokens.ErrBehind):
		err = command.Refuse(command.AssetRefused, "%v", err)
	}
	return p, err
}

// name is what to call a property in a sentence.
func name(p asset.Property) string {
	if p.Name == "" {
		return "an asset without a name"
	}
	return command.Clip([]byte(p.Name))
}

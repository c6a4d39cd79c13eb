package command

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// Property finds a property of the Omni Layer. Errors: AssetsOff, AssetUnknown, and the
// ledger's.
func Property(ctx context.Context, n *node.Node, id amount.Property) (asset.Property, error) {
	v, _, err := n.Tokens().View(ctx)
	if errors.Is(err, tokens.ErrOff) {
		return asset.Property{}, Refuse(AssetsOff, "%v", err)
	}
	if err != nil {
		return asset.Property{}, err
	}
	p, known, err := v.Asset(ctx, id)
	if err == nil && !known {
		err = Refuse(AssetUnknown, "%v: %d", tokens.ErrUnknown, id)
	}
	return p, err
}

// Asset is which asset a row of a list is about. It is empty for bitcoin.
type Asset struct {
	Property amount.Property `json:"property_id,omitempty" doc:"the asset, a property of the Omni Layer; absent: bitcoin"`
	Name     string          `json:"asset,omitempty" doc:"the asset's name, as its issuer says; absent: the ledger of this node does not know it"`
}

// Assets looks properties up for a list. What the ledger does not know, or cannot say
// now, is shown in units only.
type Assets struct {
	ctx   context.Context
	n     *node.Node
	known map[amount.Property]*asset.Property
}

// AssetsOf is for one list.
func AssetsOf(ctx context.Context, n *node.Node) *Assets {
	return &Assets{context.WithoutCancel(ctx), n, map[amount.Property]*asset.Property{}}
}

func (a *Assets) find(id amount.Property) *asset.Property {
	p, asked := a.known[id]
	if !asked {
		if found, err := Property(a.ctx, a.n, id); err == nil {
			p = &found
		}
		a.known[id] = p
	}
	return p
}

// Show is which asset a property is.
func (a *Assets) Show(id amount.Property) Asset {
	if id == 0 {
		return Asset{}
	}
	out := Asset{Property: id}
	if p := a.find(id); p != nil {
		out.Name = p.Name
	}
	return out
}

// One is how many units a token of a property has; 0: the ledger does not know.
func (a *Assets) One(id amount.Property) amount.Units {
	p := a.find(id)
	if p == nil {
		return 0
	}
	one, _ := amount.ParseTokens("1", p.Divisible) // it can be read
	return one
}

// Tokens writes units of a property in tokens; empty: none, or the ledger does not know
// how many they are.
func (a *Assets) Tokens(id amount.Property, units amount.Units) string {
	if id == 0 || units == 0 {
		return ""
	}
	if p := a.find(id); p != nil {
		return units.Tokens(p.Divisible)
	}
	return ""
}

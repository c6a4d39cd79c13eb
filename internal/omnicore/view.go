package omnicore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/ledger"
)

// Caller asks a server once, as [bitcoind.Source] does.
type Caller interface {
	Call(ctx context.Context, result any, method string, params ...any) error
}

// View is an Omni Core server. It implements [ledger.View] and is safe for concurrent use.
type View struct{ server Caller }

// New makes a view; it does not call the server yet.
func New(server Caller) *View { return &View{server} }

// ErrAnswer means that a server's answer cannot be read.
var ErrAnswer = errors.New("the answer of Omni Core cannot be read")

// codeParameter is what the server says of a property or address that it does not know.
const codeParameter = -8

// ask calls the server; false: it does not know what was asked for.
func (v *View) ask(ctx context.Context, result any, method string, params ...any) (bool, error) {
	err := v.server.Call(ctx, result, method, params...)
	var said *bitcoind.Error
	if errors.As(err, &said) && said.Code == codeParameter {
		return false, nil
	}
	return err == nil, err
}

// AssetHeight implements [ledger.View].
func (v *View) AssetHeight(ctx context.Context) (uint32, bool, error) {
	var info struct {
		Block uint32 `json:"block"`
	}
	_, err := v.ask(ctx, &info, "omni_getinfo")
	return info.Block, err == nil, err
}

// property is what omni_getproperty and omni_listproperties tell of one.
type property struct {
	ID          amount.Property `json:"propertyid"`
	Name        string          `json:"name"`
	Category    string          `json:"category"`
	Subcategory string          `json:"subcategory"`
	Data        string          `json:"data"`
	URL         string          `json:"url"`
	Divisible   bool            `json:"divisible"`
	Issuer      string          `json:"issuer"`
	Delegate    string          `json:"delegate"`
	Fixed       bool            `json:"fixedissuance"`
	Managed     bool            `json:"managedissuance"`
	Freezing    bool            `json:"freezingenabled"`
	Total       string          `json:"totaltokens"` // of omni_getproperty only
}

// row is a property as the rest of the node has it.
func (p *property) row() asset.Property {
	out := asset.Property{
		ID: p.ID, Issuer: p.Issuer, Delegate: p.Delegate, Divisible: p.Divisible, Fixed: p.Fixed, Managed: p.Managed,
		About: asset.About{Category: p.Category, Subcategory: p.Subcategory, Name: p.Name, URL: p.URL, Data: p.Data},
	}
	if p.Freezing {
		out.Freezing = []uint32{0} // since when is not told
	}
	return out
}

func (v *View) property(ctx context.Context, id amount.Property) (p property, ok bool, err error) {
	if ok, err = v.ask(ctx, &p, "omni_getproperty", id); ok && p.ID != id {
		return p, false, fmt.Errorf("%w: asked for property %d, got %d", ErrAnswer, id, p.ID)
	}
	return p, ok, err
}

// Asset implements [ledger.View].
func (v *View) Asset(ctx context.Context, id amount.Property) (asset.Property, bool, error) {
	p, ok, err := v.property(ctx, id)
	return p.row(), ok, err
}

// AssetTotal implements [ledger.View].
func (v *View) AssetTotal(ctx context.Context, id amount.Property) (amount.Units, error) {
	p, ok, err := v.property(ctx, id)
	if err != nil || !ok {
		return 0, err
	}
	return units(p.Total)
}

// Assets implements [ledger.View].
func (v *View) Assets(ctx context.Context, from amount.Property, limit int) ([]asset.Property, error) {
	var all []property
	if _, err := v.ask(ctx, &all, "omni_listproperties"); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b property) int { return cmp.Compare(a.ID, b.ID) })
	out := []asset.Property{}
	for i := range all {
		if all[i].ID >= from && len(out) < limit {
			out = append(out, all[i].row())
		}
	}
	return out, nil
}

// AssetHoldings implements [ledger.View].
func (v *View) AssetHoldings(ctx context.Context, address string) ([]ledger.Holding, error) {
	var all []struct {
		ID       amount.Property `json:"propertyid"`
		Balance  string          `json:"balance"`
		Reserved string          `json:"reserved"` // for offers of exchanges: not the address's to send
		Frozen   string          `json:"frozen"`
	}
	if _, err := v.ask(ctx, &all, "omni_getallbalancesforaddress", address); err != nil {
		return nil, err
	}
	out := []ledger.Holding{}
	for _, b := range all {
		held, err := units(b.Balance) // what is frozen with it
		if err != nil {
			return nil, err
		}
		frozen, err := units(b.Frozen)
		if err != nil {
			return nil, err
		}
		if frozen > held {
			return nil, fmt.Errorf("%w: more of property %d is frozen than there is", ErrAnswer, b.ID)
		}
		if held > 0 {
			key := asset.Key{Address: address, Property: b.ID}
			out = append(out, ledger.Holding{Balance: asset.Balance{Key: key, Units: held}, Frozen: frozen > 0})
		}
	}
	slices.SortFunc(out, func(a, b ledger.Holding) int { return cmp.Compare(a.Property, b.Property) })
	return out, nil
}

// units reads an amount of tokens: one of a divisible property has all its decimals.
func units(text string) (amount.Units, error) {
	u, err := amount.ParseTokens(text, strings.Contains(text, "."))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return u, nil
}

var _ ledger.View = (*View)(nil)

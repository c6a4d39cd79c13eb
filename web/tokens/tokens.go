// Package tokens is what the pages say of assets: amounts of the Omni Layer's tokens and
// of bitcoin, what a node has of each, and how tokens would go to a payee.
//
//	w.Text …
//	tokens.Of(a, units).Text(w) // "12.5 Tea #3"
//	all, on, err := tokens.Read(ask, channels)
//	way, err := tokens.Find(all, channels, payee, hints, property, units)
//
// A name is its issuer's, and another may issue a token of the same one: so the number
// stands beside it always.
package tokens

import (
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/words"
)

// Asset is a property of the Omni Layer; the zero value is bitcoin.
type Asset struct {
	ID        amount.Property `json:"property_id"`
	Name      string          `json:"name"`
	Divisible bool            `json:"divisible"`
	Known     bool            `json:"-"` // by the ledger of the node
}

// longestName is how much of a name stands beside an amount, in letters.
const longestName = 24

// Title is the asset's name and number. The name may be written in any direction, so it
// is kept apart from what is around it.
func (a Asset) Title(w *words.Words) string {
	number := "#" + strconv.FormatUint(uint64(a.ID), 10)
	switch name := []rune(words.Plain(strings.Join(strings.Fields(a.Name), " "))); {
	case a.ID == 0:
		return w.Text("token.bitcoin")
	case len(name) == 0:
		return number
	case len(name) > longestName:
		return words.Apart(string(name[:longestName-1])+"…") + "\u00a0" + number
	default:
		return words.Apart(string(name)) + "\u00a0" + number
	}
}

// Sum is an amount of one asset: units of a token, or millisatoshi.
type Sum struct {
	Asset
	Units amount.Units
	Msat  amount.MilliSatoshi
}

// Of is an amount of a token.
func Of(a Asset, units amount.Units) Sum { return Sum{Asset: a, Units: units} }

// Bitcoin is an amount of bitcoin.
func Bitcoin(m amount.MilliSatoshi) Sum { return Sum{Msat: m} }

// Text is the amount with its asset, for people.
func (s Sum) Text(w *words.Words) string {
	switch {
	case s.ID == 0:
		return w.Satoshi(s.Msat)
	case !s.Known:
		return w.Text("token.units", words.Group(uint64(s.Units)), s.ID)
	}
	return w.Tokens(s.Units, s.Divisible) + " " + s.Title(w) // a line may end between the two
}

// Smallest is the amount of a token in its smallest units.
func (s Sum) Smallest(w *words.Words) string {
	return w.Text("token.smallest", words.Group(uint64(s.Units)))
}

// Sums are amounts, one of each asset.
type Sums []Sum

// Add adds an amount to that of its asset. What would be more than there can be stays
// at the most: it is a sum of a list's rows, which may name the same tokens again and
// again.
func (s *Sums) Add(x Sum) {
	for i := range *s {
		if have := &(*s)[i]; have.ID == x.ID {
			have.Msat += x.Msat // no more than there are bitcoins
			units, ok := have.Units.Add(x.Units)
			if have.Units = units; !ok {
				have.Units = amount.MaxUnits
			}
			if x.Known {
				have.Asset = x.Asset
			}
			return
		}
	}
	*s = append(*s, x)
}

// Text is all of them that are more than nothing; of none, no bitcoin.
func (s Sums) Text(w *words.Words) string {
	var parts []string
	for _, x := range s {
		if x.Units != 0 || x.Msat != 0 {
			parts = append(parts, x.Text(w))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, " + ")
	case len(s) > 0:
		return s[0].Text(w)
	}
	return w.Satoshi(0)
}

// Row is what commands say of a row that may be in an asset.
type Row struct {
	Property   amount.Property `json:"property_id"`
	AssetName  string          `json:"asset"`
	Units      amount.Units    `json:"amount_units"`
	Tokens     string          `json:"amount"`
	UnitsSent  amount.Units    `json:"amount_sent_units"`
	TokensSent string          `json:"amount_sent"`
	UnitsGot   amount.Units    `json:"amount_received_units"`
	TokensGot  string          `json:"amount_received"`
}

// Token is the row's asset, as far as the row says what it is like: an amount that is
// written in tokens tells whether they can be divided.
func (r *Row) Token() Asset {
	a := Asset{ID: r.Property, Name: r.AssetName}
	for _, x := range []struct {
		units amount.Units
		text  string
	}{{r.Units, r.Tokens}, {r.UnitsSent, r.TokensSent}, {r.UnitsGot, r.TokensGot}} {
		if x.units != 0 && x.text != "" {
			a.Known, a.Divisible = true, x.text == x.units.Tokens(true)
		}
	}
	return a
}

// InTokens says whether the row is in a token: what it says of bitcoin only carries it.
func (r *Row) InTokens() bool { return r.Property != 0 }

// Worth is an amount of the row: the units of its token, or the bitcoin.
func (r *Row) Worth(units amount.Units, m amount.MilliSatoshi) Sum {
	if r.Property == 0 {
		return Bitcoin(m)
	}
	return Of(r.Token(), units)
}

// TokenFee is what the nodes on the way took of the row's token.
func (r *Row) TokenFee() Sum {
	fee, ok := r.UnitsSent.Sub(r.Units)
	if !ok {
		fee = 0
	}
	return Of(r.Token(), fee)
}

package tokens

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/channels"
)

// Ask gives the node a command, with its parameters as names and values.
type Ask func(out any, name string, params ...string) error

// Holding is what the node has of a token.
type Holding struct {
	Asset
	Spendable, Receivable amount.Units // over channels whose peers are connected
	InChannels            amount.Units // ours
	OnChain, Sending      amount.Units // and what of that is on its way already
	Frozen                amount.Units // of OnChain
	Channels              int          // that can be used
}

// Place is an address of the wallet that has tokens.
type Place struct {
	Sum
	Address string
	Sending amount.Units
	Frozen  bool
	Tainted bool
}

// Held are the tokens that a node has, or has channels for.
type Held struct {
	On     bool // whether the node has a ledger
	Tokens []Holding
	Places []Place
	Why    error // the ledger cannot say now; what channels have is known nevertheless
}

// most is how many tokens the pages name. Others can send as many kinds as they like.
const most = 50

// Read reads what the node has. A ledger that cannot say what there is must not hide the
// channels.
func Read(ask Ask, rows []channels.Row) (h Held) {
	var found struct {
		Balances []struct {
			Address  string          `json:"address"`
			Property amount.Property `json:"property_id"`
			Name     string          `json:"name"`
			Units    amount.Units    `json:"amount_units"`
			Tokens   string          `json:"amount"`
			Sending  amount.Units    `json:"sending_units"`
			Frozen   bool            `json:"frozen"`
			Tainted  bool            `json:"tainted"`
		}
	}
	h.Why = ask(&found, "assetbalance")
	refusal, _ := errors.AsType[*command.Error](h.Why)
	h.On = refusal == nil || refusal.Code != command.AssetsOff
	if !h.On || refusal != nil && refusal.Code == command.RuneNotPermitted {
		h.Why = nil
	}
	h.Tokens = Channels(rows).Tokens
	for _, b := range found.Balances {
		row := Row{Property: b.Property, AssetName: b.Name, Units: b.Units, Tokens: b.Tokens}
		t := h.find(b.Property)
		if t == nil {
			continue
		}
		if a := row.Token(); a.Known {
			t.Asset = a
		}
		t.OnChain += b.Units // no more than there are
		t.Sending += b.Sending
		if b.Frozen {
			t.Frozen += b.Units
		}
		h.Places = append(h.Places, Place{row.Worth(b.Units, 0), b.Address, b.Sending, b.Frozen, b.Tainted})
	}
	for i := range h.Tokens {
		if t := &h.Tokens[i]; !t.Known && h.On {
			t.Asset = Look(ask, t.ID)
		}
	}
	slices.SortFunc(h.Tokens, func(a, b Holding) int { return cmp.Compare(a.ID, b.ID) })
	return h
}

// Channels is what the channels have, without the ledger.
func Channels(rows []channels.Row) *Held {
	var h Held
	for i := range rows {
		h.channel(&rows[i])
	}
	return &h
}

// channel adds what a channel has.
func (h *Held) channel(c *channels.Row) {
	if c.Asset == nil || !c.Normal() {
		return
	}
	t := h.find(c.Asset.Property)
	if t == nil {
		return
	}
	t.InChannels += c.Asset.ToUs // the ledger says that there are as many
	if c.Connected {
		t.Channels++
		t.Spendable += c.Asset.Spendable
		t.Receivable += c.Asset.Receivable
	}
}

// find is the holding of a token, a new one where there is none yet; nil: there are too
// many.
func (h *Held) find(id amount.Property) *Holding {
	if i := slices.IndexFunc(h.Tokens, func(t Holding) bool { return t.ID == id }); i >= 0 {
		return &h.Tokens[i]
	}
	if len(h.Tokens) == most {
		return nil
	}
	h.Tokens = append(h.Tokens, Holding{Asset: Asset{ID: id}})
	return &h.Tokens[len(h.Tokens)-1]
}

// Of is what the node has of a token.
func (h *Held) Of(id amount.Property) Holding {
	if i := slices.IndexFunc(h.Tokens, func(t Holding) bool { return t.ID == id }); i >= 0 {
		return h.Tokens[i]
	}
	return Holding{Asset: Asset{ID: id}}
}

// Look asks the ledger what a property is like. What it does not know is shown in units.
func Look(ask Ask, id amount.Property) Asset {
	var found struct{ Assets []Asset }
	if err := ask(&found, "listassets", "property_id", strconv.FormatUint(uint64(id), 10)); err != nil || len(found.Assets) != 1 {
		return Asset{ID: id}
	}
	a := found.Assets[0]
	a.Known = true
	return a
}

// Assets are the tokens of channels, by number.
func (h *Held) Assets() map[amount.Property]Asset {
	out := map[amount.Property]Asset{}
	for _, t := range h.Tokens {
		out[t.ID] = t.Asset
	}
	return out
}

// CanReceive are what channels can receive now of each token, where there are any.
func (h *Held) CanReceive() (s Sums) {
	for _, t := range h.Tokens {
		if t.Channels > 0 {
			s = append(s, Of(t.Asset, t.Receivable))
		}
	}
	return s
}

// Unit is a token as a form names it, and back.
func Unit(id amount.Property) string { return strconv.FormatUint(uint64(id), 10) }

// OfUnit reads what a form named; 0: it is a unit of bitcoin.
func OfUnit(unit string) amount.Property {
	id, err := strconv.ParseUint(unit, 10, 32)
	if err != nil {
		return 0
	}
	return amount.Property(id)
}

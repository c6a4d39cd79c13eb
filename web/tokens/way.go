package tokens

import (
	"cmp"
	"math/bits"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/channels"
)

// Hint is a channel to the payee that an invoice names.
type Hint struct {
	Node string `json:"pubkey"` // at which a payment enters it
	SCID string `json:"short_channel_id"`
	Base uint64 `json:"fee_base_msat"`
	PPM  uint64 `json:"fee_proportional_millionths"`
}

// Way is how tokens would go to a payee over what is known: a channel of ours to it, one
// to a node that has one, or announced ones.
type Way struct {
	Nodes   []string     // on the way, the payee last
	Fee     amount.Units // that the nodes between take
	Base    amount.MilliSatoshi
	Carrier amount.MilliSatoshi // the least bitcoin that goes along with the tokens and reaches the payee
	Most    amount.Units        // that our channels to the first node can send now
}

// Enough says whether our channels have enough for an amount and its fee.
func (w *Way) Enough(units amount.Units) bool {
	sum, ok := units.Add(w.Fee)
	return ok && sum <= w.Most
}

// Find is the cheapest way over channels that have enough, or else the one that can send
// most; false: there is none. An amount of 0 is one that the payer still chooses.
func Find(rows []channels.Row, payee string, hints [][]Hint, property amount.Property, units amount.Units) (best Way, found bool) {
	try := func(w Way) {
		enough, had := w.Enough(units), best.Enough(units)
		better := enough && !had
		switch {
		case enough && had:
			better = cmp.Or(cmp.Compare(w.Fee, best.Fee), cmp.Compare(w.Base, best.Base), cmp.Compare(len(w.Nodes), len(best.Nodes))) < 0
		case !enough && !had:
			better = w.Most > best.Most
		}
		if w.Most > 0 && (better || !found) {
			best, found = w, true
		}
	}
	try(first(rows, payee, property, payee))
	for _, path := range hints {
		if len(path) != 1 || path[0].Node == payee {
			continue
		}
		w := first(rows, path[0].Node, property, path[0].Node, payee)
		w.Fee, w.Base = part(units, path[0].PPM), amount.MilliSatoshi(path[0].Base)
		try(w)
	}
	return best, found
}

// Cost is what the command paycost says of a payment in tokens.
type Cost struct {
	Sent      amount.MilliSatoshi `json:"amount_sent_msat"`
	Arrives   amount.MilliSatoshi `json:"amount_msat"`
	Units     amount.Units        `json:"amount_units"`
	SentUnits amount.Units        `json:"amount_sent_units"`
	Routes    []struct {
		Route []struct {
			ID string `json:"id"`
		} `json:"route"`
	} `json:"routes"`
}

// Way is the way of a payment that has one part; false: it has none, or several.
func (c *Cost) Way(rows []channels.Row, property amount.Property) (w Way, found bool) {
	if len(c.Routes) != 1 || len(c.Routes[0].Route) == 0 || c.SentUnits < c.Units || c.Sent < c.Arrives {
		return w, false
	}
	for _, h := range c.Routes[0].Route {
		w.Nodes = append(w.Nodes, h.ID)
	}
	w.Most = first(rows, w.Nodes[0], property).Most
	w.Fee, w.Base, w.Carrier = c.SentUnits-c.Units, c.Sent-c.Arrives, c.Arrives
	return w, w.Most > 0
}

// first is a way that begins with our channels to a peer.
func first(rows []channels.Row, peer string, property amount.Property, nodes ...string) Way {
	w := Way{Nodes: nodes}
	for i := range rows {
		if c := &rows[i]; c.PeerID == peer && c.Well() && c.Asset != nil && c.Asset.Property == property {
			w.Most += c.Asset.Spendable // no more than there are
			w.Carrier = max(w.Carrier, c.Asset.Carrier)
		}
	}
	return w
}

// part is so many millionths of an amount, rounded down.
func part(units amount.Units, millionths uint64) amount.Units {
	high, low := bits.Mul64(uint64(units), millionths)
	if high >= 1_000_000 {
		return amount.MaxUnits
	}
	fee, _ := bits.Div64(high, low, 1_000_000)
	return amount.Units(min(fee, uint64(amount.MaxUnits)))
}

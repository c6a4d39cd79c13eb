package inbound

import (
	"cmp"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// How many channels an invoice names: more of those with tokens, each of which carries
// few HTLCs.
const (
	maxHints      = 4
	maxTokenHints = 8
)

// Exposure says which channels an invoice names as ways to us. When it says nothing,
// they are the unannounced ones, if there are no others.
type Exposure struct {
	All  bool                  // every unannounced one
	None bool                  // none
	Only []wire.ShortChannelID // just these, by any name that they have
}

// Way is one open channel of ours, from outside.
type Way struct {
	Names     []wire.ShortChannelID // that it has; zero: none
	Size      amount.MilliSatoshi   // that can be received over it
	Property  amount.Property       // whose tokens it carries; 0: it carries bitcoin only
	Units     amount.Units          // of Property that can be received
	Announced bool
	Connected bool           // its peer is
	DeadEnd   func() bool    // whether its peer has no other public channel
	Hint      bolt11.HopHint // without an SCID: the peer has not told its terms
}

func (w *Way) among(names []wire.ShortChannelID) bool {
	return slices.ContainsFunc(w.Names, func(id wire.ShortChannelID) bool { return id != 0 && slices.Contains(names, id) })
}

// Incoming is what can reach us, each channel counted once.
type Incoming struct {
	Hints [][]bolt11.HopHint // the largest first; never nil

	Ready    amount.MilliSatoshi // over channels that a payer can use now
	Offline  amount.MilliSatoshi // over those whose peer is away
	DeadEnds amount.MilliSatoshi // over those whose peer has no other public channel
	Private  amount.MilliSatoshi // over those of which a payer cannot know
	Largest  amount.MilliSatoshi // over one channel that a payer can use now
}

// Of finds out what can reach us when an invoice names channels as e says.
func Of(ways []Way, e Exposure) Incoming {
	out := Incoming{Hints: [][]bolt11.HopHint{}}
	ways = slices.DeleteFunc(slices.Clone(ways), func(w Way) bool { return w.Property != 0 })
	slices.SortStableFunc(ways, func(a, b Way) int { return cmp.Compare(b.Size, a.Size) })
	public := slices.ContainsFunc(ways, func(w Way) bool { return w.Announced })
	for i := range ways {
		w := &ways[i]
		hinted := e.names(w, public) && w.Hint.SCID != 0 && len(out.Hints) < maxHints
		if hinted {
			out.Hints = append(out.Hints, []bolt11.HopHint{w.Hint})
		}
		switch {
		case !w.Announced && !hinted:
			out.Private += w.Size
		case !w.Connected:
			out.Offline += w.Size
		case w.DeadEnd():
			out.DeadEnds += w.Size
		default:
			out.Ready += w.Size
			out.Largest = max(out.Largest, w.Size)
		}
	}
	return out
}

// names says whether an invoice is to name a channel; public, whether one is announced.
func (e Exposure) names(w *Way, public bool) bool {
	switch {
	case e.None:
		return false
	case e.Only != nil:
		return w.among(e.Only)
	case e.All:
		return !w.Announced
	}
	return !w.Announced && !public
}

// Tokens is what of an asset can reach us over the channels that an invoice names.
type Tokens struct {
	Hints   [][]bolt11.HopHint // the largest first; never nil
	Ready   amount.Units       // over those whose peers are connected
	Offline amount.Units       // over the others
	Largest amount.Units       // in one HTLC, over the former

	Announced bool // one of them is: a payer may find it without a hint
}

// TokensOf finds out what of an asset can reach us over the channels of it: all, or those
// that are named here.
func TokensOf(ways []Way, property amount.Property, only []wire.ShortChannelID) Tokens {
	out := Tokens{Hints: [][]bolt11.HopHint{}}
	out.Announced = property != 0 && slices.ContainsFunc(ways, func(w Way) bool { return w.Property == property && w.Announced })
	ways = slices.DeleteFunc(slices.Clone(ways), func(w Way) bool {
		return property == 0 || w.Property != property || w.Hint.SCID == 0 || only != nil && !w.among(only)
	})
	slices.SortStableFunc(ways, func(a, b Way) int { return cmp.Compare(b.Units, a.Units) })
	for _, w := range ways[:min(len(ways), maxTokenHints)] {
		out.Hints = append(out.Hints, []bolt11.HopHint{w.Hint})
		if w.Connected {
			out.Ready, out.Largest = out.Ready+w.Units, max(out.Largest, w.Units)
		} else {
			out.Offline += w.Units
		}
	}
	return out
}

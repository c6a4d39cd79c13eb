// Package channels is what the pages know of a channel: its row, what may be done with
// it, and what several hold together.
package channels

import (
	"strings"

	"github.com/leyden-ln/leyden/amount"
)

// Uptime is for how long a peer was connected, as listuptimes gives it.
type Uptime struct {
	ID      string `json:"id"`
	Up      uint64 `json:"connected_seconds"` // of Counted
	Counted uint64 `json:"counted_seconds"`
}

// Part is the part of the time in which it was, in millionths, to a tenth of a percent.
func (u *Uptime) Part() uint64 { return min(u.Up, u.Counted) * 1000 / max(u.Counted, 1) * 1000 }

// Asset is what a channel has of the token that it carries.
type Asset struct {
	Property     amount.Property     `json:"property_id"`
	Total        amount.Units        `json:"total_units"`
	ToUs         amount.Units        `json:"to_us_units"`
	Spendable    amount.Units        `json:"spendable_units"`
	Receivable   amount.Units        `json:"receivable_units"`
	OurReserve   amount.Units        `json:"our_reserve_units"`
	TheirReserve amount.Units        `json:"their_reserve_units"`
	Carrier      amount.MilliSatoshi `json:"carrier_msat"`
}

// Row is a channel, as listpeerchannels gives it.
type Row struct {
	PeerID       string              `json:"peer_id"`
	Connected    bool                `json:"peer_connected"`
	State        string              `json:"state"`
	ID           string              `json:"channel_id"`
	SCID         string              `json:"short_channel_id"`
	FundingTxid  string              `json:"funding_txid"`
	Opener       string              `json:"opener"`
	Private      bool                `json:"private"`
	ToUs         amount.MilliSatoshi `json:"to_us_msat"`
	Total        amount.MilliSatoshi `json:"total_msat"`
	Spendable    amount.MilliSatoshi `json:"spendable_msat"`
	Receivable   amount.MilliSatoshi `json:"receivable_msat"`
	OurReserve   amount.MilliSatoshi `json:"our_reserve_msat"`
	TheirReserve amount.MilliSatoshi `json:"their_reserve_msat"`
	FeeBase      uint64              `json:"fee_base_msat"`
	FeePPM       uint64              `json:"fee_proportional_millionths"`
	CLTVDelta    uint64              `json:"cltv_expiry_delta"`
	Delay        uint64              `json:"our_to_self_delay"`
	Updates      struct {
		Local struct {
			Min amount.MilliSatoshi `json:"htlc_minimum_msat"`
			Max amount.MilliSatoshi `json:"htlc_maximum_msat"`
		}
	}
	FeeRate struct {
		PerKw uint64 `json:"perkw"`
	} `json:"feerate"`
	Status []string `json:"status"`
	HTLCs  []struct {
		Direction string              `json:"direction"`
		Amount    amount.MilliSatoshi `json:"amount_msat"`
		Units     amount.Units        `json:"asset_units"`
	} `json:"htlcs"`
	Asset   *Asset `json:"asset"` // nil: it has bitcoin only
	OnChain []struct {
		Amount amount.MilliSatoshi `json:"amount_msat"`
		State  string              `json:"state"`
		Height uint64              `json:"spendable_height"`
	} `json:"onchain"`

	Alias  string              `json:"-"`
	Uptime `json:"-"`          // the peer's
	Age    string              `json:"-"` // in words; empty: it is in no block yet
	Earned amount.MilliSatoshi `json:"-"` // by the newest forwards
}

// CanClose says whether a close by agreement can be asked for, or has been already.
func (c *Row) CanClose() bool { return c.Normal() || strings.Contains(c.State, "LOCKIN") }

// CanForce says whether our commitment can still be broadcast.
func (c *Row) CanForce() bool {
	return c.CanClose() || strings.Contains(c.State, "SHUTTING_DOWN")
}

// Normal says whether the channel carries payments when its peer is here.
func (c *Row) Normal() bool { return c.State == "CHANNELD_NORMAL" }

// InFlight is what the channel's HTLCs carry.
func (c *Row) InFlight() (sum amount.MilliSatoshi) {
	for _, h := range c.HTLCs {
		sum += h.Amount // both sides have checked that it is less than the capacity
	}
	return sum
}

// Theirs is what is neither ours nor in flight from us.
func (c *Row) Theirs() amount.MilliSatoshi { return c.Total.Less0(c.ToUs).Less0(c.InFlight()) }

// UnitsInFlight is what the channel's HTLCs carry of its token.
func (c *Row) UnitsInFlight() (sum amount.Units) {
	for _, h := range c.HTLCs {
		sum += h.Units // no more than the channel has
	}
	return sum
}

// UnitsOursAndInFlight are all but the peer's.
func (c *Row) UnitsOursAndInFlight() amount.Units { return c.Asset.ToUs + c.UnitsInFlight() }

// UnitsTheirs is what is neither ours nor in flight.
func (c *Row) UnitsTheirs() amount.Units {
	rest, ok := c.Asset.Total.Sub(c.UnitsOursAndInFlight())
	if !ok {
		return 0
	}
	return rest
}

// Kind is the state in a word: open, away, opening, onchain, closing, or other.
func (c *Row) Kind() string {
	switch {
	case c.Normal() && c.Connected:
		return "open"
	case c.Normal():
		return "away"
	case strings.Contains(c.State, "AWAITING_LOCKIN"):
		return "opening"
	case c.State == "ONCHAIN":
		return "onchain"
	case strings.Contains(c.State, "SHUTTING_DOWN"), strings.Contains(c.State, "CLOSING"):
		return "closing"
	}
	return "other"
}

// Well says whether there is nothing to worry about.
func (c *Row) Well() bool { return c.Normal() && c.Connected }

// Funds are sums over channels.
type Funds struct {
	Spendable, Receivable, Ours amount.MilliSatoshi
	Bitcoin                     int // the channels that carry bitcoin now
}

// Sums adds what can be used.
func Sums(rows []Row) (f Funds) {
	for i := range rows {
		if c := &rows[i]; c.Normal() {
			f.Ours += c.ToUs // no more than there are bitcoins
			if c.Connected && c.Asset == nil {
				f.Bitcoin++
				f.Spendable += c.Spendable
				f.Receivable += c.Receivable
			}
		}
	}
	return f
}

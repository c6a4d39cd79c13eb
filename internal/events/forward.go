package events

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Forward is the data of an event of a forward: Core Lightning's forward_event, and what
// names the HTLCs.
type Forward struct {
	PaymentHash  wire.PaymentHash     `json:"payment_hash"`
	CreatedIndex uint64               `json:"created_index"`
	UpdatedIndex uint64               `json:"updated_index,omitempty"`
	In           wire.ShortChannelID  `json:"in_channel"`
	InHTLC       uint64               `json:"in_htlc_id"`
	InAmount     amount.MilliSatoshi  `json:"in_msat"`
	InProperty   amount.Property      `json:"in_property_id,omitempty"`
	InUnits      amount.Units         `json:"in_units,omitempty"`
	Out          wire.ShortChannelID  `json:"out_channel,omitempty"`
	OutHTLC      *uint64              `json:"out_htlc_id,omitempty"`
	OutAmount    *amount.MilliSatoshi `json:"out_msat,omitempty"`
	OutProperty  amount.Property      `json:"out_property_id,omitempty"`
	OutUnits     amount.Units         `json:"out_units,omitempty"`
	Fee          *amount.MilliSatoshi `json:"fee_msat,omitempty"`
	FeeUnits     *amount.Units        `json:"fee_units,omitempty"`
	Status       string               `json:"status"`
	FailCode     onion.Code           `json:"failcode,omitempty"`
	FailReason   string               `json:"failreason,omitempty"`
	Style        string               `json:"style"`
	Received     uint64               `json:"received_time"`
	Resolved     uint64               `json:"resolved_time,omitempty"`
}

// Fees are what is earned by one that goes on, in bitcoin and in tokens; nil: it is no
// difference, since bitcoin and tokens are exchanged, or there are no tokens.
func (f *Forward) Fees() (msat *amount.MilliSatoshi, units *amount.Units) {
	if f.InProperty != f.OutProperty || f.OutAmount == nil {
		return nil, nil
	}
	fee := f.InAmount.Less0(*f.OutAmount)
	if f.InProperty == 0 {
		return &fee, nil
	}
	tokens := f.InUnits - min(f.InUnits, f.OutUnits)
	return &fee, &tokens
}

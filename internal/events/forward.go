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
	Out          wire.ShortChannelID  `json:"out_channel,omitempty"`
	OutHTLC      *uint64              `json:"out_htlc_id,omitempty"`
	OutAmount    *amount.MilliSatoshi `json:"out_msat,omitempty"`
	Fee          *amount.MilliSatoshi `json:"fee_msat,omitempty"`
	Status       string               `json:"status"`
	FailCode     onion.Code           `json:"failcode,omitempty"`
	FailReason   string               `json:"failreason,omitempty"`
	Style        string               `json:"style"`
	Received     uint64               `json:"received_time"`
	Resolved     uint64               `json:"resolved_time,omitempty"`
}

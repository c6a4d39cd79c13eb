package invoices

import (
	"encoding/json"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/inbound"
)

// exposure is a parameter: true, false, a channel or an array of them.
type exposure inbound.Exposure

// Words implements [command.Worded].
func (exposure) Words() string { return "true or false, a short_channel_id, or an array of them" }

// UnmarshalJSON implements [json.Unmarshaler].
func (e *exposure) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err == nil && len(text) > 0 {
		b = []byte(text) // a shell gives everything as a string
	}
	var yes bool
	if err := json.Unmarshal(b, &yes); err == nil {
		e.All, e.None = yes, !yes
		return nil
	}
	if len(b) > 0 && b[0] == '[' {
		e.Only = []wire.ShortChannelID{}
		if err := json.Unmarshal(b, &e.Only); err != nil {
			return err
		}
		e.None = len(e.Only) == 0
		return nil
	}
	var one wire.ShortChannelID
	if err := one.UnmarshalText(b); err != nil {
		return err
	}
	e.Only = []wire.ShortChannelID{one}
	return nil
}

// warnings say why a payer may find no way: at most one of the first four.
type warnings struct {
	Capacity string `json:"warning_capacity,omitempty" doc:"all channels together cannot receive this amount"`
	Offline  string `json:"warning_offline,omitempty" doc:"they could if their peers were connected"`
	DeadEnds string `json:"warning_deadends,omitempty" doc:"they could, but over peers to which no other public channel leads"`
	Private  string `json:"warning_private_unused,omitempty" doc:"they could if unannounced channels were named in the invoice"`
	MPP      string `json:"warning_mpp,omitempty" doc:"they can, but no single one of them: the payer must pay in parts"`
}

// warnTokens is warn for an invoice in an asset.
func warnTokens(in inbound.Tokens, asked amount.Units) (w warnings) {
	switch needed := max(asked, 1); {
	case len(in.Hints) == 0:
		w.Capacity = "no channel of this node carries this token: the payer will find no way"
	case in.Ready+in.Offline < needed:
		w.Capacity = fmt.Sprintf("all channels together can receive %d units: the payer will find no way", in.Ready+in.Offline)
	case in.Ready < needed:
		w.Offline = fmt.Sprintf("channels whose peers are connected can receive %d units: the payer will find no way now", in.Ready)
	case in.Largest < needed:
		w.MPP = fmt.Sprintf("no single channel can receive more than %d units: the payer must pay in parts", in.Largest)
	}
	return w
}

func warn(in inbound.Incoming, asked amount.OrAny) (w warnings) {
	needed := max(asked.Msat, 1)
	connected := in.Ready + in.Offline
	known := connected + in.DeadEnds
	switch all := known + in.Private; {
	case all < needed:
		w.Capacity = fmt.Sprintf("all channels together can receive %s: the payer will find no way", all)
	case in.Ready >= needed && in.Largest < needed:
		w.MPP = fmt.Sprintf("no single channel can receive more than %s: the payer must pay in parts", in.Largest)
	case in.Ready >= needed:
	case connected >= needed:
		w.Offline = fmt.Sprintf("channels whose peers are connected can receive %s: the payer will find no way now", in.Ready)
	case known >= needed:
		w.DeadEnds = fmt.Sprintf("channels of peers that others can reach can receive %s: only the peers themselves will find a way", in.Ready)
	default:
		w.Private = fmt.Sprintf("the channels that a payer can know of receive %s: the payer will find no way without exposeprivatechannels", known)
	}
	return w
}

package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

// hintHop is one hop of a route hint.
type hintHop struct {
	ID        wire.NodeID         `json:"id"`
	SCID      wire.ShortChannelID `json:"scid"`
	FeeBase   amount.MilliSatoshi `json:"feebase"`
	FeePPM    uint32              `json:"feeprop"`
	CLTVDelta uint16              `json:"expirydelta"`
}

// records are those of an onion's last payload, as an object from type to value.
type records []tlv.Record

// Words implements [command.Worded].
func (records) Words() string { return "an object" }

// UnmarshalJSON implements [json.Unmarshaler].
func (r *records) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' { // a shell gives objects as strings
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		b = []byte(text)
	}
	var given map[string]string
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	for name, value := range given {
		typ, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return err
		}
		raw, err := hex.DecodeString(value)
		if err != nil {
			return fmt.Errorf("record %d: %w", typ, err)
		}
		*r = append(*r, tlv.Record{Type: typ, Value: raw})
	}
	return nil
}

// hintPaths reads ways to a payee.
func hintPaths(list *[][]hintHop) (paths [][]bolt11.HopHint, err error) {
	for _, path := range command.Or(list, nil) {
		var hops []bolt11.HopHint
		for _, h := range path {
			if h.ID == (wire.NodeID{}) || h.FeeBase > 1<<32-1 {
				return nil, command.Refuse(command.InvalidParams, "routehints: a hop needs id, scid, feebase, feeprop and expirydelta")
			}
			hops = append(hops, bolt11.HopHint{
				NodeID: h.ID, SCID: h.SCID, FeeBaseMsat: uint32(h.FeeBase), FeeProportionalMillionths: h.FeePPM, CLTVExpiryDelta: h.CLTVDelta,
			})
		}
		paths = append(paths, hops)
	}
	return paths, nil
}

type keysendRequest struct {
	Destination   wire.NodeID          `json:"destination" doc:"the payee"`
	Amount        amount.MilliSatoshi  `json:"amount_msat" alias:"msatoshi" doc:"what to pay"`
	Label         *string              `json:"label" doc:"your own name of the payment"`
	MaxFeePercent *string              `json:"maxfeepercent" doc:"fee limit in percent of the amount, with at most four decimals; 0.5 when not given"`
	RetryFor      *uint64              `json:"retry_for" doc:"seconds for which other ways are tried; 60 when not given"`
	MaxDelay      *uint32              `json:"maxdelay" doc:"blocks for which the money may be locked at the most; 2016 when not given"`
	ExemptFee     *amount.MilliSatoshi `json:"exemptfee" doc:"a fee that is always allowed; 5000 msat when not given"`
	RouteHints    *[][]hintHop         `json:"routehints" doc:"ways to a payee without announced channels: arrays of hops, each with id, scid, feebase, feeprop and expirydelta"`
	ExtraTLVs     *records             `json:"extratlvs" doc:"more records for the payee: an object from type, 65536 or more, to value in hexadecimal"`
	MaxFee        *amount.MilliSatoshi `json:"maxfee" doc:"fee limit, instead of maxfeepercent and exemptfee"`
}

func keysend(ctx context.Context, n *node.Node, r keysendRequest) (payResponse, error) {
	k := pay.Keysend{
		Destination: r.Destination, Amount: r.Amount, Label: command.Or(r.Label, ""), Records: command.Or(r.ExtraTLVs, nil),
		MaxFee: r.MaxFee, ExemptFee: r.ExemptFee, RetryFor: r.RetryFor, MaxDelay: command.Or(r.MaxDelay, 0),
	}
	if r.MaxFee != nil && (r.MaxFeePercent != nil || r.ExemptFee != nil) {
		return payResponse{}, command.Refuse(command.InvalidParams, "maxfee: give it, or maxfeepercent and exemptfee, not both")
	}
	var err error
	if k.Hints, err = hintPaths(r.RouteHints); err != nil {
		return payResponse{}, err
	}
	if err := n.NewPreimage(&k.Preimage); err != nil {
		return payResponse{}, err
	}
	if r.MaxFeePercent != nil {
		if k.MaxFeePPM, err = perMillion(*r.MaxFeePercent); err != nil {
			return payResponse{}, err
		}
	}
	defer tell(ctx, n, sha256.Sum256(k.Preimage[:]))()
	row, err := n.Sender().Keysend(ctx, k)
	if err != nil {
		return payResponse{}, payError(err)
	}
	return showPaid(command.AssetsOf(ctx, n), row), nil
}

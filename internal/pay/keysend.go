package pay

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// Keysend is a wish to pay a node that gave no invoice: the payee finds the preimage
// in the onion (bLIP 3), so having it proves nothing.
type Keysend struct {
	Destination wire.NodeID
	Amount      amount.MilliSatoshi
	Preimage    wire.Preimage // random
	Records     []tlv.Record  // more for the payee, of types from 65536 on, in any order
	Hints       [][]bolt11.HopHint
	Label       string

	// As in [Request].
	MaxFee    *amount.MilliSatoshi
	MaxFeePPM *uint32
	ExemptFee *amount.MilliSatoshi
	MaxDelay  uint32
	RetryFor  *uint64
}

// keysendDelta is the min_final_cltv_expiry_delta of who gave no invoice to say it:
// above what any node that takes such payments asks for.
const keysendDelta = 40

// Limits of what the payee is told: more would leave no room for a route in the
// onion.
const (
	firstRecord = 1 << 16 // BOLT 1: types from here on are for everyone's own use
	maxRecords  = 1000    // bytes
)

// Hash is the payment's.
func (k Keysend) Hash() wire.PaymentHash { return sha256.Sum256(k.Preimage[:]) }

// NewKeysend begins a payment without an invoice. The error is of type [*Error],
// with [CodeInvalid].
func NewKeysend(k Keysend, us Node, group, now uint64) (*Payment, error) {
	records, err := k.records()
	switch {
	case err != nil:
		return nil, err
	case k.Destination == us.ID:
		return nil, refuse(CodeInvalid, "Self-payment: the destination is this node")
	case k.Amount == 0 || k.Amount > amount.Max:
		return nil, refuse(CodeInvalid, "%s cannot be paid", k.Amount)
	}
	for _, path := range k.Hints {
		if len(path) == 0 || len(path) > math.MaxUint8 {
			return nil, refuse(CodeInvalid, "a route hint of %d hops", len(path))
		}
	}
	r := Request{MaxFee: k.MaxFee, MaxFeePPM: k.MaxFeePPM, ExemptFee: k.ExemptFee, MaxDelay: k.MaxDelay, RetryFor: k.RetryFor}
	maxDelay, retryUntil := r.until(now)
	p := &Payment{us: us.ID, row: PaymentRow{
		PaymentHash: k.Hash(),
		Destination: k.Destination,
		Amount:      k.Amount,
		Label:       k.Label,
		Group:       group,
		CreatedAt:   now,
		MaxFee:      r.maxFee(k.Amount),
		MaxDelay:    maxDelay,
		RetryUntil:  retryUntil,
		Exclude:     encodeKeysend(records, k.Hints),
		Result:      PaymentResultRow{Status: Pending},
	}}
	p.setKeysend(records, k.Hints)
	p.begin(now)
	return p, nil
}

// records are those of the last payload: the preimage, and what the caller adds.
func (k Keysend) records() (tlv.Stream, error) {
	all := append(tlv.Stream{{Type: invoice.KeysendType, Value: k.Preimage[:]}}, k.Records...)
	slices.SortFunc(all, func(a, b tlv.Record) int { return cmp.Compare(a.Type, b.Type) })
	for i, r := range all {
		switch {
		case r.Type < firstRecord:
			return nil, refuse(CodeInvalid, "record %d: use types from %d on", r.Type, firstRecord)
		case r.Type == onion.TypeTokens || r.Type == onion.TypeTotalTokens:
			return nil, refuse(CodeInvalid, "record %d says which tokens an HTLC carries, and a keysend carries none", r.Type)
		case i > 0 && r.Type == all[i-1].Type:
			return nil, refuse(CodeInvalid, "record %d is there twice", r.Type)
		}
	}
	if size := len(all.Append(nil)); size > maxRecords {
		return nil, refuse(CodeInvalid, "the records are %d bytes long: an onion has room for %d", size, maxRecords)
	}
	return all, nil
}

func (p *Payment) setKeysend(records tlv.Stream, hints [][]bolt11.HopHint) {
	p.terms = terms{
		records:    records,
		finalDelta: keysendDelta,
		expiresAt:  math.MaxUint64,
		hints:      hints,
		maxParts:   1,
	}
}

// Types of the compact form of what a keysend was asked for.
const (
	typeRecords = 1 // a stream
	typeHints   = 2 // for each path its number of hops in a byte, then the hops
)

const hintSize = 33 + 8 + 4 + 4 + 2

// encodeKeysend is the compact form of what only a keysend's row has.
func encodeKeysend(records tlv.Stream, hints [][]bolt11.HopHint) []byte {
	s := tlv.Stream{{Type: typeRecords, Value: records.Append(nil)}}
	var h []byte
	for _, path := range hints {
		h = append(h, byte(len(path))) //nolint:gosec // at most 255
		for _, hop := range path {
			h = append(h, hop.NodeID[:]...)
			h = binary.BigEndian.AppendUint64(h, uint64(hop.SCID))
			h = binary.BigEndian.AppendUint32(h, hop.FeeBaseMsat)
			h = binary.BigEndian.AppendUint32(h, hop.FeeProportionalMillionths)
			h = binary.BigEndian.AppendUint16(h, hop.CLTVExpiryDelta)
		}
	}
	if h != nil {
		s = append(s, tlv.Record{Type: typeHints, Value: h})
	}
	return s.Append(nil)
}

var errKeysend = errors.New("a stored keysend cannot be read")

// decodeKeysend reads what [encodeKeysend] wrote.
func decodeKeysend(b []byte) (records tlv.Stream, hints [][]bolt11.HopHint, err error) {
	s, err := tlv.Decode(b)
	if err != nil {
		return nil, nil, errKeysend
	}
	inner, _ := s.Get(typeRecords)
	if records, err = tlv.Decode(inner); err != nil || len(records) == 0 {
		return nil, nil, errKeysend
	}
	h, _ := s.Get(typeHints)
	for len(h) > 0 {
		n := int(h[0])
		if h = h[1:]; n == 0 || len(h) < n*hintSize {
			return nil, nil, errKeysend
		}
		path := make([]bolt11.HopHint, n)
		for i := range path {
			path[i] = bolt11.HopHint{
				NodeID:                    wire.NodeID(h[:33]),
				SCID:                      wire.ShortChannelID(binary.BigEndian.Uint64(h[33:])),
				FeeBaseMsat:               binary.BigEndian.Uint32(h[41:]),
				FeeProportionalMillionths: binary.BigEndian.Uint32(h[45:]),
				CLTVExpiryDelta:           binary.BigEndian.Uint16(h[49:]),
			}
			h = h[hintSize:]
		}
		hints = append(hints, path)
	}
	return records, hints, nil
}

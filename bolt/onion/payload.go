package onion

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// The types of a payload's records (BOLT 4, "`payload` format").
const (
	typeAmtToForward           = 2
	typeOutgoingCLTV           = 4
	typeShortChannelID         = 6
	typePaymentData            = 8
	typeEncryptedRecipientData = 10
	typeCurrentPathKey         = 12
	typePaymentMetadata        = 16
	typeTotalAmountMsat        = 18
)

// TypeKeysend is the record by which the payload of a payment that nobody asked for
// brings its preimage to the last hop (bLIP 3, "Keysend"). It is kept with the custom
// records, although it is even.
const TypeKeysend = 5482373484

// The records of an HTLC that carries tokens. No BOLT has them: they are this network's
// own, as channels with tokens are.
const (
	TypeTokens      = 65607 // {u32 property, tu64 units}: what the outgoing HTLC carries; at the last hop this one
	TypeTotalTokens = 65609 // {tu64 units}: of all parts; only for the last hop
)

// firstCustomType is the first type that BOLT 1 leaves to everyone's own use.
const firstCustomType = 1 << 16

// ErrPayload means that a payload cannot be encoded as it is.
var ErrPayload = errors.New("payload cannot be encoded")

// Payload is what a hop is told (BOLT 4, "`payload` format").
//
// Outside of a blinded route it has an amount and an expiry, for an intermediate
// hop also ShortChannelID, for the last one also PaymentSecret and TotalMsat.
// Inside of one, EncryptedRecipientData is not nil, and all else is absent but
// CurrentPathKey and, at the last hop, the amount, the expiry and TotalMsat.
type Payload struct {
	AmtToForward    amount.MilliSatoshi  // of the outgoing HTLC; at the last hop of this one
	OutgoingCLTV    uint32               // block height at which that HTLC expires
	ShortChannelID  *wire.ShortChannelID // nil at the last hop
	PaymentSecret   *[32]byte            // the invoice's; nil: absent
	TotalMsat       amount.MilliSatoshi  // of all parts; with PaymentSecret or in a blinded route
	PaymentMetadata []byte               // the invoice's; nil: absent

	EncryptedRecipientData []byte      // nil: not in a blinded route
	CurrentPathKey         *wire.Point // for the first hop of a blinded route

	Tokens      *Tokens      // of an HTLC that carries tokens; nil: of one that does not
	TotalTokens amount.Units // of all parts; at the last hop, with Tokens

	Custom []tlv.Record // types from 65536 on, strictly increasing; decoding keeps odd ones, and TypeKeysend
}

// Tokens is what an HTLC carries beside its amount in bitcoin.
type Tokens struct {
	Property amount.Property // not 0
	Units    amount.Units    // 1 to amount.MaxUnits
}

// PayloadError says why a payload is refused, and which failure goes back.
type PayloadError struct {
	Failure Failure // invalid_onion_payload, or invalid_onion_blinding
	Why     string
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("onion payload refused, fail the HTLC: type %d at byte %d: %s", e.Failure.Type, e.Failure.Offset, e.Why)
}

func invalidPayload(typ uint64, offset int, format string, a ...any) *PayloadError {
	return &PayloadError{
		Failure: InvalidOnionPayload(typ, uint16(min(offset, math.MaxUint16))), //nolint:gosec // at most that
		Why:     fmt.Sprintf(format, a...),
	}
}

// Encode writes the records in order of type. Error: [ErrPayload] when fields
// stand together that must not, or custom types are below 65536 or out of order.
func (p Payload) Encode() ([]byte, error) {
	blinded := p.EncryptedRecipientData != nil
	if blinded && (p.ShortChannelID != nil || p.PaymentSecret != nil || p.PaymentMetadata != nil || p.Tokens != nil || p.Custom != nil) {
		return nil, fmt.Errorf("%w: leave out of a blinded route's payload what is not for it", ErrPayload)
	}
	if !blinded && p.CurrentPathKey != nil {
		return nil, fmt.Errorf("%w: a path key goes with encrypted recipient data", ErrPayload)
	}
	// The zero values mean an intermediate hop: its amounts are in the encrypted data.
	lastBlinded := blinded && (p.AmtToForward != 0 || p.OutgoingCLTV != 0 || p.TotalMsat != 0)

	var s tlv.Stream
	add := func(typ uint64, value []byte) { s = append(s, tlv.Record{Type: typ, Value: value}) }
	if !blinded || lastBlinded {
		add(typeAmtToForward, tlv.AppendTU64(nil, uint64(p.AmtToForward)))
		add(typeOutgoingCLTV, tlv.AppendTU64(nil, uint64(p.OutgoingCLTV)))
	}
	if p.ShortChannelID != nil {
		add(typeShortChannelID, binary.BigEndian.AppendUint64(nil, uint64(*p.ShortChannelID)))
	}
	if p.PaymentSecret != nil {
		add(typePaymentData, tlv.AppendTU64(bytes.Clone(p.PaymentSecret[:]), uint64(p.TotalMsat)))
	}
	if blinded {
		add(typeEncryptedRecipientData, p.EncryptedRecipientData)
	}
	if p.CurrentPathKey != nil {
		add(typeCurrentPathKey, p.CurrentPathKey[:])
	}
	if p.PaymentMetadata != nil {
		add(typePaymentMetadata, p.PaymentMetadata)
	}
	if lastBlinded {
		add(typeTotalAmountMsat, tlv.AppendTU64(nil, uint64(p.TotalMsat)))
	}
	own, err := p.encodeTokens()
	if err != nil {
		return nil, err
	}
	for i, r := range p.Custom {
		if r.Type < firstCustomType || i > 0 && r.Type <= p.Custom[i-1].Type {
			return nil, fmt.Errorf("%w: custom type %d: use types from 65536 on, in increasing order", ErrPayload, r.Type)
		}
		if r.Type == TypeTokens || r.Type == TypeTotalTokens {
			return nil, fmt.Errorf("%w: custom type %d says which tokens an HTLC carries", ErrPayload, r.Type)
		}
		own = append(own, r)
	}
	slices.SortFunc(own, func(a, b tlv.Record) int { return cmp.Compare(a.Type, b.Type) })
	return append(s, own...).Append(nil), nil
}

// encodeTokens is the records of an HTLC that carries tokens.
func (p Payload) encodeTokens() (s tlv.Stream, err error) {
	switch {
	case p.Tokens == nil && p.TotalTokens == 0:
		return nil, nil
	case p.Tokens == nil || p.Tokens.Property == 0 || !some(p.Tokens.Units) || p.TotalTokens > amount.MaxUnits:
		return nil, fmt.Errorf("%w: tokens are 1 to %d units of a property", ErrPayload, amount.MaxUnits)
	}
	value := binary.BigEndian.AppendUint32(nil, uint32(p.Tokens.Property))
	s = tlv.Stream{{Type: TypeTokens, Value: tlv.AppendTU64(value, uint64(p.Tokens.Units))}}
	if p.TotalTokens != 0 {
		s = append(s, tlv.Record{Type: TypeTotalTokens, Value: tlv.AppendTU64(nil, uint64(p.TotalTokens))})
	}
	return s, nil
}

// some says whether there can be so many units, and at least one.
func some(u amount.Units) bool { return u > 0 && u <= amount.MaxUnits }

// DecodePayload reads a payload without its length. What depends on the hop's
// place in the route is checked by [Peel]. Unknown odd types are left out, but
// those from 65536 on are kept. The error is a [*PayloadError].
func DecodePayload(b []byte) (Payload, error) {
	p, _, err := parse(b)
	if err != nil {
		return Payload{}, err
	}
	return p, nil
}

// place is the byte at which the record of a type begins.
type place struct {
	typ    uint64
	offset int
}

type places []place

func (at places) has(typ uint64) bool {
	return slices.ContainsFunc(at, func(p place) bool { return p.typ == typ })
}

// refuse is the error for a type that is there and must not be.
func (at places) refuse(typ uint64, why string) *PayloadError {
	i := slices.IndexFunc(at, func(p place) bool { return p.typ == typ })
	return invalidPayload(typ, at[i].offset, "%s", why)
}

func parse(b []byte) (Payload, places, *PayloadError) {
	var p Payload
	var at places
	for rest, last := b, uint64(0); len(rest) > 0; {
		offset := len(b) - len(rest)
		typ, after, err := tlv.BigSize(rest)
		if err != nil {
			return p, at, invalidPayload(0, offset, "type: %v", err)
		}
		if offset > 0 && typ <= last {
			return p, at, invalidPayload(typ, offset, "after type %d: types must increase", last)
		}
		length, after, err := tlv.BigSize(after)
		if err != nil {
			return p, at, invalidPayload(typ, offset, "length: %v", err)
		}
		if length > uint64(len(after)) {
			return p, at, invalidPayload(typ, offset, "%d bytes long, but only %d are left", length, len(after))
		}
		value := after[:length]
		rest, last, at = after[length:], typ, append(at, place{typ, offset})
		if err := p.set(typ, value); err != nil {
			return p, at, invalidPayload(typ, offset, "%v", err)
		}
	}
	if err := p.together(at, len(b)); err != nil {
		return p, at, err
	}
	return p, at, nil
}

// set reads one record.
func (p *Payload) set(typ uint64, value []byte) (err error) {
	switch typ {
	case typeAmtToForward:
		p.AmtToForward, err = msat(value)
	case typeOutgoingCLTV:
		p.OutgoingCLTV, err = tlv.TU32(value)
	case typeShortChannelID:
		if len(value) != 8 {
			return fmt.Errorf("%d bytes, not 8", len(value))
		}
		scid := wire.ShortChannelID(binary.BigEndian.Uint64(value))
		p.ShortChannelID = &scid
	case typePaymentData:
		if len(value) < 32 {
			return fmt.Errorf("%d bytes, not at least 32", len(value))
		}
		secret := [32]byte(value[:32])
		p.PaymentSecret = &secret
		p.TotalMsat, err = msat(value[32:])
	case typeEncryptedRecipientData:
		p.EncryptedRecipientData = bytes.Clone(value)
	case typeCurrentPathKey:
		if len(value) != 33 {
			return fmt.Errorf("%d bytes, not 33", len(value))
		}
		point := wire.Point(value)
		p.CurrentPathKey = &point
		_, err = point.Key()
	case typePaymentMetadata:
		p.PaymentMetadata = bytes.Clone(value)
	case typeTotalAmountMsat:
		p.TotalMsat, err = msat(value)
	case TypeTokens:
		if len(value) < 4 {
			return fmt.Errorf("%d bytes, not at least 4", len(value))
		}
		p.Tokens = &Tokens{Property: amount.Property(binary.BigEndian.Uint32(value))}
		if p.Tokens.Property == 0 {
			return errors.New("bitcoin is no property")
		}
		p.Tokens.Units, err = units(value[4:])
	case TypeTotalTokens:
		p.TotalTokens, err = units(value)
	default:
		if typ%2 == 0 && typ != TypeKeysend {
			return errors.New("an even type that we do not know")
		}
		if typ >= firstCustomType {
			p.Custom = append(p.Custom, tlv.Record{Type: typ, Value: bytes.Clone(value)})
		}
	}
	return err
}

func msat(b []byte) (amount.MilliSatoshi, error) {
	v, err := tlv.TU64(b)
	return amount.MilliSatoshi(v), err
}

func units(b []byte) (amount.Units, error) {
	v, err := tlv.TU64(b)
	if err == nil && !some(amount.Units(v)) {
		err = fmt.Errorf("%d units: not 1 to %d", v, amount.MaxUnits)
	}
	return amount.Units(v), err
}

// together checks which records stand together, as far as it does not depend on
// the hop's place. What is missing is missing at the end.
func (p *Payload) together(at places, end int) *PayloadError {
	if !at.has(typeEncryptedRecipientData) {
		// BOLT 4: "MUST return an error if `path_key` is set in the incoming
		// `update_add_htlc` or `current_path_key` is present."
		for _, typ := range []uint64{typeCurrentPathKey, typeTotalAmountMsat} {
			if at.has(typ) {
				return at.refuse(typ, "only for a blinded route")
			}
		}
		if at.has(TypeTotalTokens) && !at.has(TypeTokens) {
			return at.refuse(TypeTotalTokens, "tokens of which no property is named")
		}
		// BOLT 4: "MUST return an error if `amt_to_forward` or
		// `outgoing_cltv_value` are not present."
		return at.require(end, typeAmtToForward, typeOutgoingCLTV)
	}
	// BOLT 4: "MUST return an error if the payload contains other tlv fields than
	// `encrypted_recipient_data`, `current_path_key`, `amt_to_forward`,
	// `outgoing_cltv_value` and `total_amount_msat`."
	for _, p := range at {
		switch p.typ {
		case typeEncryptedRecipientData, typeCurrentPathKey, typeAmtToForward, typeOutgoingCLTV, typeTotalAmountMsat:
		default:
			return at.refuse(p.typ, "not for a blinded route")
		}
	}
	if at.has(typeAmtToForward) || at.has(typeOutgoingCLTV) || at.has(typeTotalAmountMsat) {
		// BOLT 4: "MUST return an error if `amt_to_forward`, `outgoing_cltv_value`
		// or `total_amount_msat` are not present."
		return at.require(end, typeAmtToForward, typeOutgoingCLTV, typeTotalAmountMsat)
	}
	return nil
}

func (at places) require(end int, types ...uint64) *PayloadError {
	for _, typ := range types {
		if !at.has(typ) {
			return invalidPayload(typ, end, "missing")
		}
	}
	return nil
}

// fitHop checks what depends on whether the hop is the last one. It says what
// must be answered to a payload of a blinded route, none of which we can process.
func (p *Payload) fitHop(at places, final bool, end int, packet *[wire.OnionPacketSize]byte) *PayloadError {
	switch {
	case at.has(TypeKeysend) && !final:
		return at.refuse(TypeKeysend, "only for the last hop")
	case at.has(TypeTotalTokens) && !final:
		return at.refuse(TypeTotalTokens, "only for the last hop")
	case at.has(typeCurrentPathKey) && !final:
		// BOLT 4: "if `current_path_key` is set in the onion payload and it is not
		// the final node: - MUST return an `invalid_onion_blinding` error."
		return &PayloadError{Failure: InvalidOnionBlinding(packet).Failure(), Why: "we do not forward into blinded routes"}
	case at.has(typeEncryptedRecipientData):
		return at.refuse(typeEncryptedRecipientData, "we made no blinded route")
	case !final:
		return at.require(end, typeShortChannelID)
	case at.has(TypeTokens) && !at.has(TypeTotalTokens):
		return at.require(end, TypeTotalTokens)
	case !at.has(typePaymentData):
		// BOLT 4: "MUST treat `total_msat` as if it were equal to `amt_to_forward`
		// if it is not present."
		p.TotalMsat = p.AmtToForward
	}
	return nil
}

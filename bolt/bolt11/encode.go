package bolt11

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// maxTimestamp is the first second that does not fit in 35 bits.
const maxTimestamp = 1 << (timestampGroups * groupBits)

// Signer signs invoices for a node. Sign signs a hash with the key of ID: R, S, 32 bytes
// each, and the recovery id, 0 to 3. It is trusted: who signs with a key that may be
// another's decodes what comes out.
type Signer struct {
	ID   wire.NodeID
	Sign func(hash [32]byte) (recoverable [65]byte, err error)
}

// Encode writes the invoice. Its payee is left open or is the signer. An expiry and a
// min_final_cltv_expiry_delta of the default values are left out. Errors: those of
// [Decode] that the invoice would give, [ErrTooLong], and the signer's.
func (inv *Invoice) Encode(by Signer) (string, error) {
	hrp, err := humanReadable(inv.Network, inv.Amount)
	if err != nil {
		return "", err
	}
	return bolt11.Encode(inv, Extra{HRP: hrp}, by)
}

// signFields signs for the payee, who may be left open.
func signFields(hrp string, fields []byte, payee wire.NodeID, by Signer) ([65]byte, error) {
	if payee != (wire.NodeID{}) && payee != by.ID {
		return [65]byte{}, fmt.Errorf("%w: signed by %v for %v", ErrSignature, by.ID, payee)
	}
	sig, err := by.Sign(digest(hrp, fields))
	if err != nil {
		return sig, fmt.Errorf("the invoice could not be signed: %w", err)
	}
	if id := sig[64]; id > maxRecoveryID {
		return sig, fmt.Errorf("%w: its recovery id is %d, not 0 to %d", ErrSignature, id, maxRecoveryID)
	}
	return sig, nil
}

// writeFields writes the timestamp and the tagged fields, in the form's order. After
// an error it writes on, and the first one counts.
func (f Form) writeFields(inv *Invoice, x Extra) ([]byte, error) {
	if inv.Timestamp >= maxTimestamp {
		return nil, fmt.Errorf("%w: timestamp %d, at most %d", ErrField, inv.Timestamp, uint64(maxTimestamp)-1)
	}
	w := writer{data: fixed(inv.Timestamp, timestampGroups)}
	for _, l := range f.Order {
		if data, ok := x.Fields[l]; ok {
			w.field(tagOf(l), data)
			continue
		}
		w.fieldOf(inv, tagOf(l), f, x)
	}
	return w.data, w.err
}

// fieldOf writes the fields of one letter that the invoice has.
func (w *writer) fieldOf(inv *Invoice, tag byte, form Form, x Extra) {
	switch tag {
	case tagPaymentSecret:
		if inv.PaymentSecret != ([32]byte{}) || !form.SecretOptional {
			w.field(tag, groups(inv.PaymentSecret[:]))
		}
	case tagPaymentHash:
		w.field(tag, groups(inv.PaymentHash[:]))
	case tagDescription:
		if inv.Description == nil {
			break
		}
		if !utf8.ValidString(*inv.Description) {
			w.fail(tag, errors.New("not UTF-8"))
		}
		w.field(tag, groups([]byte(*inv.Description)))
	case tagDescriptionHash:
		if inv.DescriptionHash != nil {
			w.field(tag, groups(inv.DescriptionHash[:]))
		}
	case tagMetadata:
		if inv.Metadata != nil {
			w.field(tag, groups(inv.Metadata))
		}
	case tagExpiry:
		if inv.Expiry != DefaultExpiry {
			w.field(tag, number(inv.Expiry))
		}
	case tagMinFinalCLTV:
		if inv.MinFinalCLTVExpiryDelta != DefaultMinFinalCLTVExpiryDelta {
			w.field(tag, number(uint64(inv.MinFinalCLTVExpiryDelta)))
		}
	case tagPayee:
		if x.NamesPayee {
			if _, err := inv.Payee.Key(); err != nil {
				w.fail(tag, err)
			}
			w.field(tag, groups(inv.Payee[:]))
		}
	case tagFallback:
		for _, f := range inv.Fallbacks {
			if err := f.check(); err != nil {
				w.fail(tag, err)
			}
			w.field(tag, append([]byte{f.Version}, groups(f.Program)...))
		}
	case tagHints:
		for _, hops := range inv.Hints {
			w.hint(hops)
		}
	case tagFeatures:
		if features := bitGroups(inv.Features); len(features) > 0 {
			w.field(tag, features)
		}
	}
}

// writer gathers tagged fields and the first error.
type writer struct {
	data []byte
	err  error
}

func (w *writer) fail(tag byte, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %q: %w", ErrField, letter(tag), err)
	}
}

func (w *writer) field(tag byte, data []byte) {
	if len(data) > maxDataGroups {
		if w.err == nil {
			w.err = fmt.Errorf("%w: %q", ErrTooLong, letter(tag))
		}
		return
	}
	w.data = append(w.data, tag)
	w.data = append(w.data, fixed(uint64(len(data)), tagGroups-1)...)
	w.data = append(w.data, data...)
}

func (w *writer) hint(hops []HopHint) {
	if len(hops) == 0 {
		w.fail(tagHints, errors.New("a way without a hop"))
	}
	var b []byte
	for _, h := range hops {
		if _, err := h.NodeID.Key(); err != nil {
			w.fail(tagHints, err)
		}
		b = append(b, h.NodeID[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(h.SCID))
		b = binary.BigEndian.AppendUint32(b, h.FeeBaseMsat)
		b = binary.BigEndian.AppendUint32(b, h.FeeProportionalMillionths)
		b = binary.BigEndian.AppendUint16(b, h.CLTVExpiryDelta)
	}
	w.field(tagHints, groups(b))
}

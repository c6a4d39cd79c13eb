package bolt11

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/btcsuite/btcd/address/v2/bech32"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// The tagged fields (BOLT 11, "Tagged Fields"): the values of the bech32
// characters that stand for them.
const (
	tagPaymentHash     = 1  // p
	tagHints           = 3  // r
	tagFeatures        = 5  // 9
	tagExpiry          = 6  // x
	tagFallback        = 9  // f
	tagDescription     = 13 // d
	tagPaymentSecret   = 16 // s
	tagPayee           = 19 // n
	tagDescriptionHash = 23 // h
	tagMinFinalCLTV    = 24 // c
	tagMetadata        = 27 // m
)

// Sizes in groups of 5 bits.
const (
	timestampGroups = 7
	signatureGroups = 104
	tagGroups       = 3 // type and data_length before the data
	maxDataGroups   = 1023
)

// hintSize is the length in bytes of one channel in an r field.
const hintSize = 33 + 8 + 4 + 4 + 2

const scheme = "lightning:"

// Decode reads an invoice and checks all that can be checked without a clock and a
// chain. Errors: those of this package, from [ErrBech32] to [ErrFeatureDependency].
func Decode(s string) (*Invoice, error) {
	inv, x, err := bolt11.Decode(s)
	if err != nil {
		return nil, err
	}
	inv.Network, inv.Amount, err = parseHumanReadable(x.HRP)
	return inv, err
}

// Sign signs an invoice anew, whatever its signature was, and leaves all else as it is.
// Errors: those of [Decode] but for signatures, [ErrSignature] when the invoice names
// another payee than who signs, and the signer's.
func Sign(s string, by Signer) (*Invoice, string, error) {
	hrp, fields, _, err := bolt11.split(s)
	if err != nil {
		return nil, "", err
	}
	inv, _, err := bolt11.read(hrp, fields)
	if err != nil {
		return nil, "", err
	}
	if inv.Network, inv.Amount, err = parseHumanReadable(hrp); err != nil {
		return nil, "", err
	}
	sig, err := signFields(hrp, fields, inv.Payee, by)
	if err != nil {
		return nil, "", err
	}
	if err := inv.readSignature(digest(hrp, fields), groups(sig[:])); err != nil {
		return nil, "", err
	}
	return inv, encode(hrp, append(fields, groups(sig[:])...)), nil
}

// split takes an invoice apart: prefix, fields and signature, in groups of 5 bits.
func (f Form) split(s string) (hrp string, fields, signature []byte, err error) {
	if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		s = s[len(scheme):]
	}
	hrp, data, version, err := bech32.DecodeNoLimitWithVersion(s)
	var wrong bech32.ErrInvalidChecksum
	if errors.As(err, &wrong) || err == nil && version != bech32.Version0 {
		// What is no invoice at all, an address say, is told so first.
		if err := f.Prefix(strings.ToLower(s[:strings.LastIndexByte(s, '1')])); errors.Is(err, ErrPrefix) {
			return "", nil, nil, err
		}
		return "", nil, nil, ErrChecksum
	}
	if err != nil {
		return "", nil, nil, fmt.Errorf("%w (%w)", ErrBech32, err)
	}
	if err := f.Prefix(hrp); err != nil {
		return "", nil, nil, err
	}
	if len(data) < timestampGroups+signatureGroups {
		return "", nil, nil, ErrShort
	}
	end := len(data) - signatureGroups
	return hrp, data[:end:end], data[end:], nil
}

func (f Form) read(hrp string, fields []byte) (*Invoice, Extra, error) {
	var inv Invoice
	x := Extra{HRP: hrp}
	err := f.readFields(&inv, &x, fields)
	return &inv, x, err
}

// readFields reads the timestamp and the tagged fields.
func (f Form) readFields(inv *Invoice, x *Extra, data []byte) error {
	for _, g := range data[:timestampGroups] {
		inv.Timestamp = inv.Timestamp<<groupBits | uint64(g)
	}
	inv.Expiry = DefaultExpiry
	inv.MinFinalCLTVExpiryDelta = DefaultMinFinalCLTVExpiryDelta
	var seen uint32
	for data = data[timestampGroups:]; len(data) > 0; {
		if len(data) < tagGroups {
			return fmt.Errorf("%w: the fields end within one", ErrField)
		}
		tag, length := data[0], int(data[1])<<groupBits|int(data[2])
		if data = data[tagGroups:]; length > len(data) {
			return fmt.Errorf("%w: the fields end within %q", ErrField, letter(tag))
		}
		own := strings.ContainsRune(f.Own, letter(tag))
		if err := inv.readField(tag, data[:length]); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrField, letter(tag), err)
		}
		if seen>>tag&1 != 0 && (own || once(tag)) {
			return fmt.Errorf("%w: %q", ErrDuplicate, letter(tag))
		}
		if own {
			x.set(letter(tag), data[:length])
		}
		seen |= 1 << tag
		data = data[length:]
	}
	x.NamesPayee = seen>>tagPayee&1 != 0
	return f.complete(inv, seen)
}

// alphabet is bech32's: the character of each group of 5 bits.
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// letter is the character that stands for a tag.
func letter(tag byte) rune { return rune(alphabet[tag]) }

// once says whether a field may stand only once. BOLT 11 lets a writer put one
// payment hash, secret, description and so on, and leaves open what a reader does
// with more of them; programs that chose differently have been robbed.
func once(tag byte) bool {
	switch tag {
	case tagPaymentHash, tagPaymentSecret, tagDescription, tagDescriptionHash, tagPayee,
		tagExpiry, tagMinFinalCLTV, tagMetadata, tagFeatures:
		return true
	}
	return false
}

func (inv *Invoice) readField(tag byte, data []byte) (err error) {
	switch tag {
	case tagPaymentHash:
		err = readFixed(inv.PaymentHash[:], data)
	case tagPaymentSecret:
		err = readFixed(inv.PaymentSecret[:], data)
	case tagDescription:
		inv.Description, err = readText(data)
	case tagDescriptionHash:
		inv.DescriptionHash = new([32]byte)
		err = readFixed(inv.DescriptionHash[:], data)
	case tagPayee:
		if err = readFixed(inv.Payee[:], data); err == nil {
			_, err = inv.Payee.Key()
		}
	case tagExpiry:
		inv.Expiry, err = parseNumber(data, math.MaxUint64)
	case tagMinFinalCLTV:
		var v uint64
		v, err = parseNumber(data, math.MaxUint32)
		inv.MinFinalCLTVExpiryDelta = uint32(v) //nolint:gosec // checked
	case tagMetadata:
		inv.Metadata, err = ungroup(data)
	case tagFeatures:
		inv.Features, err = parseBitGroups(data)
	case tagHints:
		var hint []HopHint
		hint, err = readHint(data)
		inv.Hints = append(inv.Hints, hint)
	case tagFallback:
		if f, ok := readFallback(data); ok {
			inv.Fallbacks = append(inv.Fallbacks, f)
		}
	}
	return err
}

// readFixed reads a field of one length.
//
// BOLT 11: "MUST fail the payment if any field with fixed `data_length` (`p`, `h`,
// `s`, `n`) does not have the correct length (52, 52, 52, 53)."
func readFixed(dst, data []byte) error {
	if want := (len(dst)*8 + groupBits - 1) / groupBits; len(data) != want {
		return fmt.Errorf("data_length %d, not %d", len(data), want)
	}
	b, err := ungroup(data)
	if err != nil {
		return err
	}
	copy(dst, b)
	return nil
}

func readText(data []byte) (*string, error) {
	b, err := ungroup(data)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	s := string(b)
	return &s, nil
}

func readHint(data []byte) ([]HopHint, error) {
	b, err := ungroup(data)
	if err != nil {
		return nil, err
	}
	// BOLT 11: "`r` field MUST contain one or more ordered entries, indicating the
	// forward route from a public node to the final destination."
	if len(b) == 0 || len(b)%hintSize != 0 {
		return nil, fmt.Errorf("%d bytes, not a multiple of %d", len(b), hintSize)
	}
	var hops []HopHint
	for ; len(b) > 0; b = b[hintSize:] {
		h := HopHint{
			NodeID:                    wire.NodeID(b[:33]),
			SCID:                      wire.ShortChannelID(binary.BigEndian.Uint64(b[33:])),
			FeeBaseMsat:               binary.BigEndian.Uint32(b[41:]),
			FeeProportionalMillionths: binary.BigEndian.Uint32(b[45:]),
			CLTVExpiryDelta:           binary.BigEndian.Uint16(b[49:]),
		}
		if _, err := h.NodeID.Key(); err != nil {
			return nil, err
		}
		hops = append(hops, h)
	}
	return hops, nil
}

// readFallback is false for what is to be skipped: addresses of later days, and
// those that are none, since there may be others.
//
// BOLT 11: "MUST skip over `f` fields that use an unknown `version`."
func readFallback(data []byte) (Fallback, bool) {
	if len(data) == 0 {
		return Fallback{}, false
	}
	program, err := ungroup(data[1:])
	f := Fallback{Version: data[0], Program: program}
	return f, err == nil && f.check() == nil
}

// complete checks that what a payment needs is there; seen has the bit of each
// tag that was read.
func (f Form) complete(inv *Invoice, seen uint32) error {
	has := func(tag byte) bool { return seen>>tag&1 != 0 }
	if !has(tagPaymentHash) {
		return fmt.Errorf("%w: the payment hash", ErrMissing)
	}
	// BOLT 11: "if a valid `s` field is not provided: - MUST fail the payment."
	if !has(tagPaymentSecret) && !f.SecretOptional {
		return fmt.Errorf("%w: the payment secret", ErrMissing)
	}
	return inv.check()
}

// check holds for what is read and for what is written.
func (inv *Invoice) check() error {
	// BOLT 11: "MUST fail the payment if neither a `d` field nor a `h` field is
	// present, or if both are present."
	if inv.Description == nil && inv.DescriptionHash == nil {
		return fmt.Errorf("%w: a description, or its hash", ErrMissing)
	}
	if inv.Description != nil && inv.DescriptionHash != nil {
		return fmt.Errorf("%w: a description, and the hash of one", ErrDuplicate)
	}
	// BOLT 11: "if the `9` field contains unknown _even_ bits that are non-zero: -
	// MUST fail the payment."
	if bit, bad := inv.Features.UnknownMandatory(known); bad {
		return fmt.Errorf("%w: bit %d", ErrUnknownFeature, bit)
	}
	// BOLT 11: "if the feature vector does not set all known, transitive feature
	// dependencies: - MUST NOT attempt the payment." Var_onion_optin is assumed.
	if f, needs, missing := inv.Features.With(wire.VarOnion).Missing(); missing {
		return fmt.Errorf("%w: bit %d needs bit %d", ErrFeatureDependency, f, needs)
	}
	return nil
}

package obolt

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
)

// Errors of [Decode] and [Invoice.Encode] beside those of package bolt11.
var (
	ErrPrefix   = fmt.Errorf("%w of an asset: ask for one that begins with obo, obto or obort", errNoInvoice)
	ErrUnsigned = errors.New("the invoice is of OmniBOLT's form of 2020, which nobody signs, so that anyone could have changed who is paid: ask for one that begins with obo, obto or obort")
	ErrProperty = errors.New("the invoice's asset is wrong: ask for another invoice")
	ErrAmount   = errors.New("the invoice's amount is wrong: ask for another invoice")
)

// errNoInvoice is bolt11's error for what is no invoice of the form that is read.
var errNoInvoice = prefixError{}

type prefixError struct{}

func (prefixError) Error() string        { return "not an invoice" }
func (prefixError) Is(target error) bool { return target == bolt11.ErrPrefix }

// Invoice is a request for a payment in an asset.
type Invoice struct {
	// Invoice has what BOLT 11 knows. Its Amount is for property 0 only. Its
	// PaymentSecret is zero where there is none: a form older than payment secrets.
	bolt11.Invoice

	Property   amount.Property // 0: bitcoin
	Units      amount.Units    // of another property; 0: the payer chooses
	Refundable bool            // field j
	NamesPayee bool            // the payee has a field and is not only recovered
}

// The letters of OmniBOLT's fields, 17 and 18.
const (
	propertyField   = '3'
	refundableField = 'j'
)

var form = bolt11.Form{
	Prefix: func(hrp string) error {
		_, err := parseHumanReadable(hrp)
		return err
	},
	Order:          "pdhmcx3frnjs9",
	Own:            "3j",
	SecretOptional: true,
}

// Read reads an invoice of this form or of BOLT 11's, which is one of property 0.
// Errors: those of [Decode], or of [bolt11.Decode].
func Read(s string) (*Invoice, error) {
	if len(s) > 2 && strings.EqualFold(s[:2], "ob") {
		return Decode(s)
	}
	inv, err := bolt11.Decode(s)
	if err != nil {
		return nil, err
	}
	return &Invoice{Invoice: *inv}, nil
}

// Decode reads an invoice and checks all that can be checked without a clock and a
// chain. Errors: those of this package and of package bolt11.
func Decode(s string) (*Invoice, error) {
	if unsigned(s) {
		return nil, ErrUnsigned
	}
	inv, x, err := form.Decode(s)
	if err != nil {
		return nil, err
	}
	h, err := parseHumanReadable(x.HRP)
	if err != nil {
		return nil, err
	}
	inv.Network, inv.Amount = h.network, h.bitcoin
	out := &Invoice{Invoice: *inv, Property: h.property, Units: h.units, NamesPayee: x.NamesPayee}
	return out, out.readFields(x.Fields)
}

// readFields reads OmniBOLT's own fields.
func (inv *Invoice) readFields(fields map[rune][]byte) error {
	data, ok := fields[propertyField]
	if !ok {
		return fmt.Errorf("%w: field 3, which repeats it, is missing", ErrProperty)
	}
	p, err := parseProperty(data)
	if err != nil {
		return err
	}
	if p != inv.Property {
		return fmt.Errorf("%w: the invoice begins with property %d and holds %d", ErrProperty, inv.Property, p)
	}
	if data, ok := fields[refundableField]; ok {
		if len(data) != 1 || data[0] != 1 {
			return fmt.Errorf("%w: 'j' is not 1", bolt11.ErrField)
		}
		inv.Refundable = true
	}
	return nil
}

// Encode writes the invoice. Its payee is left open or is the signer. Errors: those of
// [Decode] that the invoice would give, and the signer's.
func (inv *Invoice) Encode(by bolt11.Signer) (string, error) {
	hrp, err := inv.humanReadable()
	if err != nil {
		return "", err
	}
	fields := map[rune][]byte{propertyField: propertyGroups(inv.Property)}
	if inv.Refundable {
		fields[refundableField] = []byte{1}
	}
	return form.Encode(&inv.Invoice, bolt11.Extra{HRP: hrp, Fields: fields, NamesPayee: inv.NamesPayee}, by)
}

const groupBits = 5

// propertyGroups writes an id in groups of 5 bits without zeros before it, and 0 as one
// zero.
func propertyGroups(p amount.Property) []byte {
	out := make([]byte, max(1, (bits.Len32(uint32(p))+groupBits-1)/groupBits))
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = byte(p & 31)
		p >>= groupBits
	}
	return out
}

// parseProperty is the reverse of propertyGroups.
func parseProperty(data []byte) (amount.Property, error) {
	if len(data) == 0 || len(data) > 1 && data[0] == 0 {
		return 0, fmt.Errorf("%w: field 3 is empty or begins with zero", ErrProperty)
	}
	var v uint64
	for _, g := range data {
		if v = v<<groupBits | uint64(g); v > math.MaxUint32 {
			return 0, fmt.Errorf("%w: field 3 has more than 32 bits", ErrProperty)
		}
	}
	return amount.Property(v), nil //nolint:gosec // checked
}

// unsigned recognizes the form of 2020: obbc, obtb or obcrt, then the amount.
func unsigned(s string) bool {
	s = strings.ToLower(s)
	for _, prefix := range []string{"obbc", "obtb", "obcrt"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return true
		}
	}
	return false
}

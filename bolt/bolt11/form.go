package bolt11

import (
	"strings"
)

// Form is a kind of invoice that has BOLT 11's fields, checksum and signature under a
// human-readable part of its own, and may have fields of its own (OmniBOLT's, in
// bolt/obolt).
type Form struct {
	// Prefix says what is wrong with a human-readable part: an [ErrPrefix] for what
	// is no invoice of this form at all.
	Prefix func(hrp string) error
	// Order has the letters of the fields in the order in which they are written.
	Order string
	// Own has the letters of the form's own fields. Each may stand once.
	Own string
	// SecretOptional is for a form older than payment secrets; the zero secret then
	// stands for none.
	SecretOptional bool
}

// bolt11 is the form of BOLT 11.
var bolt11 = Form{
	Prefix: func(hrp string) error {
		_, _, err := parseHumanReadable(hrp)
		return err
	},
	Order: "spdhmxcfr9",
}

// Extra is what a form knows of an invoice beside the fields of an [Invoice].
type Extra struct {
	HRP        string          // the human-readable part, in lower case
	Fields     map[rune][]byte // the form's own fields by letter, in groups of 5 bits
	NamesPayee bool            // the payee has a field and is not only recovered
}

func (x *Extra) set(letter rune, data []byte) {
	if x.Fields == nil {
		x.Fields = make(map[rune][]byte)
	}
	x.Fields[letter] = data
}

// Decode reads an invoice as the function [Decode] does, but for its network and its
// amount, which the form reads in its human-readable part.
func (f Form) Decode(s string) (*Invoice, Extra, error) {
	hrp, signed, signature, err := f.split(s)
	if err != nil {
		return nil, Extra{}, err
	}
	inv, x, err := f.read(hrp, signed)
	if err != nil {
		return nil, Extra{}, err
	}
	if err := inv.readSignature(digest(hrp, signed), signature); err != nil {
		return nil, Extra{}, err
	}
	return inv, x, nil
}

// Encode writes an invoice as [Invoice.Encode] does, with what x holds in place of its
// network and amount.
func (f Form) Encode(inv *Invoice, x Extra, by Signer) (string, error) {
	if err := inv.check(); err != nil {
		return "", err
	}
	fields, err := f.writeFields(inv, x)
	if err != nil {
		return "", err
	}
	sig, err := signFields(x.HRP, fields, inv.Payee, by)
	if err != nil {
		return "", err
	}
	return encode(x.HRP, append(fields, groups(sig[:])...)), nil
}

// tagOf is the reverse of letter.
func tagOf(letter rune) byte {
	return byte(strings.IndexRune(alphabet, letter)) //nolint:gosec // below 32
}

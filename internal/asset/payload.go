package asset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
)

// ErrPayload means that a payload is too short for its type.
var ErrPayload = errors.New("the payload ends too early")

// payload is what a transaction asks for. What its type does not have is zero.
type payload struct {
	kind
	property amount.Property // for types that name an ecosystem, that
	units    uint64

	distribution amount.Property // type 3 in version 1: whose owners get it
	entries      []omni.Entry    // type 7
	about        About           // types 50, 51, 54
	nature       uint16          // of a new property: one of the natures
	sale         sale            // type 51
	address      []byte          // types 185, 186: version and hash
}

// The natures of properties.
const (
	indivisible = 1
	divisible   = 2
	unique      = 5 // non-fungible
)

// About is what an issuer says of a property. Each text is of at most 255 bytes, any
// bytes but zero: escape it before showing it.
type About struct {
	Category, Subcategory, Name, URL, Data string
}

// sale are the terms of a crowdsale.
type sale struct {
	desired   amount.Property
	perUnit   uint64 // units for a whole token of what is desired
	deadline  uint64 // seconds since 1970
	earlyBird uint8  // percent a week before the deadline
	percent   uint8  // of what is created, beside it, for the issuer
}

// maxText is what is kept of a text.
const maxText = 255

// reader reads a payload; after an error it reads zeros.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short, r.b = true, nil
		return make([]byte, n)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) property() amount.Property {
	return amount.Property(binary.BigEndian.Uint32(r.take(4)))
}

// text reads to the next zero.
func (r *reader) text() string {
	n := bytes.IndexByte(r.b, 0)
	if n < 0 {
		r.short, r.b = true, nil
		return ""
	}
	s := string(r.b[:min(n, maxText)])
	r.b = r.b[n+1:]
	return s
}

// decode reads a payload. What follows what is needed is ignored. Of a type that is not
// executed it reads the property that all types have in one place.
func decode(b []byte) (payload, error) {
	r := &reader{b: b}
	var p payload
	p.version, p.typ = r.u16(), r.u16()
	switch p.typ {
	case omni.TypeSimpleSend, typeGrant, typeRevoke:
		p.property, p.units = r.property(), r.u64()
	case typeSendToOwners:
		p.property, p.units = r.property(), r.u64()
		if p.version > 0 {
			p.distribution = r.property()
		}
	case typeSendAll:
		p.property = amount.Property(r.u8())
	case omni.TypeSendToMany:
		p.property = r.property()
		for n := r.u8(); n > 0 && !r.short; n-- {
			p.entries = append(p.entries, omni.Entry{Output: r.u8(), Units: amount.Units(r.u64())})
		}
	case typeFixed, typeCrowdsale, typeManaged:
		p.readIssuance(r)
	case typeFreeze, typeUnfreeze:
		p.property, p.units = r.property(), r.u64()
		p.address = r.take(21)
		p.address = append(p.address[:21:21], r.b...)
	case typeActivation, typeDeactivation:
	case typeCloseCrowdsale, typeChangeIssuer, typeEnableFreezing, typeDisableFreezing, typeAddDelegate, typeRemoveDelegate:
		p.property = r.property()
	default:
		p.property = r.property()
	}
	if r.short {
		return payload{}, ErrPayload
	}
	return p, nil
}

func (p *payload) readIssuance(r *reader) {
	p.property, p.nature = amount.Property(r.u8()), r.u16()
	r.property() // the previous one, which nothing looks at
	p.about = About{r.text(), r.text(), r.text(), r.text(), r.text()}
	switch p.typ {
	case typeFixed:
		p.units = r.u64()
	case typeCrowdsale:
		p.sale = sale{desired: r.property(), perUnit: r.u64(), deadline: r.u64(), earlyBird: r.u8(), percent: r.u8()}
	}
}

// Grant is the payload by which the issuer of a managed property makes units for the
// reference. Error: [omni.ErrEncode].
func Grant(property amount.Property, units amount.Units) ([]byte, error) {
	b, err := omni.OfProperty(typeGrant, property, units)
	return append(b, 0), err // a memo
}

// IssueFixed is the payload that makes a property with all its units for the sender, in
// the main ecosystem or in the one for tests. Error: [omni.ErrEncode].
func IssueFixed(test, isDivisible bool, about About, units amount.Units) ([]byte, error) {
	if err := omni.Valid(units); err != nil {
		return nil, err
	}
	b, err := issue(typeFixed, test, isDivisible, about)
	return binary.BigEndian.AppendUint64(b, uint64(units)), err
}

// IssueManaged is the payload that makes a property whose units the sender grants later.
// Error: [omni.ErrEncode].
func IssueManaged(test, isDivisible bool, about About) ([]byte, error) {
	return issue(typeManaged, test, isDivisible, about)
}

func issue(typ uint16, test, isDivisible bool, about About) ([]byte, error) {
	ecosystem, nature := byte(OMN), uint16(indivisible)
	if test {
		ecosystem = byte(TOMN)
	}
	if isDivisible {
		nature = divisible
	}
	b := binary.BigEndian.AppendUint16(append(omni.Header(typ), ecosystem), nature)
	b = append(b, 0, 0, 0, 0) // no previous property
	if about.Name == "" {
		return nil, fmt.Errorf("%w: a property needs a name", omni.ErrEncode)
	}
	for _, s := range []string{about.Category, about.Subcategory, about.Name, about.URL, about.Data} {
		if len(s) > maxText || bytes.IndexByte([]byte(s), 0) >= 0 {
			return nil, fmt.Errorf("%w: a text has more than %d bytes or a zero", omni.ErrEncode, maxText)
		}
		b = append(append(b, s...), 0)
	}
	return b, nil
}

package omni

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
)

// Marker begins the first push of an output of class C.
const Marker = "omni"

// The types of transactions that send.
const (
	TypeSimpleSend = 0
	TypeSendToMany = 7
)

// ErrEncode means that a payload would not be valid.
var ErrEncode = errors.New("not a valid transaction of tokens")

// Entry is what one output gets of a send-to-many.
type Entry struct {
	Output uint8
	Units  amount.Units
}

// Header begins a payload: version 0 and the type.
func Header(typ uint16) []byte { return binary.BigEndian.AppendUint16([]byte{0, 0}, typ) }

// Valid refuses amounts that there cannot be. Error: [ErrEncode].
func Valid(u amount.Units) error {
	if u == 0 || u > amount.MaxUnits {
		return fmt.Errorf("%w: %d units", ErrEncode, u)
	}
	return nil
}

// SimpleSend is the payload that sends units to the reference. Error: [ErrEncode].
func SimpleSend(property amount.Property, units amount.Units) ([]byte, error) {
	return OfProperty(TypeSimpleSend, property, units)
}

// OfProperty is the payload of a type that names a property and units. Error: [ErrEncode].
func OfProperty(typ uint16, property amount.Property, units amount.Units) ([]byte, error) {
	if property == 0 {
		return nil, fmt.Errorf("%w: bitcoin is none", ErrEncode)
	}
	if err := Valid(units); err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32(Header(typ), uint32(property))
	return binary.BigEndian.AppendUint64(b, uint64(units)), nil
}

// SendToMany is the payload that gives each named output its units. Outputs are in rising
// order and each stands once. Error: [ErrEncode], for an entry of zero too, which Omni
// Core does not survive.
func SendToMany(property amount.Property, entries ...Entry) ([]byte, error) {
	if property == 0 || len(entries) == 0 || len(entries) > 255 {
		return nil, fmt.Errorf("%w: property %d to %d outputs", ErrEncode, property, len(entries))
	}
	b := binary.BigEndian.AppendUint32(Header(TypeSendToMany), uint32(property))
	b = append(b, byte(len(entries))) //nolint:gosec // checked
	var sum amount.Units
	for i, e := range entries {
		if err := Valid(e.Units); err != nil {
			return nil, err
		}
		if i > 0 && e.Output <= entries[i-1].Output {
			return nil, fmt.Errorf("%w: output %d after %d", ErrEncode, e.Output, entries[i-1].Output)
		}
		var ok bool
		if sum, ok = sum.Add(e.Units); !ok {
			return nil, fmt.Errorf("%w: more than there can be of property %d", ErrEncode, property)
		}
		b = binary.BigEndian.AppendUint64(append(b, e.Output), uint64(e.Units))
	}
	return b, nil
}

const (
	opReturn    = 0x6a
	opPushData1 = 0x4c
	opPushData2 = 0x4d
)

// Script is the output that carries a payload.
func Script(payload []byte) []byte {
	n := len(Marker) + len(payload)
	script := []byte{opReturn}
	switch {
	case n < opPushData1:
		script = append(script, byte(n))
	case n <= 0xff:
		script = append(script, opPushData1, byte(n))
	default:
		script = binary.LittleEndian.AppendUint16(append(script, opPushData2), uint16(n)) //nolint:gosec // payloads are at most 2,304 bytes
	}
	return append(append(script, Marker...), payload...)
}

// exodus are the scripts of the Exodus addresses: 1EXoDusjGwvnjZUyKkxZ4UHEf77z6A5S4P of
// mainnet, and mpexoDuSkGGqvqrkrjiFng38QPkJQVFyqv of the networks for tests.
var exodus = map[string]bool{
	toKeyHash("946cb2e08075bcbaf157e47bcb67eb2b2339d242"): true,
	toKeyHash("643ce12b1590633077b8620316f43a9362ef18e5"): true,
}

func toKeyHash(hash string) string {
	b, err := hex.DecodeString("76a914" + hash + "88ac")
	if err != nil {
		panic("omni: " + err.Error())
	}
	return string(b)
}

// Exodus tells whether a script is that of an Exodus address, of whatever network. Nobody
// sends tokens to it: a send-to-many that names such an output gives nothing to any.
func Exodus(pkScript []byte) bool { return exodus[string(pkScript)] }

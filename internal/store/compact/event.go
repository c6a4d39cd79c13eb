package compact

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
)

// The words of the log, by their numbers. What is not among them stands as it is: the
// numbers are those of bytes that no word begins with.
var words = []string{
	"invoice", "payment", "forward", "channel",
	"pending", "complete", "failed", "deleted", "unpaid", "paid", "expired", "accepted",
	"offered", "settled", "local_failed",
}

func short(word string) string {
	if i := slices.Index(words, word); i >= 0 {
		return string(rune(i + 1))
	}
	return word
}

func long(word string) string {
	if len(word) == 1 && word[0] >= 1 && int(word[0]) <= len(words) {
		return words[word[0]-1]
	}
	return word
}

// Event is the form of an entry of the log; its data is kept.
func Event(e durable.Event) durable.Event {
	return durable.Event{Kind: short(e.Kind), Key: key(e.Kind, e.Key), State: short(e.State), Data: e.Data}
}

// ReadEvent reads what [Event] gave, and also what was written in full.
func ReadEvent(e durable.Event) (_ durable.Event, err error) {
	e.Kind, e.State = long(e.Kind), long(e.State)
	if e.Kind != "invoice" && len(e.Key) >= idSize && len(e.Key) < 2*idSize {
		e.Key, err = longKey(e.Kind, e.Key)
	}
	if err == nil && e.Kind == "forward" && len(e.Data) > 0 && e.Data[0] == forwardForm {
		e.Data, err = longForward(e.Data)
	}
	return e, err
}

// idSize is that of a payment hash and of a channel's id, which are the keys of all but
// invoices: in hexadecimal, and that of a forward with / and the HTLC's number.
const idSize = 32

func key(kind, text string) string {
	id, number, both := strings.Cut(text, "/")
	raw, err := hex.DecodeString(id)
	if kind == "invoice" || err != nil || len(raw) != idSize || hex.EncodeToString(raw) != id || both != (kind == "forward") {
		return text
	}
	if both {
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || strconv.FormatUint(n, 10) != number {
			return text
		}
		raw = binary.AppendUvarint(raw, n)
	}
	return string(raw)
}

func longKey(kind, raw string) (string, error) {
	id := hex.EncodeToString([]byte(raw[:idSize]))
	if kind != "forward" {
		if len(raw) != idSize {
			return "", fmt.Errorf("%w: a key of the log", ErrDamaged)
		}
		return id, nil
	}
	n, size := binary.Uvarint([]byte(raw[idSize:]))
	if size != len(raw)-idSize || size == 0 {
		return "", fmt.Errorf("%w: a key of the log", ErrDamaged)
	}
	return id + "/" + strconv.FormatUint(n, 10), nil
}

// forwardForm begins the form of a forward; JSON begins with a brace.
const forwardForm = 1

// What the flags of a forward say.
const (
	forwardSent   = 1 << iota // it has gone on: its outgoing HTLC follows, and what is earned
	forwardTokens             // the tokens on both sides follow
)

// Forward is the form of what an entry tells of a forward: in varints, but for the hash
// and the status.
func Forward(f *events.Forward) []byte {
	b := append([]byte{forwardForm}, f.PaymentHash[:]...)
	word := short(f.Status)
	flags := uint64(0)
	if f.OutHTLC != nil && f.OutAmount != nil {
		flags |= forwardSent
	}
	if f.InProperty != 0 || f.OutProperty != 0 {
		flags |= forwardTokens
	}
	for _, v := range []uint64{
		uint64(len(word)), f.CreatedIndex, f.UpdatedIndex, uint64(f.In), f.InHTLC, uint64(f.InAmount), uint64(f.Out),
		uint64(f.FailCode), f.Received, f.Resolved, flags,
	} {
		b = binary.AppendUvarint(b, v)
	}
	var more []uint64
	if flags&forwardSent != 0 {
		fee := amount.MilliSatoshi(0)
		if f.Fee != nil {
			fee = *f.Fee
		}
		more = append(more, *f.OutHTLC, uint64(*f.OutAmount), uint64(fee))
	}
	if flags&forwardTokens != 0 {
		more = append(more, uint64(f.InProperty), uint64(f.InUnits), uint64(f.OutProperty), uint64(f.OutUnits))
	}
	for _, v := range more {
		b = binary.AppendUvarint(b, v)
	}
	return append(b, word...)
}

// data is the form of what an entry told in JSON, where it gives the same again.
func data(kind string, raw []byte) []byte {
	var f events.Forward
	if kind != "forward" || len(raw) == 0 || json.Unmarshal(raw, &f) != nil {
		return raw
	}
	b := Forward(&f)
	if again, err := longForward(b); err != nil || string(again) != string(raw) {
		return raw
	}
	return b
}

func longForward(b []byte) ([]byte, error) {
	r := reader{b: b[1:]}
	var f events.Forward
	r.bytes(f.PaymentHash[:])
	size := r.uvarint()
	f.CreatedIndex, f.UpdatedIndex = r.uvarint(), r.uvarint()
	f.In, f.InHTLC, f.InAmount = wire.ShortChannelID(r.uvarint()), r.uvarint(), amount.MilliSatoshi(r.uvarint())
	f.Out = wire.ShortChannelID(r.uvarint())
	f.FailCode = onion.Code(r.uvarint()) //nolint:gosec // written from 16 bits
	f.FailReason, f.Style = f.FailCode.WireName(), "tlv"
	f.Received, f.Resolved = r.uvarint(), r.uvarint()
	flags := r.uvarint()
	if flags&forwardSent != 0 {
		out, amt, fee := r.uvarint(), amount.MilliSatoshi(r.uvarint()), amount.MilliSatoshi(r.uvarint())
		f.OutHTLC, f.OutAmount, f.Fee = &out, &amt, &fee
	}
	if flags&forwardTokens != 0 {
		f.InProperty, f.InUnits = amount.Property(r.uvarint()), amount.Units(r.uvarint())   //nolint:gosec // written from 32 bits
		f.OutProperty, f.OutUnits = amount.Property(r.uvarint()), amount.Units(r.uvarint()) //nolint:gosec // written from 32 bits
		f.Fee, f.FeeUnits = f.Fees()
	}
	if r.bad || uint64(len(r.b)) != size {
		return nil, fmt.Errorf("%w: a forward of the log", ErrDamaged)
	}
	f.Status = long(string(r.b))
	return json.Marshal(f)
}

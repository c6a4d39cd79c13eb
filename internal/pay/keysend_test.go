//go:build !race

package pay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func gift() Keysend {
	return Keysend{
		Destination: wire.NodeID{3}, Amount: 100_000, Preimage: wire.Preimage{9}, Label: "a gift",
		Records: []tlv.Record{{Type: 7629169, Value: []byte("boost")}, {Type: 65537, Value: []byte{}}},
		Hints: [][]bolt11.HopHint{
			{{NodeID: wire.NodeID{4}, SCID: 5, FeeBaseMsat: 6, FeeProportionalMillionths: 7, CLTVExpiryDelta: 8}, {NodeID: wire.NodeID{5}}},
			{{SCID: 1<<64 - 1, FeeBaseMsat: 1<<32 - 1, FeeProportionalMillionths: 1<<32 - 1, CLTVExpiryDelta: 1<<16 - 1}},
		},
	}
}

// found answers a payment's search with a way over one channel.
func found(t *testing.T, p *Payment, f *Find) Send {
	t.Helper()
	if f == nil {
		t.Fatal("no way is asked for")
	}
	p.Routes(1000, 100, []Route{{{NodeID: f.Destination, SCID: 1, Amount: f.Amount, CLTVExpiry: 100 + f.FinalDelta}}},
		func() Minted { return Minted{ID: 1, Session: [32]byte{1}} })
	todo := outcome(t, p)
	if len(todo.Send) != 1 {
		t.Fatalf("%d HTLCs", len(todo.Send))
	}
	return todo.Send[0]
}

func outcome(t *testing.T, p *Payment) Todo {
	t.Helper()
	todo, err := p.Take().Commit(t.Context(), &disk{payment: &PaymentRow{Result: PaymentResultRow{Status: Failed}}})
	if err != nil {
		t.Fatal(err)
	}
	return todo
}

// bringsThePreimage is what the payee of a gift must find in its payload.
func bringsThePreimage(t *testing.T, s Send) {
	t.Helper()
	want := []tlv.Record{{Type: 65537, Value: []byte{}}, {Type: 7629169, Value: []byte("boost")}, {Type: 5482373484, Value: append([]byte{9}, make([]byte, 31)...)}}
	if len(s.Records) != len(want) {
		t.Fatalf("the records are %v", s.Records)
	}
	for i, r := range want {
		if s.Records[i].Type != r.Type || !bytes.Equal(s.Records[i].Value, r.Value) {
			t.Errorf("record %d is %v", i, s.Records[i])
		}
	}
	if s.Secret != nil || s.Total != 100_000 || s.PaymentHash != sha256.Sum256(append([]byte{9}, make([]byte, 31)...)) {
		t.Errorf("%+v", s)
	}
}

func TestAKeysendBringsItsPreimageInOnePart(t *testing.T) {
	p, err := NewKeysend(gift(), node, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	row := p.Row()
	if row.Destination != (wire.NodeID{3}) || row.Amount != 100_000 || row.Bolt11 != "" || row.Manual || row.Label != "a gift" ||
		row.MaxFee != DefaultExemptFee || row.MaxDelay != DefaultMaxDelay || row.RetryUntil != 1000+DefaultRetryFor {
		t.Errorf("%+v", row)
	}
	todo := outcome(t, p)
	if f := todo.Find; f == nil || f.MaxParts != 1 || !reflect.DeepEqual(f.Hints, gift().Hints) || f.FinalDelta < 40 {
		t.Fatalf("%+v", f)
	}
	bringsThePreimage(t, found(t, p, todo.Find))
}

func TestAKeysendGoesOnAfterARestart(t *testing.T) {
	p, err := NewKeysend(gift(), node, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(p.Row(), nil, nil, node.ID, 1010)
	if err != nil {
		t.Fatal(err)
	}
	todo := outcome(t, again)
	if todo.Find == nil || !reflect.DeepEqual(todo.Find.Hints, gift().Hints) {
		t.Fatalf("%+v", todo.Find)
	}
	bringsThePreimage(t, found(t, again, todo.Find))
}

func TestAKeysendThatCannotBeIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Keysend){
		"to ourselves":             func(k *Keysend) { k.Destination = node.ID },
		"nothing":                  func(k *Keysend) { k.Amount = 0 },
		"more than there is":       func(k *Keysend) { k.Amount = amount.Max + 1 },
		"a record of BOLT 4's":     func(k *Keysend) { k.Records = []tlv.Record{{Type: 65535}} },
		"a record of tokens":       func(k *Keysend) { k.Records = []tlv.Record{{Type: 65607}} },
		"a record of their sum":    func(k *Keysend) { k.Records = []tlv.Record{{Type: 65609}} },
		"a record twice":           func(k *Keysend) { k.Records = []tlv.Record{{Type: 65537}, {Type: 65537}} },
		"another preimage":         func(k *Keysend) { k.Records = []tlv.Record{{Type: 5482373484}} },
		"records without end":      func(k *Keysend) { k.Records = []tlv.Record{{Type: 65537, Value: make([]byte, 1000)}} },
		"a hint of no hops":        func(k *Keysend) { k.Hints = [][]bolt11.HopHint{{}} },
		"a hint of too many hops":  func(k *Keysend) { k.Hints = [][]bolt11.HopHint{make([]bolt11.HopHint, 256)} },
		"hints, the last is wrong": func(k *Keysend) { k.Hints = append(k.Hints, nil) },
	} {
		k := gift()
		spoil(&k)
		_, err := NewKeysend(k, node, 1, 1000)
		if !errors.Is(err, &Error{Code: CodeInvalid}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeysendHasTheLimitsThatItIsGiven(t *testing.T) {
	k := gift()
	ppm, exempt, seconds := uint32(20_000), amount.MilliSatoshi(0), uint64(7)
	k.MaxFeePPM, k.ExemptFee, k.RetryFor, k.MaxDelay = &ppm, &exempt, &seconds, 99
	p, err := NewKeysend(k, node, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if row := p.Row(); row.MaxFee != 2000 || row.MaxDelay != 99 || row.RetryUntil != 1007 {
		t.Errorf("%+v", row)
	}
	if at, ok := p.Deadline(); !ok || at != 1007 {
		t.Errorf("deadline %d, %v", at, ok)
	}
}

func FuzzAStoredKeysend(f *testing.F) {
	records, err := gift().records()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encodeKeysend(records, gift().Hints))
	f.Add(encodeKeysend(records, nil))
	f.Add([]byte{})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		records, hints, err := decodeKeysend(b)
		if err != nil {
			return
		}
		r, h, err := decodeKeysend(encodeKeysend(records, hints))
		if err != nil || !reflect.DeepEqual(r, records) || !reflect.DeepEqual(h, hints) {
			t.Errorf("%x: %v %v, then %v %v: %v", b, records, hints, r, h, err)
		}
	})
}

func TestAStoredKeysendThatIsDamagedIsNotLoaded(t *testing.T) {
	p, err := NewKeysend(gift(), node, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	records, err := gift().records()
	if err != nil {
		t.Fatal(err)
	}
	stored := func(hints []byte) []byte {
		return tlv.Stream{{Type: typeRecords, Value: records.Append(nil)}, {Type: typeHints, Value: hints}}.Append(nil)
	}
	for name, blob := range map[string][]byte{
		"nothing":            nil,
		"cut off":            p.Row().Exclude[:50],
		"no records":         tlv.Stream{{Type: typeRecords}}.Append(nil),
		"a hint of no hops":  stored([]byte{0}),
		"a hint that is cut": stored(append([]byte{2}, make([]byte, 2*hintSize-1)...)),
	} {
		row := p.Row()
		row.Exclude = blob
		if _, err := Load(row, nil, nil, node.ID, 1000); !errors.Is(err, errKeysend) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

//go:build !race

package onion

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// The records of payloads in hexadecimal: type, length, value.
const (
	amt     = "020203e8"
	cltv    = "040305dc06"
	scid    = "06080000010000020003"
	data    = "0822" + "0707070707070707070707070707070707070707070707070707070707070707" + "07d0"
	blinded = "0a02beef"
	path    = "0c21" + "031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f"
	meta    = "100101"
	total   = "120207d0"
	custom  = "fe0001000101ff"

	tokens = "fe00010047" + "06" + "8000000304e2"     // 1250 units of 2147483651
	all    = "fe00010049" + "02" + "09c4"             // 2500 units
	most   = "fe00010049" + "08" + "7fffffffffffffff" // all there can be
)

// Records of tokens that are wrong.
const (
	ofBitcoin = "fe00010047" + "05" + "0000000001"
	noTokens  = "fe00010047" + "04" + "80000003"
)

func TestPayloadIsRefusedWithTypeAndOffset(t *testing.T) {
	for name, test := range map[string]struct {
		payload string
		typ     uint64
		offset  uint16
		why     string
	}{
		"nothing":                  {"", 2, 0, "missing"},
		"no amount":                {cltv, 2, 5, "missing"},
		"no expiry":                {amt, 4, 4, "missing"},
		"amount not minimal":       {"02020001" + cltv, 2, 0, "shortest"},
		"amount too long":          {"0209010000000000000000" + cltv, 2, 0, "9 bytes"},
		"expiry too long":          {amt + "04050100000000", 4, 4, "5 bytes"},
		"short channel id":         {amt + cltv + "0607", 6, 9, "7 bytes long, but only 0"},
		"channel id of 7 bytes":    {amt + cltv + "060700000000000000", 6, 9, "not 8"},
		"secret of 31 bytes":       {amt + cltv + "081f" + strings.Repeat("07", 31), 8, 9, "at least 32"},
		"total not minimal":        {amt + cltv + "0821" + strings.Repeat("07", 32) + "00", 8, 9, "shortest"},
		"order":                    {cltv + amt, 2, 5, "must increase"},
		"twice":                    {amt + amt, 2, 4, "must increase"},
		"unknown even":             {amt + cltv + "1400", 20, 9, "do not know"},
		"unknown even custom":      {amt + cltv + "fe0001000000", 65536, 9, "do not know"},
		"type zero":                {"0000" + amt + cltv, 0, 0, "do not know"},
		"type not minimal":         {amt + cltv + "fd001700", 0, 9, "shortest"},
		"type cut":                 {amt + cltv + "fd00", 0, 9, "too early"},
		"length not minimal":       {amt + cltv + "17fd0000", 23, 9, "shortest"},
		"length cut":               {amt + cltv + "17", 23, 9, "too early"},
		"path key of no curve":     {blinded + "0c21" + strings.Repeat("05", 33), 12, 4, "invalid public key"},
		"path key of 2 bytes":      {blinded + "0c020202", 12, 4, "not 33"},
		"path key alone":           {amt + cltv + path, 12, 9, "only for a blinded route"},
		"total amount alone":       {amt + cltv + total, 18, 9, "only for a blinded route"},
		"blinded with channel":     {scid + blinded, 6, 0, "not for a blinded route"},
		"blinded with metadata":    {amt + cltv + blinded + meta + total, 16, 13, "not for a blinded route"},
		"blinded with odd":         {amt + cltv + blinded + total + custom, 65537, 17, "not for a blinded route"},
		"blinded without total":    {amt + cltv + blinded, 18, 13, "missing"},
		"blinded without expiry":   {amt + blinded + total, 4, 12, "missing"},
		"blinded, amount is wrong": {"0201", 2, 0, "1 bytes long, but only 0"},
		"tokens of 3 bytes":        {amt + cltv + "fe0001004703800000", 65607, 9, "not at least 4"},
		"tokens of bitcoin":        {amt + cltv + ofBitcoin, 65607, 9, "no property"},
		"no tokens":                {amt + cltv + noTokens, 65607, 9, "0 units"},
		"tokens not minimal":       {amt + cltv + "fe0001004706" + "800000030001", 65607, 9, "shortest"},
		"tokens of 9 bytes":        {amt + cltv + "fe000100470d" + "80000003" + "010000000000000000", 65607, 9, "9 bytes"},
		"more tokens than can be":  {amt + cltv + "fe000100470c" + "80000003" + "8000000000000000", 65607, 9, "units: not 1 to"},
		"total of no tokens":       {amt + cltv + tokens + "fe0001004900", 65609, 21, "0 units"},
		"total beyond all":         {amt + cltv + tokens + "fe0001004908" + "8000000000000000", 65609, 21, "units: not 1 to"},
		"total without a property": {amt + cltv + all, 65609, 9, "no property is named"},
		"blinded with tokens":      {amt + cltv + blinded + total + tokens, 65607, 17, "not for a blinded route"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodePayload(unhex(t, test.payload))
			var p *PayloadError
			if !errors.As(err, &p) {
				t.Fatalf("no *PayloadError but %v", err)
			}
			want := InvalidOnionPayload(test.typ, test.offset)
			if diff := cmp.Diff(want, p.Failure); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
			if !strings.Contains(p.Error(), test.why) {
				t.Errorf("%q does not say %q", p, test.why)
			}
		})
	}
}

func TestUnknownOddRecordsAreLeftOutAndCustomOnesKept(t *testing.T) {
	p, err := DecodePayload(unhex(t, amt+cltv+"1701ff"+custom))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]tlv.Record{{Type: 65537, Value: []byte{0xff}}}, p.Custom); diff != "" {
		t.Errorf("custom (-want +got):\n%s", diff)
	}
}

// A payload that is right in itself may be wrong for the hop's place.
func TestPayloadFitsTheHopsPlace(t *testing.T) {
	for name, test := range map[string]struct {
		payload string
		final   bool
		want    *Failure // nil: accepted
	}{
		"intermediate":                        {amt + cltv + scid, false, nil},
		"last":                                {amt + cltv + data, true, nil},
		"last without secret":                 {amt + cltv, true, nil},
		"intermediate without channel":        {amt + cltv, false, failure(InvalidOnionPayload(6, 9))},
		"empty":                               {"", true, failure(InvalidOnionPayload(0, 0))},
		"one byte":                            {"02", true, failure(InvalidOnionPayload(0, 0))},
		"two bytes":                           {"0200", true, failure(InvalidOnionPayload(4, 2))},
		"a type twice, then no channel":       {amt + amt, false, failure(InvalidOnionPayload(2, 4))},
		"introduction of a blinded route":     {blinded + path, false, failure(Failure{Code: CodeInvalidOnionBlinding})},
		"blinded, intermediate, no path key":  {blinded, false, failure(InvalidOnionPayload(10, 0))},
		"end of a blinded route, also start":  {amt + cltv + blinded + path + total, true, failure(InvalidOnionPayload(10, 9))},
		"end of a blinded route, no path key": {amt + cltv + blinded + total, true, failure(InvalidOnionPayload(10, 9))},
		"intermediate with tokens":            {amt + cltv + scid + tokens, false, nil},
		"intermediate with a total of tokens": {amt + cltv + scid + tokens + all, false, failure(InvalidOnionPayload(65609, 31))},
		"last with tokens":                    {amt + cltv + data + tokens + all, true, nil},
		"last with the most tokens":           {amt + cltv + data + tokens + most, true, nil},
		"last with tokens, no total":          {amt + cltv + data + tokens, true, failure(InvalidOnionPayload(65609, 57))},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, payloads := []wire.NodeID{key(1).ID()}, [][]byte{unhex(t, test.payload)}
			if !test.final {
				nodes, payloads = append(nodes, key(2).ID()), append(payloads, unhex(t, amt+cltv))
			}
			packet, err := wrap(key(9).PrivateKey, nodes, payloads, wire.PaymentHash{1})
			if err != nil {
				t.Fatal(err)
			}
			got, err := Peel(key(1), &packet, wire.PaymentHash{1})
			if err != nil {
				t.Fatal(err)
			}
			if got.SharedSecret != Secrets(key(9).PrivateKey, nodes)[0] {
				t.Error("without the secret the failure cannot go back")
			}
			if test.want == nil {
				if got.PayloadErr != nil {
					t.Fatal(got.PayloadErr)
				}
				return
			}
			if test.want.Code == CodeInvalidOnionBlinding {
				test.want.SHA256OfOnion = InvalidOnionBlinding(&packet).SHA256OfOnion
			}
			var p *PayloadError
			if !errors.As(got.PayloadErr, &p) {
				t.Fatalf("no *PayloadError but %v", got.PayloadErr)
			}
			if diff := cmp.Diff(*test.want, p.Failure); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
			if len(test.payload) < 4 && !strings.Contains(p.Why, "at least 2 bytes") {
				t.Errorf("too short, but refused because %q", p.Why)
			}
			if diff := cmp.Diff(Payload{}, got.Payload); diff != "" {
				t.Errorf("a refused payload is shown:\n%s", diff)
			}
		})
	}
}

func failure(f Failure) *Failure { return &f }

func TestLengthBeyondThePacketIsAnInvalidPayload(t *testing.T) {
	packet := build(t, route())
	secret := key(1).ECDH(key(9).PubKey())
	first, err := route()[0].Payload.Encode()
	if err != nil {
		t.Fatal(err)
	}
	packet[payloadStart] ^= byte(len(first)) ^ 0xfe // a length of four bytes follows
	resign(packet, secret, wire.PaymentHash{1})
	got, err := Peel(key(1), packet, wire.PaymentHash{1})
	if err != nil {
		t.Fatal(err)
	}
	var p *PayloadError
	if !errors.As(got.PayloadErr, &p) || p.Failure.Code != CodeInvalidOnionPayload || got.SharedSecret != secret {
		t.Errorf("%+v", got)
	}
}

func TestTotalIsTheAmountWithoutPaymentData(t *testing.T) {
	packet := build(t, []Hop{{key(1).ID(), Payload{AmtToForward: 5, OutgoingCLTV: 6}}})
	got, err := Peel(key(1), packet, wire.PaymentHash{1})
	if err != nil || got.PayloadErr != nil {
		t.Fatal(err, got.PayloadErr)
	}
	if got.Payload.TotalMsat != 5 {
		t.Errorf("total %v", got.Payload.TotalMsat)
	}
}

func TestPayloadRefusesWhatDoesNotStandTogether(t *testing.T) {
	point := key(1).ID()
	secret := [32]byte{}
	for name, p := range map[string]Payload{
		"path key alone":        {CurrentPathKey: &point},
		"blinded with secret":   {EncryptedRecipientData: []byte{1}, PaymentSecret: &secret},
		"blinded with metadata": {EncryptedRecipientData: []byte{1}, PaymentMetadata: []byte{1}},
		"custom below 65536":    {Custom: []tlv.Record{{Type: 7}}},
		"custom twice":          {Custom: []tlv.Record{{Type: 65537}, {Type: 65537}}},
		"custom out of order":   {Custom: []tlv.Record{{Type: 65539}, {Type: 65537}}},
		"custom for tokens":     {Custom: []tlv.Record{{Type: TypeTokens}}},
		"custom for their sum":  {Custom: []tlv.Record{{Type: TypeTotalTokens}}},
		"tokens of bitcoin":     {Tokens: &Tokens{Units: 1}},
		"no tokens":             {Tokens: &Tokens{Property: 31}},
		"too many tokens":       {Tokens: &Tokens{Property: 31, Units: amount.MaxUnits + 1}},
		"too many in all":       {Tokens: &Tokens{Property: 31, Units: 1}, TotalTokens: amount.MaxUnits + 1},
		"a sum of nothing":      {TotalTokens: 1},
		"blinded with tokens":   {EncryptedRecipientData: []byte{1}, Tokens: &Tokens{Property: 31, Units: 1}},
	} {
		if _, err := p.Encode(); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func genPayload(t *rapid.T) Payload {
	p := Payload{
		AmtToForward: amount.MilliSatoshi(rapid.Uint64().Draw(t, "amount")),
		OutgoingCLTV: rapid.Uint32().Draw(t, "cltv"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		id := wire.ShortChannelID(rapid.Uint64().Draw(t, "scid"))
		p.ShortChannelID = &id
	case 1:
		secret := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		p.PaymentSecret = &secret
		p.TotalMsat = amount.MilliSatoshi(rapid.Uint64().Draw(t, "total"))
		if rapid.Bool().Draw(t, "metadata?") {
			p.PaymentMetadata = rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "metadata")
		}
		if rapid.Bool().Draw(t, "custom?") {
			p.Custom = []tlv.Record{{Type: 65537, Value: []byte{}}, {Type: 65539, Value: []byte{1, 2}}, {Type: 65611, Value: []byte{3}}}
		}
		if rapid.Bool().Draw(t, "tokens?") {
			p.Tokens = &Tokens{
				Property: amount.Property(rapid.Uint32Min(1).Draw(t, "property")),
				Units:    amount.Units(rapid.Uint64Range(1, uint64(amount.MaxUnits)).Draw(t, "units")),
			}
			p.TotalTokens = amount.Units(rapid.Uint64Range(0, uint64(amount.MaxUnits)).Draw(t, "total tokens"))
		}
	case 2, 3:
		p.EncryptedRecipientData = rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "encrypted")
		p.TotalMsat = amount.MilliSatoshi(rapid.Uint64().Draw(t, "total"))
		if rapid.Bool().Draw(t, "intermediate") {
			p.AmtToForward, p.OutgoingCLTV, p.TotalMsat = 0, 0, 0
		}
		if rapid.Bool().Draw(t, "introduction") {
			id := key(3).ID()
			p.CurrentPathKey = &id
		}
	}
	return p
}

func TestPayloadIsWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genPayload(t)
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodePayload(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzPayload(f *testing.F) {
	for _, s := range []string{amt + cltv + scid, amt + cltv + data + meta + custom, blinded + path, amt + cltv + blinded + path + total, amt + cltv + data + tokens + all} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePayload(b)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > len(b) {
			t.Fatalf("%x became longer: %x", b, again)
		}
		q, err := DecodePayload(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, q); diff != "" {
			t.Fatal(diff)
		}
		third, err := q.Encode()
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%x, then %x, %v", again, third, err)
		}
	})
}

func TestThePreimageOfAKeysendIsKeptAtTheLastHopOnly(t *testing.T) {
	p := Payload{AmtToForward: 1, OutgoingCLTV: 1, Custom: []tlv.Record{{Type: TypeKeysend, Value: make([]byte, 32)}}}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, at, refused := parse(b)
	if refused != nil || len(got.Custom) != 1 || got.Custom[0].Type != TypeKeysend {
		t.Fatalf("%+v, %v", got, refused)
	}
	if err := got.fitHop(at, true, len(b), nil); err != nil {
		t.Errorf("at the last hop: %v", err)
	}
	if err := got.fitHop(at, false, len(b), nil); err == nil || err.Failure.Type != TypeKeysend {
		t.Errorf("at another: %v", err)
	}
}

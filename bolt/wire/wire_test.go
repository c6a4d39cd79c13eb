//go:build !race

package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/tlv"
)

// points are some points on the curve.
var points = func() (out []Point) {
	for i := range 8 {
		_, p := btcec.PrivKeyFromBytes([]byte{byte(i + 1)})
		out = append(out, PointOf(p))
	}
	return out
}()

// drawMessage fills all fields of a message of this kind, by their types.
func drawMessage(t *rapid.T, k kind) Message {
	m := k.make()
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		draw(t, v.Type().Field(i).Name, v.Field(i))
	}
	return m
}

// drawExtra is a stream of odd types that no message knows.
func drawExtra(t *rapid.T) []byte {
	var s tlv.Stream
	for n := range rapid.IntRange(0, 3).Draw(t, "extra") {
		s = append(s, tlv.Record{Type: uint64(1001 + 2*n), Value: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")})
	}
	return s.Append(nil)
}

func draw(t *rapid.T, name string, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *Point:
		*p = rapid.SampledFrom(points).Draw(t, name)
		return
	case *Features:
		for _, bit := range rapid.SliceOfN(rapid.Uint16Range(0, 99), 0, 5).Draw(t, name) {
			*p = p.With(FeatureBit(bit))
		}
		return
	case *[]byte:
		if name == "Extra" {
			*p = drawExtra(t)
			return
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, name) >> (64 - v.Type().Bits()))
	case reflect.Array:
		b := rapid.SliceOfN(rapid.Byte(), v.Len(), v.Len()).Draw(t, name)
		reflect.Copy(v, reflect.ValueOf(b))
	case reflect.Slice:
		// Never empty but not nil: those two may be the same on the wire.
		n := rapid.IntRange(0, 5).Draw(t, name)
		if n == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, name, v.Index(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, name) {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, name, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			draw(t, name, v.Field(i))
		}
	default:
		t.Fatalf("%s: what to draw for %s?", name, v.Type())
	}
}

func TestEveryMessageRoundTrips(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, rapid.MakeCheck(func(t *rapid.T) {
			m := drawMessage(t, k)
			before, _ := json.Marshal(m)
			b, err := AppendMessage([]byte("before"), m)
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := json.Marshal(m); !bytes.Equal(before, after) {
				t.Fatalf("encoding has changed %s to %s", before, after)
			}
			got, err := Decode(b[len("before"):])
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m, got); d != "" {
				t.Fatal(d)
			}
			if Name(got) != k.name || got.Type() != k.number {
				t.Errorf("%s of type %d", Name(got), got.Type())
			}
		}))
	}
}

func TestEveryFieldIsEncodedAndPrinted(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, rapid.MakeCheck(func(t *rapid.T) {
			m := drawMessage(t, k)
			bytesBefore, printed := Encode(m), Fields(m)
			v := reflect.ValueOf(m).Elem()
			for i := range v.NumField() {
				f := v.Field(i)
				if f.IsZero() {
					continue
				}
				was := reflect.New(f.Type()).Elem()
				was.Set(f)
				f.SetZero()
				if bytes.Equal(Encode(m), bytesBefore) {
					t.Errorf("%s is not encoded", v.Type().Field(i).Name)
				}
				if slices.Equal(Fields(m), printed) {
					t.Errorf("%s is not printed", v.Type().Field(i).Name)
				}
				f.Set(was)
			}
		}))
	}
}

// The messages' fields as the specification lists them.
type layout struct {
	Type   uint16
	Name   string
	Fields []string // type and name
}

func layouts(t testing.TB) []layout {
	t.Helper()
	b, err := os.ReadFile("testdata/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Messages []layout }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f.Messages
}

// sizes of the types that the specification names.
var sizes = map[string]int{
	"byte": 1, "u16": 2, "u32": 4, "u64": 8, "channel_id": 32, "chain_hash": 32, "sha256": 32,
	"signature": 64, "point": 33, "short_channel_id": 8,
}

// read reads a message as the specification lists its fields, without any of
// this package's code, and prints what it finds as Fields does.
func (l layout) read(t *rapid.T, b []byte) (out []Field, rest []byte) {
	lengths := map[string]int{}
	take := func(n int) []byte {
		if n > len(b) {
			t.Fatalf("%s: too short", l.Name)
		}
		p := b[:n]
		b = b[n:]
		return p
	}
	for i, f := range l.Fields {
		typ, name, _ := strings.Cut(f, " ")
		count, of, isArray := strings.Cut(typ, "*")
		if !isArray {
			p := take(sizes[typ])
			if i+1 < len(l.Fields) && strings.HasPrefix(l.Fields[i+1], name+"*") {
				lengths[name] = int(binary.BigEndian.Uint16(p))
				if strings.HasSuffix(l.Fields[i+1], "*byte "+strings.SplitN(l.Fields[i+1], " ", 2)[1]) {
					continue // the length of bytes is not printed
				}
			}
			out = append(out, Field{name, show(typ, name, p)})
			continue
		}
		n, err := strconv.Atoi(count)
		if err != nil {
			n = lengths[count]
		}
		if of == "byte" {
			out = append(out, Field{name, show(typ, name, take(n))})
			continue
		}
		for range n {
			out = append(out, Field{name, show(of, name, take(sizes[of]))})
		}
	}
	return out, b
}

func show(typ, name string, p []byte) string {
	switch {
	case typ == "byte" || strings.HasPrefix(typ, "u"):
		return strconv.FormatUint(binary.BigEndian.Uint64(append(make([]byte, 8-len(p)), p...)), 10)
	case typ == "short_channel_id":
		return ShortChannelID(binary.BigEndian.Uint64(p)).String()
	case typ == "chain_hash" || name == "funding_txid":
		return chainhash.Hash(p).String()
	case strings.HasSuffix(name, "features"):
		return Features(p).String()
	}
	return hex.EncodeToString(p)
}

func TestLayoutIsThatOfTheSpecification(t *testing.T) {
	all := layouts(t)
	if len(all) != len(kinds) {
		t.Fatalf("%d messages, not %d", len(all), len(kinds))
	}
	for _, l := range all {
		t.Run(l.Name, rapid.MakeCheck(func(t *rapid.T) {
			k, ok := byNumber[l.Type]
			if !ok || k.name != l.Name {
				t.Fatalf("%d is %q", l.Type, k.name)
			}
			m := drawMessage(t, k)
			b := Encode(m)
			if got := binary.BigEndian.Uint16(b); got != l.Type {
				t.Fatalf("type %d", got)
			}
			want, rest := l.read(t, b[2:])
			got := Fields(m)
			if len(got) < len(want) {
				t.Fatalf("%d fields, want %d", len(got), len(want))
			}
			if d := cmp.Diff(want, got[:len(want)]); d != "" {
				t.Fatal(d)
			}
			if len(rest) > 0 != (len(got) > len(want)) {
				t.Errorf("%d bytes of extension are printed as %v", len(rest), got[len(want):])
			}
		}))
	}
}

func unhexed(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExtensionsOfAppendixC has the examples of BOLT 1, Appendix C.
func TestExtensionsOfAppendixC(t *testing.T) {
	for _, valid := range []string{"001000000000", "001000000000c9012acb0104"} {
		m, err := Decode(unhexed(t, valid))
		if err != nil {
			t.Fatalf("%s: %v", valid, err)
		}
		if got := hex.EncodeToString(Encode(m)); got != valid {
			t.Errorf("%s comes back as %s", valid, got)
		}
	}
	for invalid, want := range map[string]error{
		"00100000000001":           tlv.ErrShort,
		"001000000000ca012a":       ErrUnknownMandatory,
		"001000000000c90101c90102": tlv.ErrOrder,
	} {
		if m, err := Decode(unhexed(t, invalid)); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v, want %v", invalid, m, err, want)
		}
	}
}

func TestRecordOfTheWrongLengthIsRefused(t *testing.T) {
	accept := rapid.Custom(func(t *rapid.T) Message {
		m := drawMessage(t, byNumber[33]).(*AcceptChannel)
		m.Asset, m.Extra = nil, nil
		return m
	}).Example(1)
	open := rapid.Custom(func(t *rapid.T) Message {
		m := drawMessage(t, byNumber[32]).(*OpenChannel)
		m.Asset, m.Extra = nil, nil
		return m
	}).Example(1)
	for name, c := range map[string]struct {
		base   Message
		record uint64
		size   byte
		short  error
	}{
		"networks":     {&Init{}, 1, 32, ErrTrailing}, // what is left over is no chain
		"alias":        {&ChannelReady{SecondPerCommitmentPoint: points[0]}, 1, 8, ErrShort},
		"fee_range":    {&ClosingSigned{}, 1, 16, ErrShort},
		"closer only":  {&ClosingComplete{}, 1, 64, ErrShort},
		"closee only":  {&ClosingComplete{}, 2, 64, ErrShort},
		"both outputs": {&ClosingSig{}, 3, 64, ErrShort},
		"blinded_path": {&UpdateAddHTLC{}, 0, 33, ErrShort},
		"accept asset": {accept, assetOpen, 26, ErrShort},
		"open asset":   {open, assetOpen, 46, ErrShort},
		"two delays":   {&CommitmentSigned{}, assetDelay, 128, ErrTrailing},
		"one delay":    {&FundingSigned{}, assetDelay, 64, ErrShort},
		"the opener's": {&FundingCreated{}, assetDelay, 64, ErrShort},
	} {
		with := func(size byte) []byte {
			value := slices.Concat(points[0][:], points[0][:], points[0][:], points[0][:])[:size]
			return tlv.Stream{{Type: c.record, Value: value}}.Append(Encode(c.base))
		}
		for size, want := range map[byte]error{c.size - 1: c.short, c.size: nil, c.size + 1: ErrTrailing} {
			if _, err := Decode(with(size)); !errors.Is(err, want) {
				t.Errorf("%s of %d bytes: %v, want %v", name, size, err, want)
			}
		}
	}
}

// The bytes are those of docs/decisions/0009-tokens-in-a-channel.md.
func TestTokensOfAnHTLCAreWrittenShort(t *testing.T) {
	for tokens, want := range map[amount.Units]string{
		1_250_000_000: "fe00010045" + "08" + "80000003" + "4a817c80",
		1:             "fe00010045" + "05" + "80000003" + "01",
		0:             "fe00010045" + "04" + "80000003",
	} {
		m := &UpdateAddHTLC{Asset: &HTLCAsset{Property: 0x80000003, Tokens: tokens}}
		b := Encode(m)
		if got := hex.EncodeToString(b[2+32+8+8+32+4+OnionPacketSize:]); got != want {
			t.Errorf("%d tokens are %s, not %s", tokens, got, want)
		}
		if got, err := Decode(b); err != nil || !cmp.Equal(got, Message(m)) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	b := append(Encode(&UpdateAddHTLC{}), unhexed(t, "fe0001004505800000030001"[:len("fe0001004505800000030001")])...)
	b[len(b)-7] = 6 // the length: property, and two bytes of which the first is zero
	if _, err := Decode(b); !errors.Is(err, tlv.ErrNotCanonical) {
		t.Errorf("a leading zero: %v", err)
	}
}

func TestMessageThatEndsEarlyIsRefused(t *testing.T) {
	for _, l := range layouts(t) {
		m := rapid.Custom(func(t *rapid.T) Message { return drawMessage(t, byNumber[l.Type]) }).Example(1)
		b := Encode(m)
		fixed := 0
		for _, f := range l.Fields {
			typ, _, _ := strings.Cut(f, " ")
			if count, of, isArray := strings.Cut(typ, "*"); !isArray {
				fixed += sizes[typ]
			} else if n, err := strconv.Atoi(count); err == nil {
				fixed += n * sizes[of]
			}
		}
		for n := range fixed + 2 {
			if _, err := Decode(b[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%s of %d bytes: %v", l.Name, n, err)
			}
		}
	}
}

func TestPointOffTheCurveIsRefused(t *testing.T) {
	m := &RevokeAndAck{NextPerCommitmentPoint: Point{0: 2, 32: 5}}
	if _, err := Decode(Encode(m)); !errors.Is(err, ErrPoint) {
		t.Error(err)
	}
	path := Point{0: 4}
	if _, err := Decode(Encode(&UpdateAddHTLC{PathKey: &path})); !errors.Is(err, ErrPoint) {
		t.Error(err)
	}
}

func TestPresentAndEmptyIsNotAbsent(t *testing.T) {
	m := &AcceptChannel{
		FundingPubkey: points[0], RevocationBasepoint: points[0], PaymentBasepoint: points[0], DelayedPaymentBasepoint: points[0],
		HTLCBasepoint: points[0], FirstPerCommitmentPoint: points[0],
	}
	for range 2 {
		got, err := Decode(Encode(m))
		if d := cmp.Diff(m, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		m.UpfrontShutdownScript, m.ChannelType = []byte{}, Features{}
	}
}

func TestUnknownMessageIsKept(t *testing.T) {
	b := []byte{0xff, 0xff, 1, 2, 3}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := m.(*Unknown); !ok || u.Type() != 0xffff || !bytes.Equal(u.Payload, b[2:]) || Name(m) != "unknown_65535" {
		t.Errorf("%+v", m)
	}
	if !bytes.Equal(Encode(m), b) || len(Fields(m)) != 1 {
		t.Errorf("%x, %v", Encode(m), Fields(m))
	}
}

func TestBytesAfterAMessageWithoutExtensionAreIgnored(t *testing.T) {
	if _, err := Decode(append(Encode(&Ping{NumPongBytes: 1}), 0xca)); err != nil {
		t.Error(err)
	}
}

func TestFlagsAreOneByteAndAnyBitSetsThem(t *testing.T) {
	for _, set := range []bool{true, false} {
		b := Encode(&ReplyShortChannelIDsEnd{FullInformation: set})
		if got := b[len(b)-1] != 0; got != set {
			t.Errorf("%t is written as %x", set, b)
		}
	}
	b := Encode(&ReplyShortChannelIDsEnd{})
	b[len(b)-1] = 0x80
	if m, err := Decode(b); err != nil || !m.(*ReplyShortChannelIDsEnd).FullInformation {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAChannelTypeIsPrintedAsItsBits(t *testing.T) {
	typ := NewFeatures(StaticRemoteKey, AnchorsZeroFeeHTLC)
	if printed := Fields(&AcceptChannel{ChannelType: typ}); !slices.Contains(printed, Field{"channel_type", typ.String()}) {
		t.Errorf("%v", printed)
	}
}

func TestPointText(t *testing.T) {
	text, err := points[0].MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got Point
	if err := got.UnmarshalText(text); err != nil || got != points[0] {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", string(text[2:]), string(text) + "00", "zz" + string(text[2:]), "05" + string(text[2:])} {
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a point", bad)
		}
	}
}

func TestNumberOfSignaturesCostsNothingUntilTheyAreThere(t *testing.T) {
	b := Encode(&CommitmentSigned{})
	b[len(b)-2], b[len(b)-1] = 0xff, 0xff // num_htlcs
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decode(b); !errors.Is(err, ErrShort) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were taken for a message of %d", n, len(b))
	}
}

func TestMessageThatIsTooLongIsNotWritten(t *testing.T) {
	fits := &Unknown{MsgType: 40001, Payload: make([]byte, MaxPayload-2)}
	if b, err := AppendMessage(nil, fits); err != nil || len(b) != MaxPayload {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for _, m := range []Message{
		&Unknown{MsgType: 40001, Payload: make([]byte, MaxPayload-1)},
		&Pong{Ignored: make([]byte, 1<<16)},
		&CommitmentSigned{HTLCSignatures: make([]Signature, 1<<16+1)},
	} {
		if b, err := AppendMessage([]byte{7}, m); !errors.Is(err, ErrTooLong) || !bytes.Equal(b, []byte{7}) {
			t.Errorf("%s: %d bytes, %v", Name(m), len(b), err)
		}
	}
}

func TestExtraThatIsNoStreamIsNotWritten(t *testing.T) {
	if _, err := AppendMessage(nil, &UpdateFee{Extra: []byte{0xfd}}); !errors.Is(err, tlv.ErrShort) {
		t.Error(err)
	}
}

func TestDecodedMessageDoesNotShareMemory(t *testing.T) {
	for _, k := range kinds {
		m := rapid.Custom(func(t *rapid.T) Message { return drawMessage(t, k) }).Example(2)
		b := Encode(m)
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		if d := cmp.Diff(m, got); d != "" {
			t.Errorf("%s: %s", k.name, d)
		}
	}
}

func TestSignedPartIsAllAfterTheSignatures(t *testing.T) {
	for number, signatures := range map[uint16]int{256: 4, 257: 1, 258: 1} {
		m := rapid.Custom(func(t *rapid.T) Message { return drawMessage(t, byNumber[number]) }).Example(3)
		if got := m.(interface{ SignedPart() []byte }).SignedPart(); !bytes.Equal(got, Encode(m)[2+64*signatures:]) {
			t.Errorf("%s: %x", Name(m), got)
		}
	}
}

func TestSignatureHasALowS(t *testing.T) {
	for i := range byte(16) {
		key, pub := btcec.PrivKeyFromBytes([]byte{i + 1})
		hash := chainhash.DoubleHashB([]byte{i})
		low := ecdsa.Sign(key, hash)
		r, s := low.R(), low.S()
		s.Negate()
		if got := SignatureOf(ecdsa.NewSignature(&r, &s)); got != SignatureOf(low) {
			t.Errorf("%x", got)
		}
		back, err := SignatureOf(low).ECDSA()
		if err != nil || !back.Verify(hash, pub) {
			t.Errorf("does not verify: %v", err)
		}
	}
	order := unhexed(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	one := append(make([]byte, 31), 1)
	for name, parts := range map[string][2][]byte{"zero": {one, make([]byte, 32)}, "zero r": {make([]byte, 32), one}, "r too large": {order, one}, "s too large": {one, order}} {
		if _, err := Signature(slices.Concat(parts[0], parts[1])).ECDSA(); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShortChannelIDText(t *testing.T) {
	id := NewShortChannelID(539268, 845, 1)
	if id.String() != "539268x845x1" || id.Height() != 539268 || id.Index() != 845 || id.Output() != 1 {
		t.Errorf("%v", id)
	}
	var got ShortChannelID
	if err := got.UnmarshalText([]byte("539268x845x1")); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "1x2", "1x2x3x4", "16777216x0x0", "0x16777216x0", "0x0x65536", "-1x0x0", "ax0x0"} {
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestGossipComesBackByteForByte(t *testing.T) {
	a := &NodeAnnouncement{NodeID: points[0], Features: Features{0, 0, 1}, Extra: []byte{0xfd, 1, 2, 0xff}} // padded, and no TLV stream
	b := Encode(a)
	m, err := Decode(b)
	if err != nil || !bytes.Equal(Encode(m), b) {
		t.Errorf("%x, %v", Encode(m), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, k := range kinds {
		for seed := range 3 {
			f.Add(Encode(rapid.Custom(func(t *rapid.T) Message { return drawMessage(t, k) }).Example(seed)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil || len(b) > MaxPayload {
			return
		}
		again := Encode(m)
		switch m.(type) {
		case *ChannelAnnouncement, *NodeAnnouncement, *ChannelUpdate:
			if !bytes.Equal(again, b) {
				t.Errorf("gossip %x comes back as %x", b, again)
			}
		}
		second, err := Decode(again)
		if err != nil {
			t.Fatalf("%x does not decode: %v", again, err)
		}
		if d := cmp.Diff(m, second); d != "" {
			t.Error(d)
		}
		Fields(m)
	})
}

//go:build !race

package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// point is a point of its own for each number.
func point(n uint32) wire.Point {
	var b [32]byte
	b[31], b[30], b[29], b[0] = byte(n), byte(n>>8), byte(n>>16), 1
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return wire.PointOf(key.PubKey())
}

func keysOf(n uint32) script.Basepoints {
	return script.Basepoints{
		Funding: point(n), Revocation: point(n + 1), Payment: point(n + 2), DelayedPayment: point(n + 3), HTLC: point(n + 4),
	}
}

// example has everything that a backup can have.
func example() Backup {
	b := Backup{
		Node: point(9), Counter: 7, Time: 1_800_000_000, Birthday: 800_000, NextKey: 4,
		Branches: []Branch{{84, 0, 3}, {84, 1, 300}, {86, 0, 1}},
		Channels: []Channel{{
			Peer: point(20), Addresses: []string{"192.0.2.1:9735", "[2001:db8::1]:9735"}, KeyIndex: 2,
			Funding: btcwire.OutPoint{Hash: [32]byte{1, 2, 3}, Index: 5}, Capacity: 1_000_000,
			LocalIsOpener: true, Announce: true, Type: wire.NewFeatures(12, 22), Format: script.Anchors, RemoteKeys: keysOf(30),
			LocalDelay: 144, RemoteDelay: 2016, LocalScript: []byte{0x51, 0x20, 1}, LocalAlias: 99, SCID: 800_000 << 40,
		}, {
			Peer: point(21), KeyIndex: 3, Funding: btcwire.OutPoint{Hash: [32]byte{9}}, Capacity: 20_000,
			Format: script.Anchors, RemoteKeys: keysOf(40),
		}},
	}
	b.Chain[0] = 6
	return b
}

// tokened is the example with one channel more, which has tokens.
func tokened() Backup {
	b := example()
	b.Channels = append(b.Channels, Channel{
		Peer: point(22), KeyIndex: 5, Funding: btcwire.OutPoint{Hash: [32]byte{8}, Index: 1}, Capacity: 200_000, LocalIsOpener: true,
		Type: wire.NewFeatures(wire.StaticRemoteKey, wire.OptionOmniAsset), Format: script.Tokens, RemoteKeys: keysOf(60),
		LocalDelay: 144, RemoteDelay: 144, LocalScript: []byte{0xa9, 20, 1}, LocalAlias: 98, Property: 0x80000003, Tokens: 50_000_000_000,
	})
	return b
}

var (
	key   = [32]byte{1, 2, 3}
	nonce = [NonceSize]byte{4, 5, 6}
)

func seal(t *testing.T, b Backup, size int) []byte {
	t.Helper()
	sealed, err := Seal(key, nonce, &b, size)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestABackupComesBackAsItWas(t *testing.T) {
	want := tokened()
	for _, size := range []int{0, PeerStorageSize} {
		sealed := seal(t, want, size)
		if size != 0 && len(sealed) != size {
			t.Errorf("%d bytes instead of %d", len(sealed), size)
		}
		got, err := Open(key, sealed)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
	if got, err := Open(key, seal(t, Backup{Node: point(1)}, 0)); err != nil || got.Node != point(1) {
		t.Errorf("a backup of no channel: %v", err)
	}
}

// A backup of today must be read in ten years: the hash of what version 1 makes.
func TestTheFormIsStable(t *testing.T) {
	const want = "c3f0fce6876d1cc6a9b44f839790fe7e30f5ad018f8115109c8b4f5f09e47bd8"
	if got := sha256.Sum256(seal(t, example(), 0)); hex.EncodeToString(got[:]) != want {
		t.Errorf("%x", got)
	}
	const tokens = "50d26f1e6fb7ef954ac3ad8c757f76f5f001237682104c63530fc7ad5dd34278"
	if got := sha256.Sum256(seal(t, tokened(), 0)); hex.EncodeToString(got[:]) != tokens {
		t.Errorf("with tokens: %x", got)
	}
}

func TestNobodyReadsABackupWithoutItsSeed(t *testing.T) {
	sealed := seal(t, example(), 0)
	if bytes.Contains(sealed, example().Channels[0].Peer[:]) {
		t.Error("a peer is seen in it")
	}
	if _, err := Open([32]byte{9}, sealed); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func TestEveryBitThatIsChangedIsNoticed(t *testing.T) {
	sealed := seal(t, example(), 0)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		want := ErrKey
		if i < len(magic) {
			want = ErrNoBackup
		} else if i == len(magic) {
			want = ErrVersion
		}
		if _, err := Open(key, bad); !errors.Is(err, want) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, 8, Overhead - 1, Overhead, len(sealed) - 1} {
		if _, err := Open(key, sealed[:n]); !errors.Is(err, ErrNoBackup) && !errors.Is(err, ErrKey) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// sealBody seals a body that no program of ours would make.
func sealBody(body []byte, length uint32) []byte {
	plain := append(appendUint32(nil, length), body...)
	header := append(append([]byte(magic), version), nonce[:]...)
	return aead(key).Seal(header, nonce[:], plain, header[:headerSize:headerSize])
}

func TestALengthBeyondTheEndIsRefused(t *testing.T) {
	example := example()
	body := example.Encode()
	for _, length := range []uint32{uint32(len(body)) + 1, 1<<32 - 1} {
		if _, err := Open(key, sealBody(body, length)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d: %v", length, err)
		}
	}
	if _, err := Open(key, sealBody(body, uint32(len(body)))); err != nil {
		t.Error(err)
	}
}

// with replaces, adds or (nil) removes a record of a stream.
func with(t *testing.T, stream []byte, record uint64, value []byte) []byte {
	t.Helper()
	s, err := tlv.Decode(stream)
	if err != nil {
		t.Fatal(err)
	}
	var out tlv.Stream
	done := value == nil
	for _, r := range s {
		if !done && r.Type >= record {
			out, done = append(out, tlv.Record{Type: record, Value: value}), true
		}
		if r.Type != record {
			out = append(out, r)
		}
	}
	if !done {
		out = append(out, tlv.Record{Type: record, Value: value})
	}
	return out.Append(nil)
}

func TestWhatIsMalformedIsRefusedWithItsReason(t *testing.T) {
	b := example()
	body, part := b.Encode(), b.Channels[0].encode()
	inChannel := func(record uint64, value []byte) []byte {
		return with(t, body, recordChannels, appendPart(nil, with(t, part, record, value)))
	}
	withTokens := func(value []byte) []byte {
		c := tokened().Channels[2]
		return with(t, body, recordChannels, appendPart(nil, with(t, c.encode(), recordTokens, value)))
	}
	for name, bad := range map[string][]byte{
		"nothing":                           {},
		"no stream":                         {1},
		"no chain":                          with(t, body, recordChain, nil),
		"a short chain":                     with(t, body, recordChain, make([]byte, 31)),
		"no node":                           with(t, body, recordNode, nil),
		"a node off the curve":              with(t, body, recordNode, make([]byte, 33)),
		"no counter":                        with(t, body, recordCounter, nil),
		"a counter with a leading zero":     with(t, body, recordCounter, []byte{0}),
		"a counter without end":             with(t, body, recordCounter, bytes.Repeat([]byte{255}, 8)),
		"a birthday of five bytes":          with(t, body, recordBirthday, bytes.Repeat([]byte{1}, 5)),
		"addresses that end early":          with(t, body, recordBranches, make([]byte, 13)),
		"a channel longer than all":         with(t, body, recordChannels, []byte{200, 1}),
		"channels without a length":         with(t, body, recordChannels, []byte{0xfd}),
		"a channel of nothing":              with(t, body, recordChannels, []byte{0}),
		"a channel without a peer":          inChannel(recordPeer, nil),
		"a peer off the curve":              inChannel(recordPeer, make([]byte, 33)),
		"a channel without a funding":       inChannel(recordFunding, nil),
		"a short funding":                   inChannel(recordFunding, make([]byte, 35)),
		"an output beyond 16 bits":          inChannel(recordFunding, append(make([]byte, 32), 0, 1, 0, 0)),
		"more coins than there are":         inChannel(recordCapacity, bytes.Repeat([]byte{255}, 8)),
		"a key that cannot be derived":      inChannel(recordKeyIndex, []byte{128, 0, 0, 0}),
		"flags of two bytes":                inChannel(recordFlags, []byte{0, 1}),
		"basepoints that are missing":       inChannel(recordKeys, part[:33]),
		"a basepoint off the curve":         inChannel(recordKeys, make([]byte, 165)),
		"delays of three bytes":             inChannel(recordDelays, []byte{0, 0, 1}),
		"tokens in a channel of bitcoin":    inChannel(recordTokens, []byte{0, 0, 0, 3, 1}),
		"a form for tokens without any":     inChannel(recordFormat, []byte{byte(script.Tokens)}),
		"a property of three bytes":         withTokens([]byte{0, 0, 3}),
		"none of a property":                withTokens([]byte{0, 0, 0, 3}),
		"tokens of bitcoin":                 withTokens([]byte{0, 0, 0, 0, 1}),
		"more tokens than there can be":     withTokens(append([]byte{0, 0, 0, 3}, bytes.Repeat([]byte{255}, 8)...)),
		"a form of commitment that is none": inChannel(recordFormat, []byte{77}),
		"an address that is a line":         inChannel(recordAddresses, appendPart(nil, []byte("a\nb"))),
		"an address without end":            inChannel(recordAddresses, appendPart(nil, bytes.Repeat([]byte{'a'}, 300))),
	} {
		if _, err := Decode(bad); !errors.Is(err, ErrMalformed) || len(err.Error()) == len(ErrMalformed.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatANewerVersionAddsIsIgnoredOnlyIfItIsOdd(t *testing.T) {
	b := example()
	body, part := b.Encode(), b.Channels[0].encode()
	for _, record := range []uint64{101, 102} {
		for name, changed := range map[string][]byte{
			"the backup": with(t, body, record, []byte{1}),
			"a channel":  with(t, body, recordChannels, appendPart(nil, with(t, part, record, []byte{1}))),
		} {
			got, err := Decode(changed)
			if record%2 == 0 && !errors.Is(err, ErrVersion) || record%2 == 1 && (err != nil || got.Counter != 7) {
				t.Errorf("record %d of %s: %v", record, name, err)
			}
		}
	}
}

func TestTheChannelsWithTheMostCoinsFitFirst(t *testing.T) {
	b := example()
	b.Channels = nil
	for i := range uint32(400) {
		c := example().Channels[0]
		c.KeyIndex, c.Capacity = i, amount.Satoshi(1000+(i*37)%400)
		b.Channels = append(b.Channels, c)
	}
	if _, err := Seal(key, nonce, &b, PeerStorageSize); !errors.Is(err, ErrTooLong) {
		t.Fatal(err)
	}
	got, left := b.Fit(PeerStorageSize - Overhead)
	if left == 0 || left+len(got.Channels) != 400 || left > 300 {
		t.Fatalf("%d are left out, %d fit", left, len(got.Channels))
	}
	least, most, have := amount.Satoshi(1<<62), amount.Satoshi(0), map[uint32]bool{}
	for i, c := range got.Channels {
		least, have[c.KeyIndex] = min(least, c.Capacity), true
		if i > 0 && got.Channels[i-1].KeyIndex > c.KeyIndex {
			t.Error("they are not in order")
		}
	}
	for _, c := range b.Channels {
		if !have[c.KeyIndex] {
			most = max(most, c.Capacity)
		}
	}
	if most > least {
		t.Errorf("one of %v is left out for one of %v", most, least)
	}
	if n := len(seal(t, got, PeerStorageSize)); n != PeerStorageSize {
		t.Errorf("%d bytes", n)
	}
	if all, left := b.Fit(1 << 20); left != 0 || len(all.Channels) != 400 {
		t.Errorf("%d are left out where all fit", left)
	}
}

func TestAChannelComesBackAsOneThatLostItsState(t *testing.T) {
	b := tokened()
	b.Channels[1].LocalScript = []byte{}
	ours := keysOf(50)
	for i := range b.Channels {
		rows := b.Channels[i].Rows(ours)
		ch, err := channel.Load(rows)
		if err != nil {
			t.Fatal(err)
		}
		if s := ch.Status(); s.Status != channel.Lost || ch.ID() != b.Channels[i].ID() {
			t.Errorf("%v", s)
		}
		back := Of(&rows.Params, &rows.Status, b.Channels[i].Addresses)
		if diff := cmp.Diff(b.Channels[i], back); diff != "" {
			t.Error(diff)
		}
		if rows.Params.LocalKeys != ours {
			t.Error("not our keys")
		}
	}
}

func TestAnyBackupComesBack(t *testing.T) {
	points := make([]wire.Point, 16)
	for i := range points {
		points[i] = point(uint32(i))
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(points)
		b := Backup{
			Node: p.Draw(t, "node"), Counter: rapid.Uint64Range(0, 1<<63-1).Draw(t, "counter"), Birthday: rapid.Uint32().Draw(t, "birthday"),
			NextKey: rapid.Uint32().Draw(t, "next"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "channels") {
			c := Channel{
				Peer: p.Draw(t, "peer"), KeyIndex: rapid.Uint32Range(0, 1<<31-1).Draw(t, "index"),
				Funding:   btcwire.OutPoint{Index: rapid.Uint32Range(0, 65535).Draw(t, "output")},
				Capacity:  amount.Satoshi(rapid.Uint64Range(0, maxMoney).Draw(t, "capacity")),
				Announce:  rapid.Bool().Draw(t, "announce"),
				Addresses: rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,20}:[0-9]{1,5}`), 1, 3).Draw(t, "addresses"),
				RemoteKeys: script.Basepoints{
					Funding: p.Draw(t, "f"), Revocation: p.Draw(t, "r"), Payment: p.Draw(t, "p"), DelayedPayment: p.Draw(t, "d"), HTLC: p.Draw(t, "h"),
				},
				LocalDelay: rapid.Uint16().Draw(t, "delay"), SCID: wire.ShortChannelID(rapid.Uint64().Draw(t, "scid")),
			}
			if rapid.Bool().Draw(t, "with tokens") {
				c.Format, c.Property = script.Tokens, amount.Property(rapid.Uint32Min(1).Draw(t, "property"))
				c.Tokens = amount.Units(rapid.Uint64Range(1, uint64(amount.MaxUnits)).Draw(t, "tokens"))
			}
			b.Channels = append(b.Channels, c)
		}
		sealed, err := Seal(key, nonce, &b, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(key, sealed)
		if diff := cmp.Diff(b, got); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// Whoever has the seed may be given any bytes that are sealed under it.
func FuzzOpen(f *testing.F) {
	b := example()
	f.Add(b.Encode())
	b.Channels = b.Channels[:1]
	f.Add(b.Encode())
	f.Add((&Backup{Node: point(1)}).Encode())
	f.Fuzz(func(t *testing.T, body []byte) {
		Open(key, body) //nolint:errcheck // it does not panic
		got, err := Open(key, sealBody(body, uint32(len(body))))
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		again, err := Decode(got.Encode())
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
		for i := range got.Channels {
			if _, err := channel.Load(got.Channels[i].Rows(keysOf(1))); err != nil {
				t.Fatal(err)
			}
		}
	})
}

//go:build !race

package tlv

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"
)

// digits is bytes as hexadecimal digits.
type digits []byte

func (d *digits) UnmarshalText(text []byte) (err error) {
	*d, err = hex.DecodeString(string(text))
	return err
}

func load(t testing.TB, file string, to any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestBigSizeOfAppendixA(t *testing.T) {
	var v struct {
		Decode []struct {
			Name, Error string
			Bytes       digits
			Value       uint64
		}
		Encode []struct {
			Name  string
			Bytes digits
			Value uint64
		}
	}
	load(t, "bigsize.json", &v)
	for _, v := range v.Decode {
		got, rest, err := BigSize(v.Bytes)
		switch {
		case v.Error == "":
			if err != nil || got != v.Value || len(rest) > 0 {
				t.Errorf("%s: %d, %x, %v", v.Name, got, rest, err)
			}
		case strings.Contains(v.Error, "canonical"):
			if !errors.Is(err, ErrNotCanonical) {
				t.Errorf("%s: %v", v.Name, err)
			}
		case strings.Contains(v.Error, "EOF"):
			if !errors.Is(err, ErrShort) {
				t.Errorf("%s: %v", v.Name, err)
			}
		default:
			t.Errorf("%s: an error that is not known: %s", v.Name, v.Error)
		}
	}
	for _, v := range v.Encode {
		if got := AppendBigSize(nil, v.Value); !bytes.Equal(got, v.Bytes) {
			t.Errorf("%s: %x", v.Name, got)
		}
	}
}

// A namespace reads the value of a type that it knows, and prints it as the
// appendix does.
type namespace map[uint64]func(value []byte) (string, error)

// fixed reads a value of exactly so many bytes.
func fixed(size int, print func(b []byte) (string, error)) func([]byte) (string, error) {
	return func(b []byte) (string, error) {
		if len(b) != size {
			return "", fmt.Errorf("%d bytes, not %d", len(b), size)
		}
		return print(b)
	}
}

// The two namespaces of Appendix B.
var namespaces = map[string]namespace{
	"n1": {
		1: func(b []byte) (string, error) {
			v, err := TU64(b)
			return fmt.Sprintf("tlv1 amount_msat=%d", v), err
		},
		2: fixed(8, func(b []byte) (string, error) {
			v := binary.BigEndian.Uint64(b)
			return fmt.Sprintf("tlv2 scid=%dx%dx%d", v>>40, v>>16&0xffffff, v&0xffff), nil
		}),
		3: fixed(49, func(b []byte) (string, error) {
			_, err := btcec.ParsePubKey(b[:33])
			return fmt.Sprintf("tlv3 node_id=%x amount_msat_1=%d amount_msat_2=%d",
				b[:33], binary.BigEndian.Uint64(b[33:]), binary.BigEndian.Uint64(b[41:])), err
		}),
		254: fixed(2, func(b []byte) (string, error) {
			return fmt.Sprintf("tlv4 cltv_delta=%d", binary.BigEndian.Uint16(b)), nil
		}),
	},
	"n2": {
		0: func(b []byte) (string, error) {
			v, err := TU64(b)
			return fmt.Sprintf("tlv1 amount_msat=%d", v), err
		},
		11: func(b []byte) (string, error) {
			v, err := TU32(b)
			return fmt.Sprintf("tlv2 cltv_expiry=%d", v), err
		},
	},
}

var errUnknownEven = errors.New("unknown even type")

// decode reads a stream as a message of this namespace would.
func (n namespace) decode(b []byte) (values []string, err error) {
	s, err := Decode(b)
	if err != nil {
		return nil, err
	}
	for _, r := range s {
		read, known := n[r.Type]
		switch {
		case known:
			v, err := read(r.Value)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		case r.Type%2 == 0:
			return nil, errUnknownEven
		}
	}
	return values, nil
}

type streamVector struct {
	Namespaces  []string
	Valid       bool
	Stream      digits
	Why, Values string
}

func loadStreams(t testing.TB) []streamVector {
	var v struct{ Streams []streamVector }
	load(t, "streams.json", &v)
	return v.Streams
}

func TestStreamsOfAppendixB(t *testing.T) {
	for _, v := range loadStreams(t) {
		for _, name := range v.Namespaces {
			values, err := namespaces[name].decode(v.Stream)
			if (err == nil) != v.Valid {
				t.Errorf("%s: %x: %v, want %s", name, v.Stream, err, v.Why)
			}
			if v.Values != "" && !slices.Equal(values, []string{v.Values}) {
				t.Errorf("%s: %x: %q, want %q", name, v.Stream, values, v.Values)
			}
			if errors.Is(err, errUnknownEven) != strings.HasPrefix(v.Why, "unknown even") {
				t.Errorf("%s: %x: %v, want %s", name, v.Stream, err, v.Why)
			}
		}
	}
}

// TestConcatenatedStreams is Appendix B's "TLV Stream Decoding Failure".
func TestConcatenatedStreams(t *testing.T) {
	vectors := loadStreams(t)
	for name, n := range namespaces {
		for _, a := range vectors {
			if !a.Valid || !slices.Contains(a.Namespaces, name) || len(a.Stream) == 0 {
				continue
			}
			for _, b := range vectors {
				if !slices.Contains(b.Namespaces, name) {
					continue
				}
				want := b.Valid
				if b.Valid && len(b.Stream) > 0 {
					first, _, _ := BigSize(a.Stream)
					second, _, _ := BigSize(b.Stream)
					want = second > first
				}
				if _, err := n.decode(slices.Concat(a.Stream, b.Stream)); (err == nil) != want {
					t.Errorf("%s: %x then %x: %v, want valid: %v", name, a.Stream, b.Stream, err, want)
				}
			}
		}
	}
}

func TestTruncatedIntegersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "value")
		b := AppendTU64(nil, v)
		if got, err := TU64(b); err != nil || got != v {
			t.Errorf("%d is read as %d: %v", v, got, err)
		}
		got32, err := TU32(b)
		if fits := v <= math.MaxUint32; (err == nil) != fits || fits && uint64(got32) != v {
			t.Errorf("%d is read as tu32 %d: %v", v, got32, err)
		}
		got16, err := TU16(b)
		if fits := v <= math.MaxUint16; (err == nil) != fits || fits && uint64(got16) != v {
			t.Errorf("%d is read as tu16 %d: %v", v, got16, err)
		}
	})
}

func TestATypeThatIsNotWrittenInItsShortestFormIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{"type": {0xfd, 0, 1, 0}, "length": {1, 0xfd, 0, 1, 7}} {
		if s, err := Decode(b); !errors.Is(err, ErrNotCanonical) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestGetFindsARecord(t *testing.T) {
	s := Stream{{Type: 1, Value: []byte{5}}, {Type: 3}}
	if v, ok := s.Get(1); !ok || !bytes.Equal(v, []byte{5}) {
		t.Errorf("%x, %v", v, ok)
	}
	if v, ok := s.Get(3); !ok || len(v) > 0 {
		t.Errorf("%x, %v", v, ok)
	}
	if _, ok := s.Get(2); ok {
		t.Error("a record that is not there")
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range loadStreams(f) {
		f.Add([]byte(v.Stream))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		if got := s.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%x comes back as %x", b, got)
		}
	})
}

func FuzzBigSize(f *testing.F) {
	f.Add([]byte{0xfd, 0, 0xfd, 1})
	f.Add([]byte{0xff, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := BigSize(b)
		if err != nil {
			return
		}
		if got := append(AppendBigSize(nil, v), rest...); !bytes.Equal(got, b) {
			t.Errorf("%x comes back as %x", b, got)
		}
	})
}

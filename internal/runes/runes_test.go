//go:build !race

package runes

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// object makes parameters by name of "a=1,b=2".
func object(t *testing.T, fields []string) Params {
	t.Helper()
	p := Params{ByName: map[string]json.RawMessage{}}
	for _, f := range fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			t.Fatalf("%q", f)
		}
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		p.ByName[name] = raw
	}
	return p
}

// asParams are restrictions whose fields are parameters' names.
func asParams(r *Rune) (out []Restriction) {
	for _, x := range r.Restrictions() {
		var y Restriction
		for _, a := range x {
			a.Field = "pname" + a.Field
			y = append(y, a)
		}
		out = append(out, y)
	}
	return out
}

func TestVectorsOfTheFormat(t *testing.T) {
	raw, err := os.ReadFile("testdata/runes.csv")
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 16)
	var last *Rune
	seen := map[string]int{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, ",")
		seen[f[0]]++
		switch f[0] {
		case "VALID":
			if last, err = Decode(f[3]); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if last.String() != f[2] || last.Encode() != f[3] || !last.AuthorizedBy(secret) {
				t.Errorf("%s: %s, %s, ours %v", line, last, last.Encode(), last.AuthorizedBy(secret))
			}
			if want := strings.Join(f[4:], "-"); last.UniqueID() != want {
				t.Errorf("%s: the number is %q", line, last.UniqueID())
			}
		case "PASS", "FAIL":
			c := &Call{Params: object(t, f[1:])}
			var err error
			for _, x := range asParams(last) {
				if err == nil {
					err = x.Check(c)
				}
			}
			if (err == nil) != (f[0] == "PASS") {
				t.Errorf("%s of %s: %v", line, last, err)
			}
		case "MALFORMED":
			if r, err := Decode(f[3]); err == nil {
				t.Errorf("%s: read as %s", line, r)
			}
		case "BAD DERIVATION":
			if r, err := Decode(f[3]); err != nil || r.AuthorizedBy(secret) {
				t.Errorf("%s: %v", line, err)
			}
		default:
			t.Fatalf("%q", line)
		}
	}
	if seen["VALID"] < 15 || seen["PASS"] < 40 || seen["FAIL"] < 40 || seen["MALFORMED"] < 25 || seen["BAD DERIVATION"] != 2 {
		t.Errorf("%v", seen)
	}
}

func restrictions(t testing.TB, texts [][]string) (out []Restriction) {
	t.Helper()
	for _, alts := range texts {
		var x Restriction
		for _, text := range alts {
			a, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			x = append(x, a)
		}
		out = append(out, x)
	}
	return out
}

func TestCoreLightningsRunesAreMadeAndRead(t *testing.T) {
	raw, err := os.ReadFile("testdata/cln.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Secret string
		Runes  []struct {
			ID           uint64
			Restrictions [][]string
			Rune         string
		}
		Others, Numberless, Unreadable []string
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(v.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Runes {
		r := New(secret, c.ID)
		for _, x := range restrictions(t, c.Restrictions) {
			if err := r.Restrict(x); err != nil {
				t.Fatal(err)
			}
		}
		if r.Encode() != c.Rune {
			t.Errorf("%d %v: %s, want %s", c.ID, c.Restrictions, r.Encode(), c.Rune)
		}
		got, err := Decode(c.Rune)
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := got.ID(); !ok || id != c.ID || !got.AuthorizedBy(secret) || len(got.Restrictions()) != len(c.Restrictions) {
			t.Errorf("%s: number %d, %v", got, id, got.AuthorizedBy(secret))
		}
	}
	for _, text := range v.Others {
		if r, err := Decode(text); err != nil || r.AuthorizedBy(secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range v.Numberless {
		r, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := r.ID(); ok {
			t.Errorf("%s has number %d", r, id)
		}
	}
	for _, text := range v.Unreadable {
		if r, err := Decode(text); err == nil {
			t.Errorf("read as %s", r)
		}
	}
}

func TestARestrictionCannotBeTakenAway(t *testing.T) {
	secret := []byte("the secret of a node")
	free := New(secret, 3)
	bound := free.Clone()
	if err := bound.Restrict(restrictions(t, [][]string{{"method=listpeers"}})[0]); err != nil {
		t.Fatal(err)
	}
	forged := bound.Clone()
	forged.restrictions = forged.restrictions[:1]
	if forged.AuthorizedBy(secret) || !bound.AuthorizedBy(secret) || !free.AuthorizedBy(secret) {
		t.Error("a rune's restriction was taken away")
	}
	if len(free.Restrictions()) != 0 || len(bound.Restrictions()) != 1 {
		t.Error("a copy is not on its own")
	}
	forged = bound.Clone()
	forged.restrictions = []Restriction{{{Op: Equal, Value: "4"}}, forged.restrictions[1]}
	if forged.AuthorizedBy(secret) {
		t.Error("a rune has another's number")
	}
}

func TestWhatIsNoRestrictionIsRefused(t *testing.T) {
	for _, op := range "!=/^$~<>{}#," {
		if a, err := Parse(string(op) + "method"); !errors.Is(err, ErrRestriction) {
			t.Errorf("%v, %v", a, err)
		}
	}
	for _, text := range []string{"", "method", "meth.od=1", "a=\xff", "\xff=a"} {
		if a, err := Parse(text); !errors.Is(err, ErrRestriction) {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
	r := New(nil, 0)
	for _, x := range []Restriction{nil, {}, {{Field: "", Op: Equal, Value: "7"}}, {{Field: "a", Op: '.', Value: "7"}}, {{Field: "a=", Op: Equal}}} {
		if err := r.Restrict(x); !errors.Is(err, ErrRestriction) {
			t.Errorf("%v: %v", x, err)
		}
	}
}

func TestAnyRuneIsReadBack(t *testing.T) {
	secret := []byte{1, 2, 3}
	rapid.Check(t, func(t *rapid.T) {
		r := New(secret, rapid.Uint64Range(0, 1<<63-1).Draw(t, "id"))
		for range rapid.IntRange(0, 4).Draw(t, "restrictions") {
			x := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Alternative {
				return Alternative{
					Field: rapid.StringMatching(`[a-zé_0-9]{1,60}`).Draw(t, "field"),
					Op:    operators[rapid.IntRange(0, len(operators)-1).Draw(t, "op")],
					Value: rapid.StringOf(rapid.RuneFrom([]rune(`a|&\=é `))).Draw(t, "value"),
				}
			}), 1, 3).Draw(t, "alternatives")
			if err := r.Restrict(x); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Decode(r.Encode())
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		if got.String() != r.String() || !got.AuthorizedBy(secret) {
			t.Fatalf("%s became %s", r, got)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef=0&method^list|method=get&pnamea\\|b/c"))
	f.Add([]byte("0123456789abcdef0123456789abcdef"))
	f.Add([]byte("0123456789abcdef0123456789abcdef=1-2&a#\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(base64.URLEncoding.EncodeToString(b))
		if err != nil {
			return
		}
		again, err := Decode(r.Encode())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q became %v: %v", b, again, err)
		}
		if r.AuthorizedBy([]byte("nobody's")) {
			t.Fatalf("%q is authorized", b)
		}
		_ = r.Check(&Call{})
		_ = r.HasRate()
	})
}

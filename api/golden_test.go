package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// call is one line of a golden file.
type call struct {
	What   string          `json:"what"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *command.Error  `json:"error,omitempty"`
}

// masks are what a scene cannot fix, in the order in which they are replaced: keys and
// what is made of them, addresses of this run, and the time.
var masks = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`lnbcrt[0-9a-z]{50,}`), "<bolt11>"},
	{regexp.MustCompile(`ob(o|to|ort)([0-9]+:[0-9]+[mun]?)1[0-9a-z]{50,}`), "<ob$1$2>"},
	{regexp.MustCompile(`bcrt1[0-9a-z]{20,}`), "<address>"},
	{regexp.MustCompile(`\b2[MN][1-9A-HJ-NP-Za-km-z]{33}\b`), "<address>"},
	{regexp.MustCompile(`cHNidP8[0-9A-Za-z+/=]+`), "<psbt>"},
	{regexp.MustCompile(`[0-9a-f]{32,}`), "<hex>"},
	{regexp.MustCompile(`"zbase":"[a-z0-9]{50,}"`), `"zbase":"<zbase32>"`},
	{regexp.MustCompile(`whsec_[0-9A-Za-z+/=]+`), "<webhook secret>"},
	{regexp.MustCompile(`"[0-9A-Za-z_-]{43,}={0,2}"`), `"<rune>"`},
	{regexp.MustCompile(`"recid":"0[0-3]"`), `"recid":"<recid>"`},
	{regexp.MustCompile(`[0-9]+x[0-9]+x[0-9]+`), "<scid>"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "<host>"},
	{regexp.MustCompile(`"port":[0-9]+`), `"port":"<port>"`},
	{regexp.MustCompile(`/[^" ]*/Test[^" ]*`), "<folder>"},
	{regexp.MustCompile(`"1[789][0-9]{8}\.[0-9]+"`), `"<time>"`},
	{regexp.MustCompile(`\b1[789][0-9]{8}(\.[0-9]+)?\b`), `"<time>"`},
	{regexp.MustCompile(`"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"`), `"<time>"`},
	{regexp.MustCompile(`"(bytes|bytes_used|num_skipped|age_in_seconds|duration_in_seconds|connected_seconds|counted_seconds|number)":[0-9]+`), `"$1":"<number>"`},
	{regexp.MustCompile(`"(erring_)?direction":[01]`), `"${1}direction":"<direction>"`},
	{regexp.MustCompile(`"channel_flags":[0-3]`), `"channel_flags":"<flags>"`},
	{regexp.MustCompile(`"txindex":[1-9][0-9]*`), `"txindex":"<place>"`}, // of two channels opened at once
	{regexp.MustCompile(`<scid>/[01]`), "<scid>/<direction>"},
}

func masked(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("%v: %v", err, v))
	}
	return maskText(bytes.TrimSpace(b.Bytes()))
}

func maskText(text []byte) []byte {
	for _, m := range masks {
		text = m.what.ReplaceAll(text, []byte(m.by))
	}
	return text
}

// fitting are values of the types of parameters.
var fitting = map[string]any{
	"a string": "x", "an integer": 1, "a number": 1, "true or false": true, "64 hexadecimal digits": hashOf(1),
	"a node id (66 hexadecimal digits)": nowhere,
	"an array":                          []any{}, "an object": named{}, "an array or an object": []any{}, "hexadecimal digits": "00",
	"an amount (msat, or with the suffix msat, sat or btc)": 1000, "an amount (msat, or with the suffix msat, sat or btc) or \"any\"": 1000,
	"a short_channel_id (BLOCKxTXxOUTPUT)": "1x1x1", "a short_channel_id with / and the direction": "1x1x1/0",
	"true or false, a short_channel_id, or an array of them": "1x1x1",
	"a string, or an array of strings":                       []string{"x"}, "a PSBT in base64": "cHNidP8BADMCAAAAAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAAAAAAD/////AAAAAAAAAA==",
	`an object, an array of them, or "announced"`:                                                   named{"id": nowhere, "property_id": 3, "sell": named{"msat": 1000, "units": 1}},
	"an array of two feerates, the least and the most":                                              []string{"slow", "urgent"},
	"slow, normal, urgent, minimum, a number with blocks, perkw or perkb, or a name of feerates":    "slow",
	"readonly, or an array of restrictions, each an array of alternatives":                          "readonly",
	"kinds with commas between them: invoice, payment, forward, channel":                            "invoice",
	"expiredinvoices, paidinvoices, succeededforwards, failedforwards, succeededpays or failedpays": "paidinvoices",
}

// with gives a command a value for a parameter, and what fits for those that it needs
// before that one.
func with(c *command.Command, i int, value any) named {
	params := named{}
	for _, p := range c.Params[:i] {
		if !p.Optional {
			params[p.Name] = fitting[p.Type]
		}
	}
	params[c.Params[i].Name] = value
	return params
}

func plain(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEachParameterTakesWhatItSaysThatItTakes(t *testing.T) {
	table := api.Table()
	for i := range table {
		c := &table[i]
		for i, p := range c.Params {
			value, known := fitting[p.Type]
			if p.Refused || !known {
				if !p.Refused {
					t.Errorf("%s: nothing is known that is %s", p.Name, p.Type)
				}
				continue
			}
			var e *command.Error
			if err := c.Check(plain(t, with(c, i, value))); errors.As(err, &e) && !strings.HasPrefix(e.Message, "missing required parameter") {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
}

// wrongCalls are what no command may take. They are checked, not given, so that one that
// passes does nothing.
func wrongCalls(t *testing.T, c *command.Command) (out []call) {
	t.Helper()
	try := func(what string, raw json.RawMessage) (refusal string) {
		var e *command.Error
		if err := c.Check(raw); errors.As(err, &e) {
			out = append(out, call{What: what, Params: masked(raw), Error: &command.Error{Code: e.Code, Message: string(maskText([]byte(e.Message)))}})
			return e.Message
		}
		return ""
	}
	if len(c.Params) > 0 && !c.Params[0].Optional {
		try("too few", json.RawMessage("[]"))
	}
	try("too many", plain(t, make([]any, len(c.Params)+1)))
	try("unknown names", json.RawMessage(`{"no_such_parameter":1}`))
	try("neither array nor object", json.RawMessage(`"x"`))
	for i, p := range c.Params {
		for what, wrong := range map[string]any{
			"an object for ": named{"a": 1}, "a negative number for ": -1, "a word for ": "~", "a number beyond all for ": json.Number("99999999999999999999999"),
		} {
			if got := try(what+p.Name, plain(t, with(c, i, wrong))); got != "" && !strings.HasPrefix(got, p.Name) && !strings.HasPrefix(got, "missing required parameter") {
				t.Errorf("%s: %s%s is refused for something else: %s", c.Name, what, p.Name, got)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b call) int { return strings.Compare(a.What, b.What) })
	return out
}

// For each command a file has its answers, right and wrong, and none is without a right
// one. What is different in each run is masked: see masks.
func TestEachCommandAnswersAsItsGoldenFileSays(t *testing.T) {
	if race.Enabled {
		t.Log("one call after another: nothing for the race detector, which takes a minute for them")
		return
	}
	s := &scene{T: t, network: line(t), files: map[string][]call{}}
	s.play()
	table := api.Table()
	for i := range table {
		c := &table[i]
		if !slices.ContainsFunc(s.files[c.Name], func(l call) bool { return l.Error == nil }) {
			t.Errorf("%s has no right call in the scene", c.Name)
		}
		var b bytes.Buffer
		for _, line := range append(s.files[c.Name], wrongCalls(t, c)...) {
			b.Write(masked(line))
			b.WriteByte('\n')
		}
		path := filepath.Join("testdata", "golden", c.Name+".jsonl")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil { //nolint:gosec // a file of the source tree
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s has no golden file: go test ./api -run Golden -update", c.Name)
			continue
		}
		got := strings.Split(b.String(), "\n")
		for i, line := range strings.Split(string(want), "\n") {
			if i >= len(got) || got[i] != line {
				t.Errorf("%s, line %d: %s\nwant %s", path, i+1, got[min(i, len(got)-1)], line)
				break
			}
		}
	}
}

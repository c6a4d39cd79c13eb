package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

// fact is what Core Lightning 26.06's reference says of a command: its parameters by
// position, those with a question mark may be left out; the fields of its result and their
// JSON types, those with a question mark are not always there; its error codes.
//
// testdata/corelightning.jsonl has them from doc/schemas/*.json of
// github.com/ElementsProject/lightning, commit 090f4b0e6, without developers' parameters
// and what is deprecated there. The parameters of fundchannel stand as that program reads
// them by position, in plugins/spender/fundchannel.c.
type fact struct {
	Command    string
	Parameters []string
	Result     map[string]string
	Codes      []command.Code
}

func reference(t *testing.T) (out []fact) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "corelightning.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(raw)); d.More(); {
		var f fact
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// resultTypes are the fields of a result by their paths, with their JSON types; any: a type
// that writes itself.
func resultTypes(s command.Schema, path string, into map[string]string) {
	if items, ok := s["items"].(command.Schema); ok {
		if kind, ok := items["type"].(string); ok {
			into[path+"[]"] = kind
		}
		resultTypes(items, path+"[]", into)
	}
	if _, open := s["additionalProperties"]; open {
		into[path+".*"] = "any"
	}
	properties, _ := s["properties"].(command.Schema)
	for name, sub := range properties {
		at := name
		if path != "" {
			at = path + "." + name
		}
		kind, ok := sub.(command.Schema)["type"].(string)
		if !ok {
			kind = "any"
		}
		into[at] = kind
		resultTypes(sub.(command.Schema), at, into)
	}
}

// difference is where a command is not as the reference says.
type difference struct{ command, what string }

// differences compares the table with the reference.
func differences(facts []fact) map[difference]bool {
	out := map[difference]bool{}
	for _, f := range facts {
		differs := func(format string, args ...any) { out[difference{f.Command, fmt.Sprintf(format, args...)}] = true }
		c, ok := api.Find(f.Command)
		if !ok {
			differs("is not there")
			continue
		}
		for i, p := range f.Parameters {
			name, optional := strings.CutSuffix(p, "?")
			switch {
			case i >= len(c.Params) || c.Params[i].Name != name:
				differs("parameter %s", name)
			case c.Params[i].Refused:
				differs("parameter %s refused", name)
			case c.Params[i].Optional && !optional:
				differs("parameter %s optional", name)
			case !c.Params[i].Optional && optional:
				differs("parameter %s required", name)
			}
		}
		for _, p := range c.Params[min(len(f.Parameters), len(c.Params)):] {
			if !p.Optional {
				differs("parameter %s required", p.Name)
			}
		}
		has := map[string]string{}
		resultTypes(c.ResultSchema(), "", has)
		for field, kind := range f.Result {
			kind, _ = strings.CutSuffix(kind, "?")
			above := field[:max(strings.LastIndexByte(field, '.'), 0)]
			ours, ok := has[field]
			if _, open := has[above+".*"]; !ok && open {
				ours, ok = "any", true // it has names of all kinds
			}
			switch within := strings.TrimRight(above, "[]"); {
			case !ok && has[within] == "" && f.Result[within] != "": // said of what holds it
			case !ok:
				differs("field %s", field)
			case ours != kind && ours != "any" && kind != "any" && (ours != "integer" || kind != "number"):
				differs("field %s is %s, not %s", field, ours, kind)
			}
		}
		for _, code := range f.Codes {
			if code != command.InvalidParams && !slices.Contains(c.Errors, code) {
				differs("code %d", int(code))
			}
		}
	}
	return out
}

// differing is one row of a table in docs/corelightning.md: where a command differs, and why.
var differing = regexp.MustCompile("(?m)^\\| ((?:`[a-z-]+`(?:, )?)+) \\| ((?:`[^`]+`(?:, )?)+) \\| (.+) \\|$")

// Where a command is not as Core Lightning's reference says docs/corelightning.md says so,
// and why. A star stands for the rest of a name.
func TestEachDifferenceFromCoreLightningIsOnItsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "corelightning.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := differences(reference(t))
	left := maps.Clone(found)
	for _, row := range differing.FindAllStringSubmatch(string(page), -1) {
		for _, name := range strings.Split(row[1], ", ") {
			for _, what := range strings.Split(row[2], ", ") {
				name, what := strings.Trim(name, "`"), strings.Trim(what, "`")
				used := false
				for d := range found {
					prefix, many := strings.CutSuffix(what, "*")
					if d.command == name && (d.what == what || many && strings.HasPrefix(d.what, prefix)) {
						used = true
						delete(left, d)
					}
				}
				if !used {
					t.Errorf("the page says that %s differs: %s; it does not", name, what)
				}
			}
		}
	}
	for _, d := range slices.SortedFunc(maps.Keys(left), func(a, b difference) int { return strings.Compare(a.command+a.what, b.command+b.what) }) {
		t.Errorf("%s: %s: the page does not say so", d.command, d.what)
	}
}

// maskedValue is what a golden file has for what is different in each run.
var maskedValue = regexp.MustCompile(`^<[a-z0-9 $_]+>$`)

func jsonType(v any) string {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".e") {
			return "number"
		}
		return "integer"
	case string:
		if maskedValue.MatchString(v) {
			return "any" // a number or a string
		}
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return reflect.TypeOf(v).String()
}

// answer compares a result with the reference. Shown gets the fields that it has.
func (f *fact) answer(v any, path string, shown map[string]bool, wrong func(format string, args ...any)) {
	if want, ok := f.Result[path]; ok {
		shown[path] = true
		want, _ = strings.CutSuffix(want, "?")
		if got := jsonType(v); want != "any" && got != "any" && got != want && (want != "number" || got != "integer") {
			wrong("%s is %s, not %s", path, got, want)
		}
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			f.answer(e, path+"[]", shown, wrong)
		}
	case map[string]any:
		if path != "" {
			path += "."
		}
		for name, e := range v {
			f.answer(e, path+name, shown, wrong)
		}
		for field, kind := range f.Result {
			rest, inside := strings.CutPrefix(field, path)
			if !inside || strings.ContainsAny(rest, ".[") || strings.HasSuffix(kind, "?") {
				continue
			}
			if _, ok := v[rest]; !ok && rest != "" {
				wrong("%s is not there", field)
			}
		}
	}
}

// Each answer in the golden files has the fields of the reference that are always there, of
// their types; and each of those is in one.
func TestTheGoldenFilesAreAsCoreLightningsReferenceSays(t *testing.T) {
	for _, f := range reference(t) {
		file, err := os.Open(filepath.Join("testdata", "golden", f.Command+".jsonl"))
		if err != nil {
			t.Error(err)
			continue
		}
		shown := map[string]bool{}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var line struct {
				Params json.RawMessage
				Result any
			}
			d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
			d.UseNumber()
			if err := d.Decode(&line); err != nil {
				t.Fatal(err)
			}
			if line.Result != nil {
				f.answer(line.Result, "", shown, func(format string, args ...any) {
					t.Errorf("%s %s: %s", f.Command, line.Params, fmt.Sprintf(format, args...))
				})
			}
		}
		for field, kind := range f.Result {
			if !strings.HasSuffix(kind, "?") && !shown[field] {
				t.Errorf("%s: no golden answer has %s", f.Command, field)
			}
		}
		_ = file.Close()
	}
}

package command

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const filterable = `{"b":1,"a":"x","list":[{"n":1,"m":2},{"m":3}],"in":{"deep":{"er":[1,2]},"other":null},"empty":[]}`

func filtered(t testing.TB, template, result string) (string, error) {
	t.Helper()
	f, err := ParseFilter(json.RawMessage(template))
	if err != nil {
		return "", err
	}
	out, err := f.Apply(json.RawMessage(result))
	return string(out), err
}

func TestAFilterGivesWhatItNamesInTheOrderOfTheResult(t *testing.T) {
	for template, want := range map[string]string{
		``: filterable, `null`: filterable,
		`{}`:                            `{}`,
		`{"nothing":true}`:              `{}`,
		`{"a":true,"b":true}`:           `{"b":1,"a":"x"}`,
		`{"list":[{"n":true}]}`:         `{"list":[{"n":1},{}]}`,
		`{"list":true}`:                 `{"list":[{"n":1,"m":2},{"m":3}]}`,
		`{"list":[true]}`:               `{"list":[{"n":1,"m":2},{"m":3}]}`,
		`{"in":{"deep":{"er":[true]}}}`: `{"in":{"deep":{"er":[1,2]}}}`,
		`{"in":{"other":true}}`:         `{"in":{"other":null}}`,
		`{"empty":[{"x":true}]}`:        `{"empty":[]}`,
		// What is of another kind is left out, and said.
		`{"list":{"n":true}}`:               `{"warning_parameter_filter":".list is an array"}`,
		`{"in":[true],"b":true}`:            `{"b":1,"warning_parameter_filter":".in is an object"}`,
		`{"list":[[true]],"a":true}`:        `{"a":"x","list":[],"warning_parameter_filter":".list[] is an object"}`,
		`{"in":{"deep":{"er":{"x":true}}}}`: `{"in":{"deep":{}},"warning_parameter_filter":".in.deep.er is an array"}`,
	} {
		if got, err := filtered(t, template, filterable); err != nil || got != want {
			t.Errorf("%s: %s, %v\nwant %s", template, got, err, want)
		}
	}
}

func TestWhatIsNoFilterIsRefused(t *testing.T) {
	for _, template := range []string{
		`true`, `[]`, `"a"`, `7`, `{"a":false}`, `{"a":1}`, `{"a":"true"}`, `{"a":null}`, `{"a":[]}`, `{"a":[true,true]}`, `{"a":`,
		strings.Repeat(`{"a":`, 17) + `true` + strings.Repeat(`}`, 17),
	} {
		var e *Error
		if got, err := filtered(t, template, filterable); !errors.As(err, &e) || e.Code != InvalidParams {
			t.Errorf("%s: %s, %v", template, got, err)
		}
	}
}

// Whatever the filter, what is left is JSON and no longer than what there was, but for
// the warning.
func FuzzFilter(f *testing.F) {
	f.Add(`{"list":[{"n":true}]}`, filterable)
	f.Add(`{"a":[{"b":true}]}`, `{"a":{"b":1}}`)
	f.Fuzz(func(t *testing.T, template, result string) {
		if !json.Valid([]byte(result)) {
			return
		}
		got, err := filtered(t, template, result)
		if err != nil {
			return
		}
		if got != "" && !json.Valid([]byte(got)) {
			t.Fatalf("%q of %q is %q", template, result, got)
		}
	})
}

package command

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// order is a request with every kind of parameter.
type order struct {
	Amount       amount.OrAny   `json:"amount_msat" alias:"msatoshi"`
	Label        string         `json:"label"`
	Description  string         `json:"description"`
	Expiry       *uint64        `json:"expiry"`
	Fallbacks    *[]string      `json:"fallbacks"`
	Preimage     *wire.Preimage `json:"preimage"`
	Private      *bool          `json:"exposeprivatechannels"`
	CLTV         *uint32        `json:"cltv"`
	DescHashOnly *bool          `json:"deschashonly"`
}

func bound(raw string) (order, error) {
	var r order
	err := bind(paramsOf(reflect.TypeFor[order]()), json.RawMessage(raw), reflect.ValueOf(&r).Elem())
	return r, err
}

func TestParametersByPositionAndByNameAreTheSame(t *testing.T) {
	for _, raw := range []string{
		`[25000, "tea", "one tea", 60]`,
		`["25sat", "tea", "one tea", "60", null, null]`,
		`{"amount_msat": 25000, "label": "tea", "description": "one tea", "expiry": 60}`,
		`{"msatoshi": "25000msat", "label": "tea", "description": "one tea", "expiry": "60"}`,
	} {
		r, err := bound(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if r.Amount != (amount.OrAny{Msat: 25_000}) || r.Label != "tea" || r.Description != "one tea" || r.Expiry == nil || *r.Expiry != 60 || r.Preimage != nil {
			t.Errorf("%s gave %+v", raw, r)
		}
	}
	if r, err := bound(`["any", 7, "a label may be a number"]`); err != nil || !r.Amount.Any || r.Label != "7" {
		t.Errorf("any: %+v, %v", r, err)
	}
}

func TestWrongParametersAreRefused(t *testing.T) {
	for raw, want := range map[string]string{
		`[1, "a"]`:                                         "missing required parameter: description",
		`{"label": "a", "description": "b"}`:               "missing required parameter: amount_msat",
		`[1, "a", "b", 1, null, null, 1, 1, 1, 1]`:         "too many parameters",
		`{"amount": 1}`:                                    "unknown parameter: amount",
		`{"msatoshi": 1, "amount_msat": 1}`:                "given twice",
		`[1, "a", "b", -1]`:                                "expiry: should be an integer",
		`[1, "a", "b", 18446744073709551616]`:              "expiry: should be an integer",
		`[1, "a", "b", 1.5]`:                               "expiry: should be an integer",
		`[-1, "a", "b"]`:                                   "amount_msat: should be",
		`[1, ["a"], "b"]`:                                  "label: should be a string",
		`[1, "a", "b", 1, "bcrt1q"]`:                       "fallbacks: should be an array",
		`[1, "a", "b", 1, [], "00"]`:                       "preimage: should be 64 hexadecimal digits",
		`[1, "a", "b", 1, null, null, "maybe"]`:            "exposeprivatechannels: should be true or false",
		`[1, "a", "b", 1, null, null, true, 9, "perhaps"]`: "deschashonly: should be true or false",
		`"text"`: "params must be",
		`7`:      "params must be",
	} {
		_, err := bound(raw)
		e, ok := err.(*Error)
		if !ok || e.Code != InvalidParams || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

func TestALongValueIsNotRepeatedInItsRefusal(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, raw := range []string{
		`[1, "a", "b", "` + long + `"]`,
		`["` + long + `", "a", "b"]`, // of which the type's own error has it too
		`{"` + long + `": 1}`,
		`[1, "a", "b", 1, "` + long + `"]`,
		`[1, "a", "b", 1, [1` + strings.Repeat("0", 100_000) + `]]`,
	} {
		if _, err := bound(raw); err == nil || len(err.Error()) > 500 {
			t.Errorf("%.40s: the refusal has %d bytes", raw, len(err.Error()))
		}
	}
}

func TestARefusalSaysWhatIsWrongInAnArrayAndNotHowTheCodeCallsIt(t *testing.T) {
	type hop struct {
		ID     string `json:"id"`
		Amount uint32 `json:"amount_msat"`
	}
	type request struct {
		Route *[]hop    `json:"route"`
		Words *[]string `json:"words"`
		Bytes *HexBytes `json:"bytes"`
	}
	for raw, want := range map[string]string{
		`{"route": 7}`:                     `route: should be an array: invalid token '7'`,
		`{"route": [7]}`:                   `route: should be an array: invalid token '[7]' (no element can be: number)`,
		`{"route": [{"id": 7}]}`:           `route: should be an array: invalid token '[{"id": 7}]' (id cannot be: number)`,
		`{"route": [{"amount_msat": -1}]}`: `route: should be an array: invalid token '[{"amount_msat": -1}]' (amount_msat cannot be: number)`,
		`{"words": ["a", {}]}`:             `words: should be an array: invalid token '["a", {}]' (no element can be: object)`,
		`{"words": {}}`:                    `words: should be an array: invalid token '{}'`,
		`{"bytes": "0"}`:                   `bytes: should be hexadecimal digits: invalid token '"0"' (not pairs of hexadecimal digits)`,
	} {
		var r request
		err := bind(paramsOf(reflect.TypeFor[request]()), json.RawMessage(raw), reflect.ValueOf(&r).Elem())
		if e, ok := err.(*Error); !ok || e.Message != want {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
}

func FuzzBind(f *testing.F) {
	f.Add(`[1,"a","b"]`)
	f.Add(`{"amount_msat":"any","label":1}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if r, err := bound(raw); err == nil && r.Label == "" && !strings.Contains(raw, `""`) {
			t.Errorf("%q was taken without a label", raw)
		}
	})
}

func TestAFeeRateIsANameATargetOrANumber(t *testing.T) {
	for text, want := range map[string]FeeRate{
		"slow": {blocks: 100}, "normal": {blocks: 6}, "urgent": {blocks: 2}, "minimum": {perKw: 253}, "12blocks": {blocks: 12}, "0blocks": {blocks: 1},
		"253perkw": {perKw: 253}, "1012perkb": {perKw: 253}, "1012": {perKw: 253}, "1000perkb": {perKw: 253}, "1000": {perKw: 253}, "opening": {blocks: 6}, "mutual_close": {blocks: 6},
		"unilateral_close": {commitment: true}, "penalty": {blocks: 2},
	} {
		var got FeeRate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fast", "blocks", "-1blocks", "65536blocks", "252perkw", "996perkb", "1.5perkb", "-1", "99999999999"} {
		if err := new(FeeRate).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestAFeeRangeIsTwoFeeRates(t *testing.T) {
	want := FeeRange{{perKw: 500}, {blocks: 100}}
	for _, text := range []string{`[2000,"slow"]`, `["500perkw","slow"]`, `"[2000,\"slow\"]"`} {
		var got FeeRange
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`[]`, `["slow"]`, `["slow","normal","urgent"]`, `[null,null]`, `[{},{}]`, `["slow","fast"]`, `{}`, `"slow"`, `"[[[]"`, `7`} {
		if err := json.Unmarshal([]byte(text), new(FeeRange)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

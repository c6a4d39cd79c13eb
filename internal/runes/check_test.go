//go:build !race

package runes

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

const (
	paid   = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
	anyone = "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql"
	payee  = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
)

func TestConditionsOnACall(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		rune_  [][]string
		method string // "-": none
		peer   string
		params string
		why    string // empty: permitted
	}{
		{nil, "stop", "", "", ""},
		{[][]string{{"method=getinfo"}}, "getinfo", "", "", ""},
		{[][]string{{"method=getinfo"}}, "-", "", "", "method not present"},
		{[][]string{{"method!"}}, "-", "", "", ""},
		{[][]string{{"method!"}}, "", "", "", "method is present"},
		{[][]string{{"method/getinfo"}}, "getinfo", "", "", "method is equal to getinfo"},
		{[][]string{{"method^list", "method^get", "method=summary"}, {"method/listdatastore"}}, "listpays", "", "", ""},
		{[][]string{{"method^list", "method^get", "method=summary"}, {"method/listdatastore"}}, "listdatastore", "", "", "method is equal to listdatastore"},
		{[][]string{{"method^list", "method$info"}}, "pay", "", "", "method does not start with list AND method does not end with info"},
		{[][]string{{"id=02ab"}}, "pay", "02ab", "", ""},
		{[][]string{{"id=02ab"}}, "pay", "", "", "id not present"},
		{[][]string{{"id~ff"}}, "pay", "02ab", "", "id does not contain ff"},
		{[][]string{{"id!"}}, "pay", "02ab", "", "id is present"},
		{[][]string{{"time<1700000001"}}, "pay", "", "", ""},
		{[][]string{{"time<1700000000"}}, "pay", "", "", "time is greater or equal to 1700000000"},
		{[][]string{{"time>1700000000"}}, "pay", "", "", "time is less or equal to 1700000000"},
		{[][]string{{"time<soon"}}, "pay", "", "", `the rune asks to compare with "soon", which is not an integer`},
		{[][]string{{"pnum=1"}}, "pay", "", `["xxx", 12000]`, "number of parameters is not equal to 1"},
		{[][]string{{"pnum=1"}}, "pay", "", `{"bolt11": "xxx", "amount_msat": 17}`, "number of parameters is not equal to 1"},
		{[][]string{{"pnum<2"}}, "pay", "", `["xxx"]`, ""},
		{[][]string{{"parr1=17"}}, "pay", "", `["xxx", 17]`, ""},
		{[][]string{{"parr1=17"}}, "pay", "", `["xxx", "17"]`, ""},
		{[][]string{{"parr1=17"}}, "pay", "", `["xxx", 12000]`, "parameter #1 is not equal to 17"},
		{[][]string{{"parr1=17"}}, "pay", "", `{"amount_msat": 17}`, "parameter #1 not present"},
		{[][]string{{"parr1!"}}, "pay", "", `["xxx"]`, ""},
		{[][]string{{"parr1!"}}, "pay", "", `["xxx", null]`, ""},
		{[][]string{{"pnameamount!"}}, "pay", "", `{"amount": null}`, ""},
		{[][]string{{"pnameamount/7"}}, "pay", "", `{"amount": null}`, "parameter amount not present"},
		{[][]string{{"parrx!"}}, "pay", "", "", "parrx: parr is followed by the number of a parameter"},
		{[][]string{{"pnameamount_msat<10000"}}, "pay", "", `{"bolt11": "x"}`, "parameter amount_msat not present"},
		{[][]string{{"pnameamount_msat<10000"}}, "pay", "", `["x", 12000]`, "parameter amount_msat not present"},
		{[][]string{{"pnameamount_msat<10000"}}, "pay", "", `{"amount_msat": "10000sat"}`, "parameter amount_msat is not an integer"},
		{[][]string{{"pnameamount_msat<10000"}}, "pay", "", `{"amount_msat": 1e3}`, "parameter amount_msat is not an integer"},
		{[][]string{{"pnameamount_msat<10000"}}, "pay", "", `{"amount_msat": 12000}`, "parameter amount_msat is greater or equal to 10000"},
		{[][]string{{"pnameamount_msat<10000"}}, "pay", "", `{"amount_msat": 9999}`, ""},
		{[][]string{{"pnameamountmsat<10000"}}, "pay", "", `{"amount_msat": 9999}`, ""},
		{[][]string{{"pnameamountmsat<10000"}}, "pay", "", `{"amount_msat": 10000}`, "parameter amountmsat is greater or equal to 10000"},
		{[][]string{{"pnamed=@tip|me@a.b"}}, "invoice", "", `{"d": "@tip|me@a.b"}`, ""},
		{[][]string{{"pnamed=@tip|me@a.b"}}, "invoice", "", `{"d": "@tip\\|me@a.b"}`, "parameter d is not equal to @tip|me@a.b"},
		{[][]string{{"pnamed{m"}}, "invoice", "", `{"d": "lemon"}`, ""},
		{[][]string{{"pnamed}m"}}, "invoice", "", `{"d": "lemon"}`, "parameter d is the same or ordered before m"},
		{[][]string{{"pnamed{m"}}, "invoice", "", `{"d": "m"}`, "parameter d is the same or ordered after m"},
		{[][]string{{"pinvbolt11_amount=250000000"}}, "pay", "", `{"bolt11": "` + paid + `"}`, ""},
		{[][]string{{"pinvbolt11_amount<250000000"}}, "pay", "", `{"bolt11": "` + paid + `"}`, "invoice parameter bolt11_amount is greater or equal to 250000000"},
		{[][]string{{"pinvbolt11_amount=1"}}, "pay", "", `{"bolt11": "` + anyone + `"}`, "invoice parameter bolt11_amount not present"},
		{[][]string{{"pinvbolt11_amount!"}}, "pay", "", `{"bolt11": "LIGHTNING:` + anyone + `"}`, ""},
		{[][]string{{"pinvbolt11_amount!"}}, "pay", "", `{"bolt11x": "` + anyone + `"}`, "Unknown invoice parameter bolt11"},
		{[][]string{{"pinvbolt11_description=1 cup coffee"}}, "pay", "", `{"bolt11": "` + paid + `"}`, ""},
		{[][]string{{"pinvbolt11_node=" + payee}}, "pay", "", `{"bolt11": "` + paid + `"}`, ""},
		{[][]string{{"pinvbolt11_colour=red"}}, "pay", "", `{"bolt11": "` + paid + `"}`, "invoices have no field colour here: amount, description or node"},
		{[][]string{{"pinvbolt11=red"}}, "pay", "", "", "pinvbolt11: pinv is followed by a parameter's name, _ and a field"},
		{[][]string{{"dream=1"}}, "pay", "", `{"dream": 1}`, "dream not present"},
		{[][]string{{"dream!"}}, "pay", "", "", ""},
		{[][]string{{"pinvx#for my friend"}}, "pay", "", "", ""},
		{[][]string{{"per=soon"}}, "pay", "", "", "per is not a time"},
		{[][]string{{"per=-1sec"}}, "pay", "", "", "per is not a time"},
		{[][]string{{"per=300000day"}}, "pay", "", "", "per is not a time"},
		{[][]string{{"per<1"}}, "pay", "", "", "per takes = alone"},
		{[][]string{{"rate=0"}}, "pay", "", "", "rate is not a number of uses in a minute"},
	} {
		params, err := ParseParams(json.RawMessage(c.params))
		if err != nil {
			t.Fatal(err)
		}
		call := &Call{Now: now, Params: params}
		if c.method != "-" {
			call.Method = &c.method
		}
		if c.peer != "" {
			call.Peer = &c.peer
		}
		r := New(nil, 0)
		for _, x := range restrictions(t, c.rune_) {
			if err := r.Restrict(x); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		if err := r.Check(call); err != nil {
			got = err.Error()
		}
		if got != c.why {
			t.Errorf("%v of %s %s: %q, want %q", c.rune_, c.method, c.params, got, c.why)
		}
	}
	if p, err := ParseParams(json.RawMessage(`"text"`)); err == nil {
		t.Errorf("%v", p)
	}
}

func TestARuneRestsBetweenItsUses(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for text, pause := range map[string]time.Duration{
		"rate=60": time.Second, "rate=3": 20 * time.Second, "per=2": 2 * time.Second, "per=5sec": 5 * time.Second,
		"per=7msec": 7 * time.Millisecond, "per=7usec": 7 * time.Microsecond, "per=7nsec": 7, "per=2min": 2 * time.Minute,
		"per=1hour": time.Hour, "per=1day": 24 * time.Hour,
	} {
		r := New(nil, 0)
		if err := r.Restrict(restrictions(t, [][]string{{text}})[0]); err != nil {
			t.Fatal(err)
		}
		if !r.HasRate() {
			t.Errorf("%s is no rate", text)
		}
		if err := r.Check(&Call{Now: now}); err != nil {
			t.Errorf("%s, never used: %v", text, err)
		}
		if err := r.Check(&Call{Now: now, LastUsed: now.Add(-pause)}); err != nil {
			t.Errorf("%s, rested: %v", text, err)
		}
		if err := r.Check(&Call{Now: now, LastUsed: now.Add(1 - pause)}); err == nil || err.Error() != "too soon" {
			t.Errorf("%s, one nanosecond early: %v", text, err)
		}
		if err := r.Check(&Call{Now: now, LastUsed: now.Add(pause)}); err != nil {
			t.Errorf("%s, the clock was set back: %v", text, err)
		}
	}
}

func TestRevokedNumbersAreRanges(t *testing.T) {
	var got []Range
	for _, step := range []struct {
		add  bool
		r    Range
		want []Range
	}{
		{true, Range{1, 1}, []Range{{1, 1}}},
		{true, Range{2, 2}, []Range{{1, 2}}},
		{true, Range{6, 6}, []Range{{1, 2}, {6, 6}}},
		{true, Range{3, 5}, []Range{{1, 6}}},
		{true, Range{9, 9}, []Range{{1, 6}, {9, 9}}},
		{true, Range{0, 0}, []Range{{0, 6}, {9, 9}}},
		{true, Range{2, 3}, []Range{{0, 6}, {9, 9}}},
		{false, Range{10, 10}, []Range{{0, 6}, {9, 9}}},
		{false, Range{9, 9}, []Range{{0, 6}}},
		{false, Range{1, 2}, []Range{{0, 0}, {3, 6}}},
		{false, Range{4, 4}, []Range{{0, 0}, {3, 3}, {5, 6}}},
		{false, Range{0, 3}, []Range{{5, 6}}},
		{true, Range{0, 99}, []Range{{0, 99}}},
		{false, Range{0, 99}, []Range{}},
	} {
		if step.add {
			got = With(got, step.r)
		} else {
			got = Without(got, step.r)
		}
		if !slices.Equal(got, step.want) {
			t.Fatalf("%v %v: %v, want %v", step.add, step.r, got, step.want)
		}
	}
	if !Within([]Range{{3, 5}}, 5) || Within([]Range{{3, 5}}, 6) {
		t.Error("within")
	}
}

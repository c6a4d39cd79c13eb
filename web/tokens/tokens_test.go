//go:build !race

package tokens

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/channels"
	"github.com/leyden-ln/leyden/web/words"
)

var en, de = words.For("en", ""), words.For("de", "")

func TestAnAmountIsShownWithNameAndNumber(t *testing.T) {
	tea, cups := Asset{3, "Tea", true, true}, Asset{4, "Cups", false, true}
	for _, c := range []struct {
		sum        Sum
		want, inDE string
	}{
		{Of(tea, 1_250_000_000), "12.5 \u2068Tea\u2069\u00a0#3", "12,5 \u2068Tea\u2069\u00a0#3"},
		{Of(tea, 0), "0 \u2068Tea\u2069\u00a0#3", "0 \u2068Tea\u2069\u00a0#3"},
		{Of(cups, 12_000), "12\u202f000 \u2068Cups\u2069\u00a0#4", "12\u202f000 \u2068Cups\u2069\u00a0#4"},
		{Of(tea, amount.MaxUnits), "92\u202f233\u202f720\u202f368.54775807 \u2068Tea\u2069\u00a0#3", "92\u202f233\u202f720\u202f368,54775807 \u2068Tea\u2069\u00a0#3"},
		{Of(Asset{ID: 31}, 7000), "7\u202f000 units of property 31", "7\u202f000 Einheiten der Property 31"},
		{Of(Asset{ID: 5, Known: true}, 7), "7 #5", "7 #5"},
		{Of(Asset{6, "a\u202eb\nc " + strings.Repeat("ü", 40), false, true}, 1), "1 \u2068a⟨U+202E⟩b c " + strings.Repeat("ü", 10) + "…\u2069\u00a0#6", ""},
		{Bitcoin(1500), "1.500\u00a0sat", "1,500\u00a0sat"},
	} {
		if got := c.sum.Text(en); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
		if got := c.sum.Text(de); got != c.inDE && c.inDE != "" {
			t.Errorf("%q, not %q", got, c.inDE)
		}
	}
}

func TestSumsKeepAssetsApartAndDoNotWrap(t *testing.T) {
	tea := Asset{3, "Tea", true, true}
	var s Sums
	if got := s.Text(en); got != "0\u00a0sat" {
		t.Errorf("of nothing: %q", got)
	}
	s.Add(Bitcoin(0))
	s.Add(Of(tea, 100_000_000))
	s.Add(Of(Asset{ID: 3}, 50_000_000)) // a row that says less
	if got := s.Text(en); got != "1.5 \u2068Tea\u2069\u00a0#3" {
		t.Errorf("without bitcoin: %q", got)
	}
	s.Add(Bitcoin(2000))
	if got := s.Text(en); got != "2\u00a0sat + 1.5 \u2068Tea\u2069\u00a0#3" {
		t.Errorf("both: %q", got)
	}
	s.Add(Of(tea, amount.MaxUnits))
	if s[1].Units != amount.MaxUnits {
		t.Errorf("more than there can be: %d", s[1].Units)
	}
}

func TestARowSaysWhetherItsTokensCanBeDivided(t *testing.T) {
	for _, c := range []struct {
		row  Row
		want Asset
	}{
		{Row{Property: 3, AssetName: "Tea", Units: 1, Tokens: "0.00000001"}, Asset{3, "Tea", true, true}},
		{Row{Property: 4, AssetName: "Cups", Units: 7, Tokens: "7"}, Asset{4, "Cups", false, true}},
		{Row{Property: 3, AssetName: "Tea", UnitsGot: 100_000_000, TokensGot: "1"}, Asset{3, "Tea", true, true}},
		{Row{Property: 3, AssetName: "Tea"}, Asset{3, "Tea", false, false}},
		{Row{Property: 9, Units: 7}, Asset{ID: 9}},
	} {
		if got := c.row.Token(); got != c.want {
			t.Errorf("%+v, not %+v", got, c.want)
		}
	}
}

// channelsOf reads channels as a command gives them.
func channelsOf(t *testing.T, text string) (rows []channels.Row) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

const normal = `"state":"CHANNELD_NORMAL","peer_connected":true`

func TestTokensGoByTheCheapestWayThatHasEnough(t *testing.T) {
	rows := channelsOf(t, `[
		{"peer_id":"bob",`+normal+`,"asset":{"property_id":3,"spendable_units":10,"carrier_msat":1000}},
		{"peer_id":"carol",`+normal+`,"asset":{"property_id":3,"spendable_units":600000,"carrier_msat":2000}},
		{"peer_id":"carol",`+normal+`,"asset":{"property_id":3,"spendable_units":600000,"carrier_msat":3000}},
		{"peer_id":"dave",`+normal+`,"asset":{"property_id":3,"spendable_units":2000000}},
		{"peer_id":"erin","state":"CHANNELD_NORMAL","asset":{"property_id":3,"spendable_units":9000000}},
		{"peer_id":"frank",`+normal+`,"asset":{"property_id":4,"spendable_units":9000000}}]`)
	var hints [][]Hint
	for _, h := range []Hint{{"carol", "1x1x1", 1000, 10_000}, {"dave", "1x1x2", 0, 50_000}, {"erin", "1x1x3", 0, 0}, {"frank", "1x1x4", 0, 0}, {"nobody", "1x1x5", 0, 0}} {
		hints = append(hints, []Hint{h})
	}
	hints = append(hints, []Hint{{Node: "carol"}, {Node: "x"}}) // longer ones are the payment's to try
	for _, c := range []struct {
		units     amount.Units
		through   string
		fee, most amount.Units
		enough    bool
	}{
		{0, "", 0, 10, true}, {10, "", 0, 10, true}, {11, "dave", 0, 2_000_000, true}, {1_000_000, "carol", 10_000, 1_200_000, true},
		{1_190_000, "dave", 59_500, 2_000_000, true}, {1_000_000_000, "dave", 50_000_000, 2_000_000, false},
	} {
		w, found := Find(rows, "bob", hints, 3, c.units)
		between := strings.Join(w.Nodes[:len(w.Nodes)-1], " ")
		if !found || between != c.through || w.Fee != c.fee || w.Most != c.most || w.Enough(c.units) != c.enough {
			t.Errorf("%d: %+v", c.units, w)
		}
	}
	if w, _ := Find(rows, "bob", hints, 3, 1_000_000); w.Carrier != 3000 || w.Base != 1000 {
		t.Errorf("the bitcoin of it: %+v", w)
	}
	if w, found := Find(rows, "bob", hints, 5, 1); found {
		t.Errorf("a way for what no channel carries: %+v", w)
	}
	if part(amount.MaxUnits, 1<<32) != amount.MaxUnits || part(amount.MaxUnits, 1_000_000) != amount.MaxUnits || part(3, 333_333) != 0 {
		t.Error("parts of an amount")
	}
}

func TestWhatTheLedgerCannotSayDoesNotHideTheChannels(t *testing.T) {
	rows := channelsOf(t, `[{"peer_id":"bob",`+normal+`,"asset":{"property_id":3,"to_us_units":70,"spendable_units":50,"receivable_units":20}},
		{"peer_id":"bob","state":"ONCHAIN","asset":{"property_id":3,"to_us_units":7}}]`)
	for code, want := range map[command.Code]struct{ on, why bool }{
		command.AssetsOff: {false, false}, command.RuneNotPermitted: {true, false}, command.Failed: {true, true},
	} {
		h := Read(func(any, string, ...string) error { return command.Refuse(code, "no") }, rows)
		if h.On != want.on || (h.Why != nil) != want.why || len(h.Tokens) != 1 {
			t.Fatalf("%d: %+v", code, h)
		}
		if x := h.Tokens[0]; x.ID != 3 || x.Known || x.InChannels != 70 || x.Spendable != 50 || x.Receivable != 20 || x.Channels != 1 {
			t.Errorf("%d: %+v", code, x)
		}
	}
	if h := Read(func(any, string, ...string) error { return errors.New("away") }, nil); h.Why == nil || !h.On {
		t.Errorf("%+v", h)
	}
}

func TestTheWayOverAnnouncedChannelsIsThatOfOnePart(t *testing.T) {
	rows := channelsOf(t, `[{"peer_id":"carol",`+normal+`,"asset":{"property_id":3,"spendable_units":700}}]`)
	cost := func(text string) (c Cost) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := cost(`{"amount_sent_msat":3002,"amount_msat":3000,"amount_units":500,"amount_sent_units":505,"routes":[{"route":[{"id":"carol"},{"id":"dave"},{"id":"bob"}]}]}`)
	w, found := c.Way(rows, 3)
	if !found || len(w.Nodes) != 3 || w.Fee != 5 || w.Base != 2 || w.Carrier != 3000 || w.Most != 700 || !w.Enough(500) {
		t.Errorf("%+v, %v", w, found)
	}
	if _, found := c.Way(rows, 4); found {
		t.Error("our channel has another token")
	}
	c = cost(`{"amount_units":5,"amount_sent_units":5,"routes":[{"route":[{"id":"carol"}]},{"route":[{"id":"carol"}]}]}`)
	if _, found := c.Way(rows, 3); found {
		t.Error("several parts have no one way")
	}
	list := Once([]Announced{{Source: "a", Other: "b", SCID: "1"}, {Source: "b", Other: "a", SCID: "1"}, {Source: "b", Other: "c", SCID: "2"}})
	if some, all := At(list, "b", 1); len(list) != 2 || all != 2 || len(some) != 1 {
		t.Errorf("%+v, %+v of %d", list, some, all)
	}
	if some, all := At(list, "c", 9); all != 1 || some[0].SCID != "2" {
		t.Errorf("%+v of %d", some, all)
	}
}

package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type (
	runeResult struct {
		Rune, Warning string
		ID            string `json:"unique_id"`
		Unrestricted  string `json:"warning_unrestricted_rune"`
	}
	shownRune struct {
		Rune        string
		ID          string      `json:"unique_id"`
		LastUsed    json.Number `json:"last_used"`
		English     string      `json:"restrictions_as_english"`
		Stored      *bool
		Ours        *bool `json:"our_rune"`
		Blacklisted bool
	}
	shownRunes   struct{ Runes []shownRune }
	revokedRunes struct {
		Blacklist []struct{ Start, End uint64 }
	}
)

func TestRunesAreMadeShownCheckedAndRevoked(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	n := w.bob
	valid := func(params named) {
		t.Helper()
		equal(t, "valid", ask[struct{ Valid bool }](t, n, "checkrune", params).Valid, true)
	}
	refuse := func(want command.Code, text string, params named) {
		t.Helper()
		if e := refused(t, n, want, "checkrune", params); !strings.Contains(e.Message, text) {
			t.Errorf("%v: %q, want %q", params, e.Message, text)
		}
	}
	equal(t, "none yet", len(ask[shownRunes](t, n, "showrunes").Runes), 0)
	refuse(command.RuneNotAuthorized, "Not authorized", named{"rune": "OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA=="})

	free := ask[runeResult](t, n, "createrune")
	if free.ID != "0" || free.Unrestricted == "" {
		t.Errorf("%+v", free)
	}
	reads := ask[runeResult](t, n, "invokerune", named{"restrictions": "readonly"})
	if reads.ID != "1" || reads.Unrestricted != "" {
		t.Errorf("%+v", reads)
	}
	small := ask[runeResult](t, n, "createrune", nil, [][]string{{"method=pay"}, {"pnameamount_msat<10000"}})
	asText := ask[runeResult](t, n, "createrune", named{"rune": free.Rune, "restrictions": `[["method=createrune"]]`})
	equal(t, "the number of a derived rune", asText.ID, "0")

	valid(named{"rune": free.Rune, "method": "stop"})
	valid(named{"rune": free.Rune})
	valid(named{"rune": reads.Rune, "method": "listpeers", "params": []any{}, "nodeid": n.ID()})
	refuse(command.RuneNotPermitted, "Not permitted: method is equal to listdatastore", named{"rune": reads.Rune, "method": "listdatastore"})
	refuse(command.RuneNotPermitted, "Not permitted: method not present", named{"rune": reads.Rune})
	valid(named{"rune": small.Rune, "method": "pay", "params": named{"bolt11": "lnbc", "amount_msat": 9999}})
	refuse(command.RuneNotPermitted, "is greater or equal to 10000", named{"rune": small.Rune, "method": "pay", "params": named{"amount_msat": 10000}})
	// Another name of a parameter or a command is no way round.
	valid(named{"rune": small.Rune, "method": "pay", "params": named{"msatoshi": 9999}})
	refuse(command.RuneNotPermitted, "is greater or equal to 10000", named{"rune": small.Rune, "method": "pay", "params": named{"msatoshi": 10000}})
	refuse(command.InvalidParams, "given twice", named{"rune": small.Rune, "method": "pay", "params": named{"msatoshi": 1, "amount_msat": 10000}})
	refuse(command.InvalidParams, "an array or an object", named{"rune": small.Rune, "method": "pay", "params": 7})
	valid(named{"rune": asText.Rune, "method": "invokerune"})

	runes := ask[shownRunes](t, n, "showrunes").Runes
	if len(runes) != 3 || runes[0].Rune != free.Rune || runes[1].LastUsed == "" || runes[2].ID != "2" || runes[1].Blacklisted {
		t.Errorf("%+v", runes)
	}
	equal(t, "in words", runes[1].English, "method starts with list OR method starts with get OR method equal to summary AND method unequal to listdatastore")
	one := ask[shownRunes](t, n, "showrunes", asText.Rune).Runes[0]
	if one.Stored == nil || *one.Stored || one.Ours != nil || one.ID != "0" {
		t.Errorf("derived: %+v", one)
	}
	one = ask[shownRunes](t, n, "showrunes", "OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA==").Runes[0]
	if one.Stored == nil || one.Ours == nil || *one.Ours {
		t.Errorf("another's: %+v", one)
	}

	equal(t, "nothing revoked", len(ask[revokedRunes](t, n, "blacklistrune").Blacklist), 0)
	if got := ask[revokedRunes](t, n, "destroyrune", 1, 2).Blacklist; len(got) != 1 || got[0].Start != 1 || got[0].End != 2 {
		t.Errorf("%+v", got)
	}
	refuse(command.RuneBlacklisted, "Not authorized: Blacklisted rune", named{"rune": reads.Rune, "method": "listpeers"})
	equal(t, "shown so", ask[shownRunes](t, n, "showrunes", reads.Rune).Runes[0].Blacklisted, true)
	equal(t, "taken back", len(ask[revokedRunes](t, n, "blacklistrune", named{"start": 1, "end": 2, "relist": true}).Blacklist), 0)
	valid(named{"rune": reads.Rune, "method": "listpeers"})

	rated := ask[runeResult](t, n, "createrune", named{"restrictions": [][]string{{"rate=1"}}})
	valid(named{"rune": rated.Rune, "method": "getinfo"})
	refuse(command.RuneNotPermitted, "Not permitted: too soon", named{"rune": rated.Rune, "method": "getinfo"})

	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"no rune":                    {"checkrune", nil},
		"no condition":               {"createrune", []any{nil, [][]string{{"method"}}}},
		"no alternatives":            {"createrune", []any{nil, [][]string{{}}}},
		"no field":                   {"createrune", []any{nil, [][]string{{"=7"}}}},
		"a list of texts":            {"createrune", []any{nil, []string{"method=a"}}},
		"another word":               {"createrune", []any{nil, "writeonly"}},
		"no rune to restrict":        {"createrune", []any{"xyz", "readonly"}},
		"no rune to show":            {"showrunes", []any{"xyz"}},
		"a number in words":          {"showrunes", []any{"pX1h8z05kg0WZqe0ogo_8MHOa7-8gVZNXTckyyLKuLk9emVybw=="}},
		"revoking from the end":      {"blacklistrune", []any{5, 4}},
		"revoking an end":            {"blacklistrune", []any{nil, 4}},
		"revoking beyond the number": {"blacklistrune", []any{100_000_000}},
		"relisting beyond":           {"blacklistrune", []any{1, 100_000_000, true}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, n, command.InvalidParams, c.method, c.params...) })
	}
}

func TestARestrictedRuneMakesNoFreeOne(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	n := w.bob
	free := ask[runeResult](t, n, "createrune").Rune
	bound := ask[runeResult](t, n, "createrune", named{"restrictions": [][]string{{"method=createrune"}}}).Rune
	as := func(rune, params string) error {
		t.Helper()
		ctx, err := api.Permit(t.Context(), n, rune, nil, "createrune", json.RawMessage(params))
		if err != nil {
			t.Fatal(err)
		}
		_, err = api.Call(ctx, n, "createrune", json.RawMessage(params))
		return err
	}
	if err := as(bound, `{}`); code(err) != command.RuneNotPermitted {
		t.Errorf("a new one: %v", err)
	}
	if err := as(bound, `{"rune": "`+bound+`", "restrictions": "readonly"}`); err != nil {
		t.Errorf("one restricted further: %v", err)
	}
	if err := as(free, `{}`); err != nil {
		t.Errorf("by one that may do everything: %v", err)
	}
}

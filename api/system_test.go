package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type dataResult struct {
	Key        []string
	Generation *uint64
	Hex        string
	String     string
}

func TestProgramsStoreValuesBesideTheNode(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	n := w.bob
	list := func(params ...any) (out []string) {
		t.Helper()
		for _, r := range ask[struct{ Datastore []dataResult }](t, n, "listdatastore", params...).Datastore {
			text := strings.Join(r.Key, "/")
			if r.Generation != nil {
				text += fmt.Sprintf("=%s@%d", r.String, *r.Generation)
			}
			out = append(out, text)
		}
		return out
	}
	equal(t, "nothing yet", list(), []string(nil))
	first := ask[dataResult](t, n, "datastore", "greeting", "hello")
	if first.String != "hello" || first.Hex != "68656c6c6f" || first.Generation == nil || *first.Generation != 0 {
		t.Errorf("datastore gave %+v", first)
	}
	ask[dataResult](t, n, "datastore", named{"key": []string{"shop", "tea", "price"}, "hex": "ff00"})
	ask[dataResult](t, n, "datastore", []any{"shop", "milk"}, "3sat")
	ask[dataResult](t, n, "datastore", []any{"shop", 7}, "")
	ask[dataResult](t, n, "datastore", []any{"shopping"}, "x")
	equal(t, "of one name", list(), []string{"greeting=hello@0", "shop", "shopping=x@0"})
	equal(t, "under one", list("shop"), []string{"shop/7=@0", "shop/milk=3sat@0", "shop/tea"})
	equal(t, "a value", list([]any{"shop", "milk"}), []string{"shop/milk=3sat@0"})
	equal(t, "under nothing", list("nothing"), []string(nil))

	refused(t, n, command.DataExists, "datastore", "greeting", "again")
	refused(t, n, command.DataNotFound, "datastore", named{"key": "other", "string": "x", "mode": "must-replace"})
	refused(t, n, command.DataNotFound, "datastore", named{"key": "other", "string": "x", "mode": "must-append"})
	refused(t, n, command.DataHasChildren, "datastore", "shop", "x")
	refused(t, n, command.DataParentHasValue, "datastore", []string{"greeting", "low"}, "x")
	refused(t, n, command.DataWrongGeneration, "datastore", named{"key": "greeting", "string": "x", "mode": "must-replace", "generation": 1})
	ask[dataResult](t, n, "datastore", named{"key": "greeting", "string": " you", "mode": "must-append", "generation": 0})
	ask[dataResult](t, n, "datastore", named{"key": "greeting", "hex": "21", "mode": "create-or-append"})
	equal(t, "appended", list("greeting"), []string{"greeting=hello you!@2"})
	ask[dataResult](t, n, "datastore", named{"key": "greeting", "string": "bye", "mode": "create-or-replace"})
	equal(t, "replaced", list("greeting"), []string{"greeting=bye@3"})

	refused(t, n, command.DataDelNotFound, "deldatastore", "shop")
	refused(t, n, command.DataDelGeneration, "deldatastore", "greeting", 2)
	equal(t, "what it was", ask[dataResult](t, n, "deldatastore", "greeting", 3).String, "bye")
	refused(t, n, command.DataDelNotFound, "deldatastore", "greeting")
	ask[dataResult](t, n, "deldatastore", []string{"shop", "tea", "price"})
	equal(t, "what is left", list("shop"), []string{"shop/7=@0", "shop/milk=3sat@0"})

	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"no key":              {"datastore", nil},
		"no value":            {"datastore", []any{"a"}},
		"two values":          {"datastore", []any{"a", "b", "00"}},
		"no hexadecimal":      {"datastore", []any{named{"key": "a", "hex": "xyz"}}},
		"an empty path":       {"datastore", []any{[]string{}, "b"}},
		"a path of 65 names":  {"datastore", []any{strings.Split(strings.Repeat("a ", 64)+"a", " "), "b"}},
		"a long name":         {"datastore", []any{strings.Repeat("a", 1025), "b"}},
		"a path of objects":   {"datastore", []any{[]any{named{}}, "b"}},
		"a path of true":      {"datastore", []any{true, "b"}},
		"a mode of love":      {"datastore", []any{named{"key": "a", "string": "b", "mode": "must-love"}}},
		"a generation of new": {"datastore", []any{named{"key": "a", "string": "b", "generation": 0}}},
		"deleting nothing":    {"deldatastore", nil},
		"listing objects":     {"listdatastore", []any{named{"key": named{}}}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, n, command.InvalidParams, c.method, c.params...) })
	}
}

func TestACommandIsCheckedWithoutRunning(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	n := w.bob
	for _, params := range [][]any{
		{"invoice", "any", "tea", "one tea"}, {named{"command_to_check": "invoice", "amount_msat": 1, "label": "a", "description": "b"}},
		{"stop"}, {"check", "check"}, {"listinvoice"},
	} {
		ask[struct{}](t, n, "check", params...)
	}
	equal(t, "nothing was made", len(invoices(t, n)), 0)
	refused(t, n, command.UnknownMethod, "check", "dream")
	for name, params := range map[string][]any{
		"nothing":          {},
		"a name of a list": {[]any{"invoice"}},
		"too few":          {"invoice", "any"},
		"a wrong amount":   {"invoice", "much", "tea", "one tea"},
		"an unknown name":  {named{"command_to_check": "getinfo", "dream": 1}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, n, command.InvalidParams, "check", params...) })
	}
}

func TestAPeerIsPinged(t *testing.T) {
	w := newNetwork(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ping := func(params ...any) int {
		t.Helper()
		return ask[struct{ Totlen int }](t, w.alice, "ping", params...).Totlen
	}
	equal(t, "as it comes", ping(w.bob.ID()), 132)
	equal(t, "the longest", ping(w.bob.ID(), 65529, 65531), 65535)
	equal(t, "the shortest", ping(w.bob.ID(), 0, 0), 4)
	equal(t, "without an answer", ping(w.bob.ID(), 1, 65532), 0)
	refused(t, w.alice, command.Failed, "ping", w.carol.ID())
	refused(t, w.alice, command.InvalidParams, "ping", w.bob.ID(), 65530)
	refused(t, w.alice, command.InvalidParams, "ping", w.bob.ID(), 65536)
	refused(t, w.alice, command.InvalidParams, "ping")
	refused(t, w.alice, command.InvalidParams, "ping", "02")
}

func TestTheNodeSaysHowItWasStartedAndWhatItLogs(t *testing.T) {
	w := newNetwork(t)
	type configs struct {
		Configs map[string]struct {
			Text   string   `json:"value_str"`
			Number uint64   `json:"value_int"`
			Texts  []string `json:"values_str"`
		}
	}
	all := ask[configs](t, w.bob, "listconfigs").Configs
	equal(t, "network", all["network"].Text, "regtest")
	equal(t, "alias", all["alias"].Text, "bob")
	equal(t, "fee-base", all["fee-base"].Number, uint64(1000))
	equal(t, "age", all["autoclean-expiredinvoices-age"].Number, uint64(30*86400))
	equal(t, "bound", all["bind-addr"].Texts, []string{w.bob.Addr().String()})
	equal(t, "one", len(ask[configs](t, w.bob, "listconfigs", "alias").Configs), 1)
	refused(t, w.bob, command.InvalidParams, "listconfigs", "dream")

	w.fund(t, w.alice, 2_000_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "fundchannel", w.bob.ID(), 1_000_000)
	type log struct {
		Used int `json:"bytes_used"`
		Max  int `json:"bytes_max"`
		Log  []struct{ Type, Time, Log string }
	}
	until(t, "the log tells of the channel", func() bool {
		got := ask[log](t, w.bob, "getlog")
		for _, e := range got.Log {
			if e.Type == "INFO" && strings.Contains(e.Log, "channel opened") && strings.Contains(e.Log, w.alice.ID().String()) && e.Time != "" {
				return got.Used > 0 && got.Used <= got.Max
			}
		}
		return false
	})
	for _, e := range ask[log](t, w.bob, "getlog", "broken").Log {
		if e.Type != "BROKEN" && e.Type != "SKIPPED" {
			t.Errorf("broken: %+v", e)
		}
	}
	refused(t, w.bob, command.InvalidParams, "getlog", "loud")

	type level struct{ Level string }
	equal(t, "the level", ask[level](t, w.bob, "log").Level, "info")
	equal(t, "the new level", ask[level](t, w.bob, "log", "debug").Level, "debug")
	equal(t, "it stays", ask[level](t, w.bob, "log").Level, "debug")
	equal(t, "and back", ask[level](t, w.bob, "log", "unusual").Level, "unusual")
	refused(t, w.bob, command.InvalidParams, "log", "loud")
	refused(t, w.bob, command.InvalidParams, "log", "info", 2)
}

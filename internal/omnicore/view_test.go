//go:build !race

package omnicore

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/omnicore/record"
	"github.com/leyden-ln/leyden/internal/store"
)

const (
	tea  = record.Tea
	cups = record.Cups
)

func addr(name string) string { return record.Named(name).Address() }

// kept is what a ledger of ours makes of the blocks after which the server answered.
func kept(t *testing.T, r *record.Recording) *store.Store {
	t.Helper()
	f := follow(t, r)
	for _, b := range r.Blocks[:r.At] {
		for _, e := range f.block(b) {
			if e.Failure != "" {
				t.Fatal(e)
			}
		}
	}
	return f.disk
}

// Whoever knows the tokens, what is shown of them is the same.
func TestAServerShowsWhatTheLedgerShows(t *testing.T) {
	r := recorded(t)
	for name, v := range map[string]ledger.View{"the ledger": kept(t, &r), "the server": New(replay(r.Answers))} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if height, ok, err := v.AssetHeight(ctx); err != nil || !ok || height != r.Blocks[r.At-1].Height {
				t.Errorf("at block %d: %v", height, err)
			}
			want := asset.Property{
				ID: tea, Issuer: addr("a"), Divisible: true, Fixed: true,
				About: asset.About{Category: "Drinks", Subcategory: "Hot", Name: "Tea", URL: "tea.example", Data: "Earl Grey"},
			}
			inside := cmp.Options{cmpopts.IgnoreUnexported(asset.Property{}), cmpopts.EquateEmpty()}
			if got, ok, err := v.Asset(ctx, tea); err != nil || !ok || !cmp.Equal(got, want, inside) {
				t.Error(cmp.Diff(want, got, inside), err)
			}
			if got, ok, err := v.Asset(ctx, cups); err != nil || !ok || !got.Managed || got.Divisible || len(got.Freezing) == 0 {
				t.Errorf("%+v %v", got, err)
			}
			if got, ok, err := v.Asset(ctx, cups+1); err != nil || ok {
				t.Errorf("a property that is not there: %+v %v", got, err)
			}
			for id, want := range map[amount.Property]amount.Units{tea: 100_000_000_000, cups: 7, cups + 1: 0} {
				if got, err := v.AssetTotal(ctx, id); err != nil || got != want {
					t.Errorf("there are %d of %d: %v", got, id, err)
				}
			}
			for _, c := range []struct {
				from  amount.Property
				limit int
				want  []amount.Property
			}{{3, 10, []amount.Property{tea, cups}}, {3, 1, []amount.Property{tea}}, {cups, 10, []amount.Property{cups}}, {math.MaxUint32, 10, nil}, {0, 1, []amount.Property{1}}} {
				list, err := v.Assets(ctx, c.from, c.limit)
				var got []amount.Property
				for _, p := range list {
					got = append(got, p.ID)
				}
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
					t.Error(diff, err)
				}
			}
			holding := func(name string, p amount.Property, u amount.Units, frozen bool) ledger.Holding {
				return ledger.Holding{Balance: asset.Balance{Key: asset.Key{Address: addr(name), Property: p}, Units: u}, Frozen: frozen}
			}
			for who, want := range map[string][]ledger.Holding{
				"a": {holding("a", asset.OMN, r.Start[0].Units, false), holding("a", asset.TOMN, r.Start[1].Units, false), holding("a", tea, 98_950_000_000, false)},
				"b": {holding("b", tea, 1_050_000_000, false), holding("b", cups, 7, true)},
				"c": nil,
			} {
				got, err := v.AssetHoldings(ctx, addr(who))
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
					t.Error(diff, err)
				}
			}
		})
	}
}

func TestAnAnswerThatCannotBeIsAnError(t *testing.T) {
	away := errors.New("the server is away")
	for name, c := range map[string]struct {
		balance string
		want    error
	}{
		"words":              {`{"balance": "much", "frozen": "0"}`, ErrAnswer},
		"less than nothing":  {`{"balance": "-1", "frozen": "0"}`, ErrAnswer},
		"more than can be":   {`{"balance": "9223372036854775808", "frozen": "0"}`, ErrAnswer},
		"more frozen":        {`{"balance": "1", "frozen": "2"}`, ErrAnswer},
		"nine decimals":      {`{"balance": "0.000000001", "frozen": "0"}`, ErrAnswer},
		"nothing of frozen":  {`{"balance": "1"}`, ErrAnswer},
		"a number of floats": {`{"balance": 1.5, "frozen": "0"}`, nil},
	} {
		v := New(replay{"omni_getallbalancesforaddress x": {Result: json.RawMessage("[" + c.balance + "]")}})
		if got, err := v.AssetHoldings(t.Context(), "x"); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	v := New(replay{"omni_getproperty 3": {Result: json.RawMessage(`{"propertyid": 4}`)}})
	if _, _, err := v.Asset(t.Context(), 3); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
	gone := New(caller(func() error { return away }))
	if _, _, err := gone.AssetHeight(t.Context()); !errors.Is(err, away) {
		t.Error(err)
	}
	if _, err := gone.AssetHoldings(t.Context(), "x"); !errors.Is(err, away) {
		t.Error(err)
	}
	if _, err := gone.Assets(t.Context(), 0, 1); !errors.Is(err, away) {
		t.Error(err)
	}
	if _, err := gone.AssetTotal(t.Context(), 3); !errors.Is(err, away) {
		t.Error(err)
	}
}

type caller func() error

func (c caller) Call(context.Context, any, string, ...any) error { return c() }

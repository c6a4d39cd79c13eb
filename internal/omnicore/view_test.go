//go:build !race

package omnicore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

const (
	tea  amount.Property = 2147483651
	cups amount.Property = 2147483652
)

func fallback(name string) bolt11.Fallback {
	f := bolt11.Fallback{Version: bolt11.ScriptHash, Program: make([]byte, 20)}
	copy(f.Program, name)
	return f
}

func addr(name string) string { return fallback(name).Address(bolt11.Regtest) }

// replay is a server that answers what it answered once. Its fields are those of Omni
// Core's rpc-api.md.
type replay map[string]json.RawMessage

func recorded(t *testing.T) replay {
	t.Helper()
	b, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, name := range []string{"a", "b"} {
		text = strings.ReplaceAll(text, "ADDRESS "+name, addr(name))
	}
	var r replay
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r replay) Call(_ context.Context, result any, method string, params ...any) error {
	key := method
	for _, p := range params {
		key += fmt.Sprint(" ", p)
	}
	if answer, ok := r[key]; ok {
		return json.Unmarshal(answer, result)
	}
	return &bitcoind.Error{Code: -8, Message: "Property identifier does not exist"}
}

// kept is what a ledger of ours makes of the transactions after which the server answered.
func kept(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	params := asset.Regtest()
	l, err := ledger.New(params, chain.BlockRef{Height: 100}).Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	payload := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	of := func(typ byte, p amount.Property, more ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, typ}, uint32(p)), more...)
	}
	freeze := append(append(make([]byte, 8), 0xc4), fallback("b").Program...)
	for _, step := range []struct {
		payload []byte
		to      string
	}{
		{payload(asset.IssueFixed(true, true, asset.About{Category: "Drinks", Subcategory: "Hot", Name: "Tea", URL: "tea.example", Data: "Earl Grey"}, 100_000_000_000)), ""},
		{payload(omni.SimpleSend(tea, 1_050_000_000)), "b"},
		{payload(asset.IssueManaged(true, false, asset.About{Name: "Cups"})), ""},
		{payload(asset.Grant(cups, 7)), "b"},
		{of(71, cups), ""},
		{of(185, cups, freeze...), ""},
	} {
		tx := btcwire.NewMsgTx(2)
		tx.AddTxIn(new(btcwire.TxIn))
		tx.AddTxOut(&btcwire.TxOut{PkScript: omni.Script(step.payload)})
		if step.to != "" {
			tx.AddTxOut(&btcwire.TxOut{PkScript: fallback(step.to).Script()})
		}
		b := chain.Block{Prev: l.Seen().Hash, Time: time.Unix(1, 0), Txs: []chain.Tx{{Index: 1, MsgTx: tx}}}
		b.BlockRef = chain.BlockRef{Height: l.Seen().Height + 1, Hash: chainhash.Hash{byte(l.Seen().Height)}}
		outcome, err := l.Apply(t.Context(), chain.Connected{Block: b}, prevouts{}, s)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := outcome.Commit(t.Context(), s)
		if err != nil || len(entries) != 1 || entries[0].Failure != "" {
			t.Fatal(entries, err)
		}
	}
	return s
}

type prevouts struct{}

func (prevouts) Spent(context.Context, chain.BlockRef) (chain.Scripts, error) {
	return chain.Scripts{{}: fallback("a").Script()}, nil
}

// Whoever knows the tokens, what is shown of them is the same.
func TestAServerShowsWhatTheLedgerShows(t *testing.T) {
	for name, v := range map[string]ledger.View{"the ledger": kept(t), "the server": New(recorded(t))} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if height, ok, err := v.AssetHeight(ctx); err != nil || !ok || height != 106 {
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
				"a": {holding("a", tea, 98_950_000_000, false)},
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
		"more than can be":   {`{"balance": "9223372036854775807", "frozen": "1"}`, ErrAnswer},
		"nine decimals":      {`{"balance": "0.000000001", "frozen": "0"}`, ErrAnswer},
		"nothing of frozen":  {`{"balance": "1"}`, ErrAnswer},
		"a number of floats": {`{"balance": 1.5, "frozen": "0"}`, nil},
	} {
		v := New(replay{"omni_getallbalancesforaddress x": json.RawMessage("[" + c.balance + "]")})
		if got, err := v.AssetHoldings(t.Context(), "x"); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	v := New(replay{"omni_getproperty 3": json.RawMessage(`{"propertyid": 4}`)})
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

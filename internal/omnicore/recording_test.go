//go:build !race

package omnicore

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/omnicore/record"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// recorded is what a server said of a chain: see package record.
func recorded(t *testing.T) (r record.Recording) {
	t.Helper()
	b, err := os.ReadFile("testdata/recording.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// replay is a server that answers what it answered once.
type replay map[string]record.Answer

func (r replay) Call(_ context.Context, result any, method string, params ...any) error {
	a, ok := r[record.Question{Method: method, Params: params}.Key()]
	switch {
	case !ok:
		return &bitcoind.Error{Code: -32601, Message: "nobody asked that"}
	case a.Code != 0:
		return &bitcoind.Error{Code: a.Code, Message: a.Message}
	}
	return json.Unmarshal(a.Result, result)
}

// spent is what the transactions of a recorded block spend, each of another hash.
type spent chain.Scripts

func (s spent) Spent(context.Context, chain.BlockRef) (chain.Scripts, error) {
	return chain.Scripts(s), nil
}

// follower is a ledger of ours with its rows.
type follower struct {
	*testing.T
	*ledger.Ledger
	disk *store.Store
}

func follow(t *testing.T, r *record.Recording) *follower {
	t.Helper()
	s, err := store.Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	params := asset.Regtest()
	params.Start = r.Start
	l, err := ledger.New(params, chain.BlockRef{Height: r.Blocks[0].Height - 1}).Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return &follower{t, l, s}
}

// block applies a recorded block, and those without transactions before it.
func (f *follower) block(b record.Block) []ledger.Entry {
	f.Helper()
	for f.Seen().Height < b.Height-1 {
		f.apply(chain.Block{}, nil)
	}
	from := spent{}
	block := chain.Block{Time: time.Unix(b.Time, 0)}
	for i, t := range b.Txs {
		payload, err := hex.DecodeString(t.Payload)
		if err != nil {
			f.Fatal(err)
		}
		tx, at := btcwire.NewMsgTx(2), btcwire.OutPoint{Index: uint32(i)} //nolint:gosec // few
		from[at] = record.Named(t.From).Script()
		tx.AddTxIn(btcwire.NewTxIn(&at, nil, nil))
		tx.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
		for _, name := range t.To {
			tx.AddTxOut(btcwire.NewTxOut(1000, record.Named(name).Script()))
		}
		block.Txs = append(block.Txs, chain.Tx{Index: uint32(i + 1), MsgTx: tx}) //nolint:gosec // few
	}
	return f.apply(block, from)
}

func (f *follower) apply(b chain.Block, from spent) []ledger.Entry {
	f.Helper()
	last := f.Seen()
	b.Prev = last.Hash
	b.BlockRef = chain.BlockRef{Height: last.Height + 1, Hash: chainhash.Hash{byte(last.Height), byte(last.Height >> 8), 1}}
	outcome, err := f.Apply(f.Context(), chain.Connected{Block: b}, from, f.disk)
	if err != nil {
		f.Fatal(err)
	}
	entries, err := outcome.Commit(f.Context(), f.disk)
	if err != nil {
		f.Fatal(err)
	}
	return entries
}

// What a server said of each transaction and of the state after each block, the ledger says.
func TestTheLedgerIsAsAServerSaid(t *testing.T) {
	r := recorded(t)
	f := follow(t, &r)
	valid := map[uint16]int{}
	for _, b := range r.Blocks {
		said := map[uint32]ledger.Entry{}
		for _, e := range f.block(b) {
			if e.Index > 0 {
				said[e.Index] = e
			}
		}
		for i, tx := range b.Txs {
			e := said[uint32(i+1)] //nolint:gosec // few
			if (e.Failure == "") != (tx.Invalid == "") {
				t.Errorf("block %d: %+v: %q", b.Height, tx, e.Failure)
			}
			if e.Failure == "" {
				valid[e.Type]++
			}
		}
		if got := f.Hash().String(); got != b.Hash {
			t.Fatalf("block %d with %+v: the state's hash is %s, not %s", b.Height, b.Txs, got, b.Hash)
		}
	}
	for _, typ := range []uint16{0, 3, 4, 7, 50, 51, 53, 54, 55, 56, 70, 71, 72, 73, 74, 185, 186} {
		if valid[typ] == 0 {
			t.Errorf("no transaction of type %d is valid", typ)
		}
	}
}

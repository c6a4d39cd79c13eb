package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

const token amount.Property = 0x80000003

func tokenScript(name byte) []byte {
	return bolt11.Fallback{Version: bolt11.ScriptHash, Program: append([]byte{name}, make([]byte, 19)...)}.Script()
}

func tokenAddress(name byte) string {
	f, _ := bolt11.FallbackOf(tokenScript(name))
	return f.Address(bolt11.Regtest)
}

// tokens is a chain of blocks with transactions of tokens, with its branches. An input's
// hash is whose it is.
type tokens struct {
	known map[chainhash.Hash]chain.Block
	tip   chain.BlockRef
	salt  uint16
}

func newTokens() *tokens {
	first := chain.Block{BlockRef: chain.BlockRef{Height: 100}}
	return &tokens{known: map[chainhash.Hash]chain.Block{first.Hash: first}, tip: first.BlockRef}
}

// Spent implements [ledger.Prevouts].
func (c *tokens) Spent(_ context.Context, at chain.BlockRef) (chain.Scripts, error) {
	out := chain.Scripts{}
	for _, tx := range c.known[at.Hash].Txs {
		op := tx.TxIn[0].PreviousOutPoint
		out[op] = tokenScript(op.Hash[0])
	}
	return out, nil
}

func (c *tokens) mine(txs ...*btcwire.MsgTx) {
	c.salt++
	b := chain.Block{Prev: c.tip.Hash, Time: time.Unix(int64(c.tip.Height)*600, 0)}
	b.BlockRef = chain.BlockRef{Height: c.tip.Height + 1, Hash: chainhash.Hash{byte(c.salt), byte(c.salt >> 8), 1}}
	for i, tx := range txs {
		b.Txs = append(b.Txs, chain.Tx{Index: uint32(i + 1), MsgTx: tx}) //nolint:gosec // few
	}
	c.known[b.Hash], c.tip = b, b.BlockRef
}

// fork makes the block so far below the tip the tip.
func (c *tokens) fork(depth int) {
	for range depth {
		if b := c.known[c.tip.Hash]; b.Height > 100 {
			c.tip = chain.BlockRef{Height: b.Height - 1, Hash: b.Prev}
		}
	}
}

// way is what a source tells who stands at a block.
func (c *tokens) way(from chain.BlockRef) (events []chain.Event) {
	best := map[chainhash.Hash]bool{}
	var up []chain.Event
	for b := c.known[c.tip.Hash]; b.Height > 100; b = c.known[b.Prev] {
		best[b.Hash] = true
		up = append([]chain.Event{chain.Connected{Block: b}}, up...)
	}
	at := c.known[from.Hash]
	for ; at.Height > 100 && !best[at.Hash]; at = c.known[at.Prev] {
		events = append(events, chain.Disconnected{BlockRef: at.BlockRef, Prev: at.Prev})
	}
	return append(events, up[at.Height-100:]...)
}

func tokenTx(from byte, payload []byte, to ...byte) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: chainhash.Hash{from}}})
	tx.AddTxOut(&btcwire.TxOut{PkScript: omni.Script(payload)})
	for _, name := range to {
		tx.AddTxOut(&btcwire.TxOut{PkScript: tokenScript(name)})
	}
	return tx
}

func tokenIssue(t testing.TB, units amount.Units) []byte {
	b, err := asset.IssueFixed(true, true, asset.About{Name: "Test"}, units)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tokenPay(t testing.TB, units amount.Units) []byte {
	b, err := omni.SimpleSend(token, units)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rules() *asset.Params {
	p := asset.Regtest()
	p.Exodus = ""
	return p
}

// follow brings the ledger of a store to the chain's tip. With a store that dies it ends
// with that error.
func (c *tokens) follow(t testing.TB, s *store.Store) (*ledger.Ledger, error) {
	t.Helper()
	rows, ok, err := s.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var l *ledger.Ledger
	if !ok {
		if l, err = ledger.New(rules(), chain.BlockRef{Height: 100}).Commit(t.Context(), s); err != nil {
			return nil, err
		}
	} else {
		l = ledger.Load(rules(), rows)
	}
	for _, e := range c.way(l.Seen()) {
		outcome, err := l.Apply(t.Context(), e, c, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := outcome.Commit(t.Context(), s); err != nil {
			return nil, err
		}
	}
	_, err = l.Mark().Commit(t.Context(), s)
	return l, err
}

// random makes some blocks more, or goes back some.
func (c *tokens) random(t testing.TB, r *rand.Rand) {
	if r.IntN(4) == 0 {
		c.fork(1 + r.IntN(4))
	}
	for range 1 + r.IntN(3) {
		var txs []*btcwire.MsgTx
		for range r.IntN(3) {
			payload := tokenPay(t, amount.Units(1+r.IntN(60)))
			switch r.IntN(6) {
			case 0:
				payload = tokenIssue(t, amount.Units(1+r.IntN(100)))
			case 1:
				payload = []byte{0, 0, 0, 4, 2} // all that the sender has
			}
			txs = append(txs, tokenTx(byte(r.IntN(3)), payload, byte(r.IntN(3)), byte(r.IntN(3))))
		}
		c.mine(txs...)
	}
}

// never is the ledger of the chain as it is, from its start without a stop.
func (c *tokens) never(t testing.TB) (*ledger.Ledger, *store.Store) {
	t.Helper()
	s := open(t, t.TempDir())
	l, err := c.follow(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return l, s
}

// alike compares a ledger and its rows with those of one that never stopped.
func (c *tokens) alike(t testing.TB, l *ledger.Ledger, s *store.Store) {
	t.Helper()
	want, fresh := c.never(t)
	if l.Hash() != want.Hash() || l.Seen() != want.Seen() {
		t.Fatalf("at %v the hash is %v, without a stop %v at %v", l.Seen(), l.Hash(), want.Hash(), want.Seen())
	}
	for name := range byte(3) {
		history := func(s *store.Store) []ledger.Entry {
			h, err := s.AssetHistory(t.Context(), tokenAddress(name), 0, 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		if diff := cmp.Diff(history(fresh), history(s), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	}
	fresh.Close()
}

func TestTheLedgerOfAStoreThatDiesIsThatOfOneThatNeverStopped(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a test's
			c, dir := newTokens(), t.TempDir()
			died := 0
			var l *ledger.Ledger
			for range 6 {
				c.random(t, r)
				s := open(t, dir)
				at, after := 1+r.Uint64N(2), r.IntN(2) == 0
				s.SetFault(func(n uint64) (bool, bool) { return n == at && !after, n == at && after })
				if _, err := c.follow(t, s); errors.Is(err, store.ErrFault) {
					died++
				} else if err != nil {
					t.Fatal(err)
				}
				s.Close()
				s = open(t, dir) // the process is started again
				var err error
				if l, err = c.follow(t, s); err != nil {
					t.Fatal(err)
				}
				c.alike(t, l, s)
				s.Close()
			}
			if died == 0 {
				t.Error("nothing died")
			}
		})
	}
}

// At each of its writes, before and after it, the process dies: what is on disk is the
// ledger of some block, and goes on from there.
func TestTheLedgerIsAtSomeBlockWhereverItDies(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	c := newTokens()
	c.mine(tokenTx(0, tokenIssue(t, 1000)))
	c.mine(tokenTx(0, tokenPay(t, 10), 1))
	c.mine()
	c.mine(tokenTx(0, tokenPay(t, 5), 2), tokenTx(1, tokenPay(t, 3), 2))
	long := c.tip
	c.fork(3)
	for range 2 {
		c.mine(tokenTx(0, tokenPay(t, 1), 2))
	}
	c.mine()
	c.mine(tokenTx(2, tokenPay(t, 2), 1))
	short := c.tip
	hashes := map[chain.BlockRef]chainhash.Hash{}
	for _, tip := range []chain.BlockRef{long, short} {
		s := open(t, t.TempDir())
		for at := tip; at.Height >= 100; at = (chain.BlockRef{Height: at.Height - 1, Hash: c.known[at.Hash].Prev}) {
			c.tip = at
			l, err := c.follow(t, s)
			if err != nil {
				t.Fatal(err)
			}
			hashes[at] = l.Hash()
		}
		s.Close()
	}
	for n, over := uint64(1), false; !over; n++ {
		for _, after := range []bool{false, true} {
			dir := t.TempDir()
			s := open(t, dir)
			s.SetFault(func(k uint64) (bool, bool) { return k == n && !after, k == n && after })
			c.tip = long
			_, err := c.follow(t, s)
			if err == nil {
				c.tip = short
				_, err = c.follow(t, s)
			}
			over = err == nil
			s.Close()
			s = open(t, dir)
			rows, ok, err := s.Ledger(t.Context())
			if err != nil || !ok && n > 1 {
				t.Fatalf("write %d: %v", n, err)
			}
			if l := ledger.Load(rules(), rows); ok && l.Hash() != hashes[l.Seen()] {
				t.Errorf("write %d: the ledger at %v is that of no block", n, l.Seen())
			}
			c.tip = short
			l, err := c.follow(t, s)
			if err != nil || l.Hash() != hashes[short] {
				t.Errorf("write %d: it does not go on to where it should: %v", n, err)
			}
			s.Close()
		}
	}
}

func TestWhatTheLedgerHasIsRead(t *testing.T) {
	c := newTokens()
	tx := tokenTx(0, tokenPay(t, 10), 1)
	c.mine(tokenTx(0, tokenIssue(t, 1000)), tx, tokenTx(1, tokenPay(t, 11), 2))
	_, s := c.never(t)
	ctx := t.Context()
	if p, ok, err := s.Asset(ctx, token); err != nil || !ok || p.Name != "Test" || p.Issuer != tokenAddress(0) {
		t.Errorf("%+v %v", p, err)
	}
	if _, ok, err := s.Asset(ctx, token+1); err != nil || ok {
		t.Error("a property that is not there", err)
	}
	if list, err := s.Assets(ctx, 2, 10); err != nil || len(list) != 2 || list[1].ID != token {
		t.Errorf("%+v %v", list, err)
	}
	if n, err := s.AssetTotal(ctx, token); err != nil || n != 1000 {
		t.Errorf("%d units: %v", n, err)
	}
	key := asset.Key{Address: tokenAddress(1), Property: token}
	holds := func(address string, want ...ledger.Holding) {
		t.Helper()
		got, err := s.AssetHoldings(ctx, address)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	balance := asset.Balance{Key: key, Units: 10}
	holds(key.Address, ledger.Holding{Balance: balance})
	holds("nobody")
	write(t, s, ledger.FrozenRow{Key: key, Frozen: true}, ledger.FrozenRow{Key: key, Frozen: true})
	holds(key.Address, ledger.Holding{Balance: balance, Frozen: true})
	write(t, s, ledger.FrozenRow{Key: key})
	holds(key.Address, ledger.Holding{Balance: balance})
	if e, ok, err := s.AssetEntry(ctx, tx.TxHash()); err != nil || !ok || e.Units != 10 || len(e.Moves) != 2 || e.Height != 101 {
		t.Errorf("%+v %v", e, err)
	}
	if _, ok, err := s.AssetEntry(ctx, chainhash.Hash{9}); err != nil || ok {
		t.Error("an entry of nobody", err)
	}
	if height, ok, err := s.AssetHeight(ctx); err != nil || !ok || height != c.tip.Height {
		t.Errorf("%d %v", height, err)
	}
	first, err := s.AssetHistory(ctx, tokenAddress(0), 0, 0, 1)
	if err != nil || len(first) != 1 || first[0].Type != 50 {
		t.Fatalf("%+v %v", first, err)
	}
	if rest, err := s.AssetHistory(ctx, tokenAddress(0), first[0].Height, first[0].Index+1, 10); err != nil || len(rest) != 1 || rest[0].TxID != tx.TxHash() {
		t.Errorf("%+v %v", rest, err)
	}
	// Two blocks of one height are never there together.
	if err := s.Write(ctx, ledger.BlockRow{Ref: c.tip}); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	if err := s.Write(ctx, ledger.GoneRow{Height: 77}); !errors.Is(err, store.ErrGone) {
		t.Error(err)
	}
}

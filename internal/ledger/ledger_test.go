//go:build !race

package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
)

const first amount.Property = 0x80000003

func script(name string) []byte {
	f := bolt11.Fallback{Version: bolt11.ScriptHash, Program: make([]byte, 20)}
	copy(f.Program, name)
	return f.Script()
}

func addr(name string) string {
	f, _ := bolt11.FallbackOf(script(name))
	return f.Address(bolt11.Regtest)
}

func params() *asset.Params {
	p := asset.Regtest()
	p.Exodus = ""
	return p
}

// outputs are what a chain's transactions spend: an output's hash is whose it is.
type outputs struct {
	*world
	err error
}

func (o outputs) Spent(_ context.Context, at chain.BlockRef) (chain.Scripts, error) {
	out := chain.Scripts{}
	for _, tx := range o.given[at.Hash] {
		for _, in := range tx.TxIn {
			op := in.PreviousOutPoint
			out[op] = script(strings.TrimRight(string(op.Hash[:8]), "\x00"))
			for _, before := range o.given[at.Hash] {
				if before.TxHash() == op.Hash {
					out[op] = before.TxOut[op.Index].PkScript
				}
			}
		}
	}
	return out, o.err
}

// disk keeps rows as the store would.
type disk struct {
	seen       chain.BlockRef
	blocks     []BlockRow
	entries    []Entry
	balances   map[asset.Key]amount.Units
	properties map[amount.Property]asset.Property
	sales      map[string]asset.Crowdsale
	frozen     map[asset.Key]bool
}

func newDisk() disk {
	return disk{
		balances: map[asset.Key]amount.Units{}, properties: map[amount.Property]asset.Property{},
		sales: map[string]asset.Crowdsale{}, frozen: map[asset.Key]bool{},
	}
}

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	for _, r := range rows {
		switch r := r.(type) {
		case SeenRow:
			d.seen = r.BlockRef
		case BlockRow:
			d.blocks = append(d.blocks, r)
		case Entry:
			d.entries = append(d.entries, r)
		case GoneRow:
			last := len(d.blocks) - 1
			if d.blocks[last].Ref.Height != r.Height {
				return errors.New("no such row")
			}
			d.blocks = d.blocks[:last]
			d.entries = slices.DeleteFunc(d.entries, func(e Entry) bool { return e.Height == r.Height })
		case BalanceRow:
			put(d.balances, r.Key, r.Units, r.Units > 0)
		case PropertyRow:
			if r.Property == nil {
				delete(d.properties, r.ID)
			} else {
				d.properties[r.ID] = *r.Property
			}
		case SaleRow:
			if r.Sale == nil {
				delete(d.sales, r.Issuer)
			} else {
				d.sales[r.Issuer] = *r.Sale
			}
		case FrozenRow:
			put(d.frozen, r.Key, true, r.Frozen)
		default:
			return fmt.Errorf("no statement for a %T", r)
		}
	}
	return nil
}

func put[K comparable, V any](m map[K]V, k K, v V, there bool) {
	if there {
		m[k] = v
	} else {
		delete(m, k)
	}
}

// AssetBlock implements [Blocks].
func (d *disk) AssetBlock(_ context.Context, height uint32) (BlockRow, bool, error) {
	for _, b := range d.blocks {
		if b.Ref.Height == height {
			return b, true, nil
		}
	}
	return BlockRow{}, false, nil
}

// rows are what a ledger is loaded from.
func (d *disk) rows() Rows {
	out := Rows{Seen: d.seen, Snapshot: asset.Snapshot{Sales: d.sales, Properties: slices.Collect(maps.Values(d.properties))}}
	for k, u := range d.balances {
		out.Balances = append(out.Balances, asset.Balance{Key: k, Units: u})
	}
	return out
}

// world is a ledger with its chain and its rows.
type world struct {
	t testing.TB
	*Ledger
	disk  disk
	chain []chain.Block
	given map[chainhash.Hash][]*btcwire.MsgTx // by block
	gone  map[chainhash.Hash]chain.Block
	salt  byte
}

func start(t testing.TB) *world {
	ref := chain.BlockRef{Height: 100}
	w := &world{t: t, disk: newDisk(), chain: []chain.Block{{BlockRef: ref}}, given: map[chainhash.Hash][]*btcwire.MsgTx{}, gone: map[chainhash.Hash]chain.Block{}}
	var err error
	if w.Ledger, err = New(params(), ref).Commit(t.Context(), &w.disk); err != nil {
		t.Fatal(err)
	}
	return w
}

// send is a transaction from a name, which carries a payload, to names.
func send(from string, payload []byte, to ...string) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	var hash chainhash.Hash
	copy(hash[:], from)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: hash}})
	tx.AddTxOut(&btcwire.TxOut{PkScript: omni.Script(payload)})
	for _, name := range to {
		tx.AddTxOut(&btcwire.TxOut{PkScript: script(name)})
	}
	return tx
}

func (w *world) next(txs ...*btcwire.MsgTx) chain.Block {
	w.salt++
	last := w.chain[len(w.chain)-1]
	b := chain.Block{Prev: last.Hash, Time: time.Unix(int64(last.Height)*600, 0)}
	b.Height, b.Hash = last.Height+1, chainhash.Hash{w.salt, byte(last.Height)}
	for i, tx := range txs {
		b.Txs = append(b.Txs, chain.Tx{Index: uint32(i + 1), MsgTx: tx})
	}
	w.given[b.Hash] = txs
	return b
}

func (w *world) mine(txs ...*btcwire.MsgTx) []Entry {
	w.t.Helper()
	b := w.next(txs...)
	w.chain = append(w.chain, b)
	return w.apply(chain.Connected{Block: b})
}

func (w *world) back() {
	w.t.Helper()
	last := w.chain[len(w.chain)-1]
	w.chain = w.chain[:len(w.chain)-1]
	w.gone[last.Hash] = last
	w.apply(chain.Disconnected{BlockRef: last.BlockRef, Prev: last.Prev})
}

func (w *world) apply(e chain.Event) []Entry {
	w.t.Helper()
	outcome, err := w.Apply(w.t.Context(), e, outputs{world: w}, &w.disk)
	if err != nil {
		w.t.Fatal(err)
	}
	entries, err := outcome.Commit(w.t.Context(), &w.disk)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func issue(units amount.Units) []byte {
	return must(asset.IssueFixed(true, true, asset.About{Name: "Test"}, units))
}

func pay(units amount.Units) []byte { return must(omni.SimpleSend(first, units)) }

func (w *world) has(a, b amount.Units) {
	w.t.Helper()
	if got := w.Balance(addr("a"), first); got != a {
		w.t.Errorf("a has %d, want %d", got, a)
	}
	if got := w.Balance(addr("b"), first); got != b {
		w.t.Errorf("b has %d, want %d", got, b)
	}
}

func TestBlocksMoveTokensAndReorgsTakeThemBack(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	w.mine()
	w.mine(send("a", pay(10), "b"), send("b", pay(3), "c"), send("a", pay(5000), "b")) // in the block's order
	w.has(990, 7)
	for range 150 { // deeper than any source promises
		w.mine()
	}
	for range 151 {
		w.back()
	}
	w.has(1000, 0)
	w.mine(send("b", pay(3), "c"), send("a", pay(10), "b")) // in another order
	w.has(990, 10)
	w.back()
	w.back()
	w.back()
	if _, ok := w.Property(first); ok || w.Seen().Height != 100 || len(w.disk.blocks) != 0 {
		t.Error("something is left")
	}
}

func TestAnOutputOfTheSameBlockCanBeSpent(t *testing.T) {
	w := start(t)
	one := send("a", issue(1000), "b")
	two := send("", issue(5))
	two.TxIn[0].PreviousOutPoint = btcwire.OutPoint{Hash: one.TxHash(), Index: 1}
	w.mine(one, two)
	if p, ok := w.Property(first + 1); !ok || p.Issuer != addr("b") {
		t.Errorf("issued by %q", p.Issuer)
	}
}

func TestACoinbaseIsNotLookedUp(t *testing.T) {
	w := start(t)
	tx := send("a", issue(1))
	tx.TxIn[0].PreviousOutPoint = btcwire.OutPoint{Index: btcwire.MaxPrevOutIndex}
	if e := w.mine(tx); e != nil {
		t.Error(e)
	}
}

func TestABlockIsAppliedWholeOrNotAtAll(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	b := w.next(send("a", pay(10), "b"))
	away := errors.New("the server is away")
	if _, err := w.Apply(t.Context(), chain.Connected{Block: b}, outputs{w, away}, &w.disk); !errors.Is(err, away) {
		t.Error(err)
	}
	w.has(1000, 0)
	w.chain = append(w.chain, b)
	w.apply(chain.Connected{Block: b})
	w.has(990, 10)
}

func TestBlocksMustFollowEachOther(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	gap, other := w.next(), w.next()
	gap.Height++
	other.Prev = chainhash.Hash{9}
	for _, e := range []chain.Event{
		chain.Connected{Block: gap}, chain.Connected{Block: other}, chain.Disconnected{BlockRef: w.chain[0].BlockRef}, nil,
	} {
		if _, err := w.Apply(t.Context(), e, outputs{world: w}, &w.disk); !errors.Is(err, ErrOrder) {
			t.Errorf("%v: %v", e, err)
		}
	}
}

func TestAnEntrySaysWhatBecameOfATransaction(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	tx := send("a", pay(10), "b")
	w.mine(tx, send("c", pay(1), "b"))
	w.mine()
	if len(w.disk.entries) != 3 || len(w.disk.blocks) != 2 {
		t.Fatalf("%+v", w.disk.entries)
	}
	e := w.disk.entries[1]
	if e.TxID != tx.TxHash() || e.Height != 102 || e.Units != 10 || e.Sender != addr("a") || e.Reference != addr("b") || e.Failure != "" || len(e.Moves) != 2 {
		t.Errorf("%+v", e)
	}
	if e := w.disk.entries[2]; e.Failure != asset.ErrBalance.Error() || len(e.Moves) != 0 {
		t.Errorf("%+v", e)
	}
	w.back()
	w.back()
	if len(w.disk.entries) != 1 {
		t.Error("what a reorg undid is in the history")
	}
}

// What would become of a transaction is asked before it is sent.
func TestATransactionIsTriedWithoutATrace(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	before := w.Hash()
	out := w.Try(
		[]*btcwire.MsgTx{send("a", pay(900), "b"), send("a", pay(200), "b"), send("b", pay(100), "c"), btcwire.NewMsgTx(2)},
		[][]byte{script("a"), script("a"), script("b"), script("c")},
	)
	for i, want := range []error{nil, asset.ErrBalance, nil, ErrNotOmni} {
		if !errors.Is(out[i].Err, want) {
			t.Errorf("transaction %d: %v", i, out[i].Err)
		}
	}
	if w.Hash() != before {
		t.Error("it is another ledger")
	}
	w.mine(send("a", pay(10), "b"))
	w.has(990, 10)
}

// A block that did nothing is not written: on a chain with few tokens most do nothing.
func TestQuietBlocksAreMarkedTogether(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	for range 5 {
		w.mine()
	}
	if w.disk.seen.Height != 101 || w.Seen().Height != 106 {
		t.Errorf("at %d, %d is marked", w.Seen().Height, w.disk.seen.Height)
	}
	mark := func() {
		t.Helper()
		if _, err := w.Mark().Commit(t.Context(), &w.disk); err != nil {
			t.Fatal(err)
		}
	}
	mark()
	mark()
	if w.disk.seen != w.Seen() {
		t.Errorf("%v is marked", w.disk.seen)
	}
	for range 5 {
		w.back() // as far as what is not marked goes, and on
	}
	if got := Load(params(), w.disk.rows()); got.Hash() != w.Hash() || got.Seen().Height != 106 {
		t.Errorf("loaded at %v", got.Seen())
	}
	w.back()
	if w.disk.seen.Height != 100 {
		t.Errorf("%v is marked", w.disk.seen)
	}
}

func TestAnAlarmComesWithItsBlock(t *testing.T) {
	w := start(t)
	w.mine(send("a", issue(1000)))
	zero := must(omni.SendToMany(first, omni.Entry{Output: 1, Units: 5}, omni.Entry{Output: 2, Units: 1}))
	zero[len(zero)-1] = 0
	e := w.mine(send("a", zero, "b", "c"))
	if len(e) != 1 || e[0].Alarm == "" {
		t.Errorf("%+v", e)
	}
	w.has(1000, 0)
}

func TestTheHashIsThatOfOmniCore(t *testing.T) {
	// The form of the lines is that of Omni Core's checkpoint_tests.cpp, as in
	// "3CwZ7FiQ4MqBenRdCkjjc41M5bnoKQGC2b|3|7|0|0|0"; its hashes print in reverse.
	w := start(t)
	texts := "\x00\x00Sale\x00\x00\x00"
	sale := append([]byte{0, 0, 0, 51, 2, 0, 2, 0, 0, 0, 0}, texts...)
	sale = binary.BigEndian.AppendUint32(sale, uint32(first))
	sale = binary.BigEndian.AppendUint64(sale, 200_000_000)
	sale = append(binary.BigEndian.AppendUint64(sale, 5_000_000), 0, 50)
	w.mine(send("a", issue(1000)), send("b", sale), send("a", pay(10), "b"))
	lines := []string{
		addr("a") + "|2147483651|990|0|0|0",
		addr("b") + "|2147483651|10|0|0|0", addr("b") + "|2147483652|10|0|0|0",
	}
	if addr("b") < addr("a") {
		lines = append(lines[1:], lines[0])
	}
	// a gets 20 for 10, b half of that.
	lines = strings.Split(strings.ReplaceAll(strings.Join(lines, "\n"), addr("a")+"|2147483651|990|0|0|0", addr("a")+"|2147483651|990|0|0|0\n"+addr("a")+"|2147483652|20|0|0|0"), "\n")
	balances := strings.Join(lines, "")
	rest := "2147483652|2147483651|5000000|20|10" + "1|" + "2|" + "2147483651|" + addr("a") + "2147483652|" + addr("b")
	want := chainhash.Hash(sha256.Sum256([]byte(balances + rest)))
	if got := w.Hash(); got != want {
		t.Errorf("%v, want %v of %s", got, want, balances+rest)
	}
	var one strings.Builder
	for _, l := range lines {
		if strings.Contains(l, "|2147483651|") {
			one.WriteString(l)
		}
	}
	if got, want := w.BalancesHash(first), chainhash.Hash(sha256.Sum256([]byte(one.String()))); got != want {
		t.Errorf("%v, want %v of %s", got, want, one.String())
	}
	// Omni Core's sources: SHA256("abc") prints as this.
	if s := chainhash.Hash(sha256.Sum256([]byte("abc"))).String(); s != "ad1500f261ff10b49c7a1796a36103b02322ae5dde404141eacf018fbf1678ba" {
		t.Error(s)
	}
}

func TestAChainHasOneLedgerWhateverTheWayThere(t *testing.T) {
	same := cmp.Options{cmpopts.EquateEmpty()}
	rapid.Check(t, func(rt *rapid.T) {
		w := start(t)
		names := []string{"a", "b", "c"}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			if len(w.chain) > 1 && rapid.IntRange(0, 3).Draw(rt, "back?") == 0 {
				for range rapid.IntRange(1, len(w.chain)-1).Draw(rt, "depth") {
					w.back()
				}
				continue
			}
			if rapid.IntRange(0, 5).Draw(rt, "restart?") == 0 {
				w.restart()
			}
			var txs []*btcwire.MsgTx
			for range rapid.IntRange(0, 3).Draw(rt, "transactions") {
				name := func(label string) string { return rapid.SampledFrom(names).Draw(rt, label) }
				units := amount.Units(rapid.Uint64Range(1, 60).Draw(rt, "units"))
				payload := issue(units)
				switch rapid.IntRange(0, 5).Draw(rt, "type") {
				case 0:
				case 1:
					payload = []byte{0, 0, 0, 4, 2}
				case 2:
					payload = must(omni.SendToMany(first, omni.Entry{Output: 1, Units: units}, omni.Entry{Output: 2, Units: 1}))
				default:
					payload = pay(units)
				}
				txs = append(txs, send(name("from"), payload, name("to"), name("and to")))
			}
			w.mine(txs...)
		}
		fresh := start(t)
		fresh.given = w.given
		for _, b := range w.chain[1:] {
			fresh.chain = append(fresh.chain, b)
			fresh.apply(chain.Connected{Block: b})
		}
		w.restart()
		if fresh.Hash() != w.Hash() || fresh.Seen() != w.Seen() {
			rt.Fatal("a fresh one has another hash")
		}
		if diff := cmp.Diff(fresh.disk.entries, w.disk.entries, same); diff != "" {
			rt.Fatalf("a fresh one has another history: %s", diff)
		}
		for range w.chain[1:] { // what was loaded goes back as well
			w.back()
		}
		if empty := start(t); w.Hash() != empty.Hash() || len(w.disk.blocks)+len(w.disk.entries)+len(w.disk.balances) != 0 {
			rt.Fatal("the start is another")
		}
	})
}

// restart loads the ledger from its rows, and reads again what was not marked.
func (w *world) restart() {
	w.t.Helper()
	w.Ledger = Load(params(), w.disk.rows())
	at := slices.IndexFunc(w.chain, func(b chain.Block) bool { return b.BlockRef == w.Seen() })
	if at < 0 { // a source says that it is gone, and what came before
		at = w.leave()
	}
	for _, b := range w.chain[at+1:] {
		w.apply(chain.Connected{Block: b})
	}
}

// leave goes back to a block of the chain, and gives its place.
func (w *world) leave() int {
	for {
		gone := w.gone[w.Seen().Hash]
		w.apply(chain.Disconnected{BlockRef: gone.BlockRef, Prev: gone.Prev})
		if at := slices.IndexFunc(w.chain, func(b chain.Block) bool { return b.BlockRef == w.Seen() }); at >= 0 {
			return at
		}
	}
}

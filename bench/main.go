// Bench fills a node with invoices and payments and measures what its users wait for:
// making an invoice, finding one, a page of a list, a search, the start. It prints one
// line a figure; docs/performance.md has the figures and the goals.
//
//	go run ./bench -invoices 1000000 -payments 1000000
//
// With -real it makes payments through three nodes instead, and says by how much the
// database of each has grown.
//
//	go run ./bench -real 3000 -tables
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

func main() {
	invoices := flag.Int("invoices", 20_000, "how many invoices to store")
	payments := flag.Int("payments", 20_000, "how many payments to store")
	realOnes := flag.Int("real", 0, "instead: how many payments of 1 sat to make through two channels")
	tables := flag.Bool("tables", false, "with real: say what each table and index grew by")
	dir := flag.String("dir", "", "where; a folder that is deleted when not given")
	flag.Parse()
	err := within(*dir, func(dir string) error {
		if *realOnes > 0 {
			return measureReal(dir, *realOnes, *tables)
		}
		return run(*invoices, *payments, dir)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// within runs f in a folder, one that is deleted when none is given.
func within(dir string, f func(dir string) error) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "leyden-bench"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	return f(dir)
}

func run(invoices, payments int, dir string) (err error) {
	b := &bench{ctx: context.Background(), dir: dir}
	if b.chain, err = regtest.Open(""); err != nil {
		return err
	}
	defer b.chain.Close()
	if err := b.open(); err != nil {
		return err
	}
	if err := b.fill(invoices, payments); err != nil {
		return err
	}
	if err := b.node.Close(); err != nil {
		return err
	}
	if err := b.start(); err != nil {
		return err
	}
	if err := b.find(invoices); err != nil {
		return err
	}
	if err := b.lists(invoices, payments); err != nil {
		return err
	}
	return b.node.Close()
}

// bench is a node that is measured.
type bench struct {
	ctx   context.Context
	dir   string
	chain *regtest.Chain
	node  *node.Node
	made  atomic.Int64 // invoices
}

func (b *bench) open() (err error) {
	b.node, err = node.Open(b.ctx, node.Config{
		Dir: b.dir, Network: b.chain.Params(), Source: b.chain, Alias: "bench", Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	return err
}

// call gives a command as a client does, from JSON to JSON, and its answer to into.
func (b *bench) call(method, params string, into any) error {
	res, err := api.Call(b.ctx, b.node, method, json.RawMessage(params))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, params, err)
	}
	raw, err := json.Marshal(res)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func figure(what, format string, values ...any) {
	fmt.Printf("%-60s %s\n", what, fmt.Sprintf(format, values...))
}

// things are what the invoices are for.
var things = []string{"t-shirt", "tea", "a ticket", "coffee", "a book", "hosting, one month", "a game", "bread"}

// make makes invoices with so many callers at once, and says how many a second.
func (b *bench) make(callers, count int) (float64, error) {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	var left atomic.Int64
	left.Store(int64(count))
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 && failed.Load() == nil {
				i := b.made.Add(1)
				err := b.call("invoice", fmt.Sprintf(`[%d,"order %07d","%s, for customer %d"]`, 1000*(i%500+1), i, things[i%int64(len(things))], i%9973), nil)
				if err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(count) / time.Since(began).Seconds(), nil
}

// size is that of the database in bytes, with what is not yet in its main file.
func (b *bench) size() int64 {
	var sum int64
	for _, name := range []string{"leyden.sqlite3", "leyden.sqlite3-wal"} {
		if info, err := os.Stat(filepath.Join(b.dir, name)); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func (b *bench) fill(invoices, payments int) error {
	before := b.size()
	for _, callers := range []int{1, 16, 64} {
		count := invoices / 20
		if callers == 64 {
			count = invoices - int(b.made.Load())
		}
		rate, err := b.make(callers, count)
		if err != nil {
			return err
		}
		figure(fmt.Sprintf("invoices a second, callers %d", callers), "%.0f", rate)
	}
	figure("database bytes an invoice", "%d", (b.size()-before)/int64(max(invoices, 1)))
	before = b.size()
	took, err := b.pay(payments)
	if err != nil {
		return err
	}
	figure("payment rows written a second (not payments)", "%.0f", float64(payments)/took.Seconds())
	figure("database bytes a payment", "%d", (b.size()-before)/int64(max(payments, 1)))
	return nil
}

// pay writes the rows of payments that are complete, as a payment over two hops leaves
// them. The payments themselves are measured elsewhere.
func (b *bench) pay(count int) (time.Duration, error) {
	const batch = 1000
	now := uint64(time.Now().Unix()) //nolint:gosec // not negative
	scid := wire.NewShortChannelID(500_000, 7, 1)
	var rows []durable.Row
	var took time.Duration
	for i := range count {
		var preimage wire.Preimage
		binary.BigEndian.PutUint64(preimage[:], uint64(i)+1) //nolint:gosec // not negative
		hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
		id := uint64(i) + 1 //nolint:gosec // not negative
		what := fmt.Sprintf("%s, for customer %d", things[i%len(things)], i%9973)
		text, err := b.billed(hash, what, now)
		if err != nil {
			return 0, err
		}
		rows = append(rows,
			pay.PaymentRow{
				PaymentHash: hash, Destination: b.node.ID(), Amount: 2_000_000, Bolt11: text, Description: what, Group: 1, CreatedAt: now, MaxFee: 10_000, MaxDelay: 2016, RetryUntil: now + 60,
			},
			pay.AttemptRow{
				ID: id, PaymentHash: hash, Group: 1, Part: 1, Amount: 2_000_000, Sent: 2_001_000, CreatedAt: now,
				Hops: []pay.Hop{
					{NodeID: b.node.ID(), SCID: scid, Amount: 2_001_000, CLTVExpiry: 100},
					{NodeID: b.node.ID(), SCID: scid, Amount: 2_000_000, CLTVExpiry: 60},
				},
			},
			pay.AttemptResultRow{ID: id, Status: pay.Complete, Preimage: preimage, CompletedAt: now},
			pay.PaymentResultRow{PaymentHash: hash, Status: pay.Complete, Preimage: preimage, AmountSent: 2_001_000, Parts: 1, CompletedAt: now},
		)
		if len(rows) >= 4*batch || i == count-1 {
			began := time.Now()
			if err := b.node.Store().Write(b.ctx, rows...); err != nil {
				return 0, err
			}
			took += time.Since(began)
			rows = rows[:0]
		}
	}
	return took, nil
}

// billed is an invoice that somebody might have given us.
func (b *bench) billed(hash wire.PaymentHash, what string, now uint64) (string, error) {
	amt := amount.MilliSatoshi(2_000_000)
	inv := bolt11.Invoice{
		Network: b.node.Prefix(), Amount: &amt, Timestamp: now, PaymentHash: hash, PaymentSecret: sha256.Sum256(hash[:]), Description: &what,
		Expiry: 3600, MinFinalCLTVExpiryDelta: 18, Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP+1),
	}
	return inv.Encode(bolt11.Signer{ID: b.node.ID(), Sign: b.node.SignDigest})
}

// start measures a start until commands are answered.
func (b *bench) start() error {
	began := time.Now()
	if err := b.open(); err != nil {
		return err
	}
	if err := b.call("getinfo", "[]", nil); err != nil {
		return err
	}
	figure("start until getinfo answers", "%s", time.Since(began).Round(time.Millisecond))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	figure("heap after the start", "%.1f MiB", float64(m.HeapAlloc)/(1<<20))
	return nil
}

// measure gives a command some times, and prints median and slowest.
func (b *bench) measure(what string, times int, call func(i int) (method, params string)) error {
	var took []time.Duration
	for i := range times {
		method, params := call(i)
		began := time.Now()
		if err := b.call(method, params, nil); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	figure(what, "p50 %s, p99 %s", took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond))
	return nil
}

// spread is a number from 1 to n, another one each time.
func spread(i, n int) int { return i*7919%n + 1 }

func (b *bench) find(invoices int) error {
	hashes := make([]string, 200)
	for i := range hashes {
		var res struct {
			Invoices []struct {
				Hash string `json:"payment_hash"`
			}
		}
		if err := b.call("listinvoices", fmt.Sprintf(`["order %07d"]`, spread(i, invoices)), &res); err != nil {
			return err
		}
		hashes[i] = res.Invoices[0].Hash
	}
	if err := b.measure("an invoice by label", len(hashes), func(i int) (string, string) {
		return "listinvoices", fmt.Sprintf(`["order %07d"]`, spread(i+1000, invoices))
	}); err != nil {
		return err
	}
	return b.measure("an invoice by hash", len(hashes), func(i int) (string, string) {
		return "listinvoices", fmt.Sprintf(`[null,null,"%s"]`, hashes[i])
	})
}

func (b *bench) lists(invoices, payments int) error {
	for _, m := range []struct{ what, method, params string }{
		{"first page of 100 invoices", "listinvoices", `{"index":"created","start":0,"limit":100}`},
		{"last page of 100 invoices", "listinvoices", fmt.Sprintf(`{"index":"created","start":%d,"limit":100}`, max(invoices-99, 0))},
		{"first page of 100 payments", "listpays", `{"index":"created","start":0,"limit":100}`},
		{"last page of 100 payments", "listpays", fmt.Sprintf(`{"index":"created","start":%d,"limit":100}`, max(payments-99, 0))},
		{"search: the newest 100", "searchinvoices", `{}`},
		{"search: a word that one in eight has", "searchinvoices", `{"text":"hosting"}`},
		{"search: one label", "searchinvoices", fmt.Sprintf(`{"text":"order %07d"}`, invoices/3+1)},
		{"search: part of a label", "searchinvoices", fmt.Sprintf(`{"text":"%06d"}`, invoices/30+1)},
		{"search: what nothing has", "searchinvoices", `{"text":"customer in trouble"}`},
		{"search: two letters", "searchinvoices", `{"text":"zz"}`},
		{"search: paid ones, of which there are none", "searchinvoices", `{"status":"paid"}`},
		{"sql: the newest 100", "sql", `["SELECT label FROM invoices ORDER BY created_index DESC LIMIT 100"]`},
		{"sql: the newest of a kind by index", "sql", fmt.Sprintf(`["SELECT label FROM invoices WHERE created_index > %d AND status = 'unpaid' LIMIT 100"]`, invoices-1000)},
	} {
		if err := b.measure(m.what, 50, func(int) (string, string) { return m.method, m.params }); err != nil {
			return err
		}
	}
	return nil
}

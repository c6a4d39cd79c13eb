package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/race"
)

// order is one payment of the load.
type order struct {
	invoiceResult
	amount amount.Satoshi
	kind   kind
	told   string // what pay said last: complete or failed
}

type kind int

const (
	insistent kind = iota // paid again until it is paid
	once                  // a failure is taken for an answer
	unknown               // the payee has forgotten the invoice: it refuses
	tooMuch               // more than anybody has
)

// orders makes the invoices, in a random order: distinct amounts up to the largest
// in satoshi, and dust.
func orders(payee *daemon, count, largest int, rnd *rand.Rand) []*order {
	var out []*order
	for i := range count {
		o := &order{amount: amount.Satoshi(1_000 + (largest-1_000)*i*i/(count*count)), kind: insistent} //nolint:gosec // small
		switch i % 10 {
		case 0, 5:
			o.amount = amount.Satoshi(1 + i/5) //nolint:gosec // small
		case 1, 6:
			o.kind = once
		case 3:
			o.kind = unknown
		case 8:
			o.amount, o.kind = amount.Satoshi(2_000_000+i), tooMuch //nolint:gosec // small
		}
		label := strconv.Itoa(i)
		o.invoiceResult = ask[invoiceResult](payee, "invoice", fmt.Sprintf("%dsat", o.amount), label, "load")
		if o.kind == unknown {
			ask[struct{}](payee, "delinvoice", label, "unpaid")
		}
		out = append(out, o)
	}
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// payUntilTold pays until the answer is definite, whatever becomes of the socket.
func payUntilTold(payer *daemon, o *order) error {
	const retryFor = 20
	deadline := time.Now().Add(4 * longest) // parts of a payment may be held for a minute each time
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		_, err := payer.call("pay", o.Bolt11, nil, nil, nil, nil, retryFor)
		var refused *command.Error
		switch {
		case err == nil:
			o.told = "complete"
			return nil
		case errors.Is(err, errSilent):
			return err
		case !errors.As(err, &refused), refused.Code == command.Failed, refused.Code == command.PayInProgress:
			// The socket was lost, or the daemon is stopping: who knows.
		case refused.Code < command.PayInProgress || refused.Code > command.PayStoppedRetrying:
			return err
		default:
			o.told = "failed"
			if o.kind != insistent {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no definite answer in time; the last was: %w", err)
		}
	}
}

// A killed daemon loses what it has not written, and says nothing that it has not
// written: so nothing is lost, paid twice, or paid by halves.
func TestNothingIsLostWhenDaemonsAreKilled(t *testing.T) {
	count, kills, callers := 60, 6, 8
	if testing.Short() || race.Enabled {
		count, kills = 20, 3
	}
	// Up to 10,000 sat a payment is not split. Of one that is, the payee may hold some
	// parts when others fail, for the 60 seconds that BOLT 4 asks for.
	largest := 10_000
	if os.Getenv("LEYDEN_TEST_SPLIT") != "" {
		largest = 50_000 // all together still fit the channel
	}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any
	if text, ok := os.LookupEnv("LEYDEN_TEST_SEED"); ok {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed: LEYDEN_TEST_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))

	n := newNetwork(t)
	alice, carol, bob := n.add("alice"), n.add("carol"), n.add("bob")
	n.open(alice, carol, 1_000_000)
	n.open(carol, bob, 1_000_000)
	n.ready(alice, 4)
	before := n.quiet()
	load := orders(bob, count, largest, rnd)

	began := time.Now()
	sure := 0 // to be paid in the end
	for _, o := range load {
		if o.kind == insistent {
			sure++
		}
	}
	n.run(alice, load, callers, kills, sure/kills, rnd)
	t.Logf("%d payments told after %v", count, time.Since(began).Round(time.Millisecond))
	after := n.quiet()
	t.Logf("no HTLC is left after %v", time.Since(began).Round(time.Millisecond))

	sent, received := checkPayments(t, alice, bob, load)
	for name, want := range map[string]int64{
		"alice": -int64(sent), "carol": int64(sent - received), "bob": int64(received), //nolint:gosec // below MaxMoney
	} {
		if got := int64(after[name]) - int64(before[name]); got != want { //nolint:gosec // below MaxMoney
			t.Errorf("%s's balance changed by %d msat, want %d", name, got, want)
		}
	}
	if got := ask[infoResult](carol, "getinfo").FeesCollected; got != sent-received {
		t.Errorf("carol says she collected %s, want %s", got, sent-received)
	}
}

// run pays the whole load with so many callers. Each time that so many payments
// more are paid it kills a random daemon, so many times in all, with whatever the
// other callers have under way, and starts it again.
func (n *network) run(payer *daemon, load []*order, callers, kills, every int, rnd *rand.Rand) {
	n.tb.Helper()
	work := make(chan *order, len(load))
	for _, o := range load {
		work <- o
	}
	close(work)
	paid := make(chan struct{}, len(load))
	var paying sync.WaitGroup
	for range callers {
		paying.Go(func() {
			for o := range work {
				if err := payUntilTold(payer, o); err != nil {
					n.tb.Errorf("payment of %d sat: %v", o.amount, err)
				}
				if o.told == "complete" {
					paid <- struct{}{}
				}
			}
		})
	}
	go func() {
		paying.Wait()
		close(paid)
	}()
	count, inFlight := 0, 0
	for range paid {
		if count++; kills == 0 || count%every != 0 {
			continue
		}
		kills--
		d := n.daemons[rnd.IntN(len(n.daemons))]
		if err := errors.Join(d.kill(), d.start()); err != nil {
			n.tb.Error(err)
			break
		}
		htlcs := 0
		for _, c := range d.channels() {
			htlcs += len(c.HTLCs)
		}
		n.tb.Logf("killed %s after %d payments; it came back with %d HTLCs", d.name, count, htlcs)
		inFlight += htlcs
	}
	paying.Wait()
	if kills > 0 || inFlight == 0 {
		n.tb.Errorf("%d kills were left, and %d HTLCs were in flight at the others: this has tested little", kills, inFlight)
	}
}

// quiet waits until every channel is connected and without HTLCs, checks that both
// sides of each agree, and returns what each daemon has in channels.
func (n *network) quiet() map[string]amount.MilliSatoshi {
	n.tb.Helper()
	var rows map[*daemon][]channelResult
	eventually(n.tb, "the HTLCs to be removed", func() bool {
		rows = map[*daemon][]channelResult{}
		for _, d := range n.daemons {
			rows[d] = d.channels()
			for _, c := range rows[d] {
				if !c.Connected || c.State != "CHANNELD_NORMAL" || len(c.HTLCs) > 0 {
					return false
				}
			}
		}
		return true
	})
	balances := map[string]amount.MilliSatoshi{}
	sides := map[string][]channelResult{}
	for d, channels := range rows {
		for _, c := range channels {
			balances[d.name] += c.ToUs
			sides[c.ID] = append(sides[c.ID], c)
		}
	}
	for id, c := range sides {
		if len(c) != 2 || c[0].ToUs+c[1].ToUs != c[0].Total || c[0].Total != c[1].Total {
			n.tb.Errorf("channel %s: its sides do not sum to its capacity: %+v", id, c)
		}
	}
	return balances
}

// What the checks read of listpays and listinvoices.
type (
	payResult struct {
		PaymentHash wire.PaymentHash `json:"payment_hash"`
		Status      string
		Preimage    wire.Preimage
		Amount      amount.MilliSatoshi `json:"amount_msat"`
		Sent        amount.MilliSatoshi `json:"amount_sent_msat"`
	}
	paidResult struct {
		PaymentHash wire.PaymentHash `json:"payment_hash"`
		Status      string
		PayIndex    uint64              `json:"pay_index"`
		Received    amount.MilliSatoshi `json:"amount_received_msat"`
	}
)

// checkPayments compares what the payer was told, what it has on disk, and what
// the payee has, and returns the sums.
func checkPayments(t *testing.T, payer, payee *daemon, load []*order) (sent, received amount.MilliSatoshi) {
	t.Helper()
	pays := map[wire.PaymentHash]payResult{}
	for _, p := range ask[struct{ Pays []payResult }](payer, "listpays").Pays {
		pays[p.PaymentHash] = p
	}
	invoices := map[wire.PaymentHash]paidResult{}
	for _, i := range ask[struct{ Invoices []paidResult }](payee, "listinvoices").Invoices {
		invoices[i.PaymentHash] = i
	}
	var indexes []uint64
	ends := map[string]int{}
	for _, o := range load {
		p, i := pays[o.PaymentHash], invoices[o.PaymentHash]
		ends[o.told]++
		if p.Status != o.told && (o.told != "failed" || p.Status != "") { // no row: refused before anything was sent
			t.Errorf("payment of %d sat: the payer was told %q, and has %q", o.amount, o.told, p.Status)
		}
		if paid := i.Status == "paid"; paid != (p.Status == "complete") {
			t.Errorf("payment of %d sat: the payer has %q, the payee %q", o.amount, p.Status, i.Status)
		}
		if o.kind == insistent && o.told != "complete" || o.kind >= unknown && o.told != "failed" {
			t.Errorf("payment of %d sat, kind %d: %s", o.amount, o.kind, o.told)
		}
		if p.Status != "complete" {
			continue
		}
		if sha256.Sum256(p.Preimage[:]) != p.PaymentHash {
			t.Errorf("payment of %d sat: the preimage is not that of the hash", o.amount)
		}
		if i.Received != o.amount.Msat() || p.Amount != o.amount.Msat() {
			t.Errorf("payment of %d sat: %s arrived, and the payer believes %s", o.amount, i.Received, p.Amount)
		}
		indexes = append(indexes, i.PayIndex)
		sent += p.Sent
		received += i.Received
	}
	slices.Sort(indexes)
	for at, index := range indexes {
		if index != uint64(at)+1 { //nolint:gosec // small
			t.Fatalf("invoices were paid in the places %d: one is missing, or paid twice", indexes)
		}
	}
	t.Logf("told: %v; %s sent, %s received", ends, sent, received)
	return sent, received
}

// BenchmarkPaymentsBetweenTwoDaemons pays invoices of 2,000 satoshi over one
// channel, 64 at once, each by a command of its own.
func BenchmarkPaymentsBetweenTwoDaemons(b *testing.B) {
	const (
		sat   = 2_000
		round = 6_000 // payments in one direction, which the channel can carry
	)
	n := newNetwork(b)
	alice, bob := n.add("alice"), n.add("bob")
	n.open(alice, bob, 16_000_000)
	n.ready(alice, 2)
	n.quiet()
	for done := 0; done < b.N; {
		b.StopTimer()
		count := min(round, b.N-done)
		work := make(chan string, count)
		for i := range count {
			work <- ask[invoiceResult](bob, "invoice", fmt.Sprintf("%dsat", sat), strconv.Itoa(done+i), "benchmark").Bolt11
		}
		close(work)
		b.StartTimer()
		var paying sync.WaitGroup
		for range 64 {
			paying.Go(func() {
				for invoice := range work {
					if _, err := alice.call("pay", invoice); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		paying.Wait()
		done += count
		alice, bob = bob, alice
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
	n.quiet()
}

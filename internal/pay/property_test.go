//go:build !race

package pay

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
)

// world is what a payment meets: routes good and bad, channels that carry, fail
// or forget HTLCs, and crashes.
type world struct {
	*bench
	inv     *bolt11.Invoice
	now     uint64
	find    *Find
	offered map[uint64]bool    // HTLCs that were signed
	raw     map[uint64]*Result // results that a channel wrote and nobody has processed
	known   bool               // a preimage came
}

// act takes an outcome and checks everything that must hold.
func (w *world) act(t *rapid.T, offer bool) {
	todo := w.take(t)
	if w.p.asked == nil {
		w.find = nil
	} else if todo.Find != nil {
		w.find = todo.Find
	} else if w.find == nil {
		t.Fatal("it waits for a search that it has not asked for")
	}
	for _, s := range todo.Send {
		if w.known {
			t.Fatal("an HTLC is sent although the preimage is known")
		}
		if offer {
			w.offered[s.Attempt] = true
		} else {
			w.p.Refused(w.now, s.Attempt, errNeverSigned)
		}
	}
	w.check(t)
	if offer && (!reflect.DeepEqual(w.p.row, *w.payment) || !reflect.DeepEqual(w.p.attempts, w.attempts)) {
		t.Fatalf("the rows are not the machine:\n%+v\n%+v", w.p, w.disk)
	}
}

func (w *world) check(t *rapid.T) {
	var sent, delivered amount.MilliSatoshi
	var units, unitsSent amount.Units
	var pending, complete int
	for _, a := range w.attempts {
		switch a.Result.Status {
		case Pending:
			pending++
			sent += a.Sent
			delivered += a.Amount
			units += a.Units
			unitsSent += a.UnitsSent
		case Complete:
			complete++
		case Failed:
		}
	}
	if units > w.payment.Units || unitsSent-units > w.payment.MaxFeeUnits {
		t.Fatalf("%d units in flight, and %d of fees, for a payment of %v", units, unitsSent-units, w.payment.Ask())
	}
	if w.payment.Property == 0 && delivered > w.payment.Amount {
		t.Fatalf("%v in flight for a payment of %v", delivered, w.payment.Amount)
	}
	if sent-delivered > w.payment.MaxFee {
		t.Fatalf("fees of %v in flight, the limit is %v", sent-delivered, w.payment.MaxFee)
	}
	if w.ends > 1 {
		t.Fatal("it ended twice")
	}
	switch w.payment.Result.Status {
	case Complete:
		if complete == 0 || w.payment.Result.Preimage != preimage {
			t.Fatal("complete without a preimage")
		}
	case Failed:
		if pending > 0 || complete > 0 {
			t.Fatal("failed although it may be paid, or is")
		}
	case Pending:
		if complete > 0 {
			t.Fatal("pending although the preimage is known")
		}
	}
}

func (w *world) pendingIDs() (ids []uint64) {
	for _, a := range w.attempts {
		if a.Result.Status == Pending && w.offered[a.ID] && w.raw[a.ID] == nil {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

func (w *world) routes(t *rapid.T, f *Find) []Route {
	if f.Property != 0 {
		return w.tokenRoutes(t, f)
	}
	left := f.Amount
	var routes []Route
	for n := rapid.IntRange(1, 4).Draw(t, "parts"); n > 0 && left > 0; n-- {
		part := left
		if n > 1 {
			part = amount.MilliSatoshi(rapid.Uint64Range(1, uint64(left)).Draw(t, "part"))
		}
		fee := amount.MilliSatoshi(rapid.Uint64Range(0, uint64(f.MaxFee)*2/3+1).Draw(t, "fee"))
		routes = append(routes, via(byte(rapid.IntRange(1, 5).Draw(t, "node")), part, fee))
		left -= part
	}
	if rapid.IntRange(0, 9).Draw(t, "bad") == 0 {
		routes = append(routes, routes[0]) // delivers too much
	}
	return routes
}

// tokenRoutes are routes that carry tokens, with bitcoin of any amount.
func (w *world) tokenRoutes(t *rapid.T, f *Find) []Route {
	left := f.Units
	var routes []Route
	for n := rapid.IntRange(1, 4).Draw(t, "parts"); n > 0 && left > 0; n-- {
		part := left
		if n > 1 {
			part = amount.Units(rapid.Uint64Range(1, uint64(left)).Draw(t, "part"))
		}
		r := via(byte(rapid.IntRange(1, 5).Draw(t, "node")), amount.MilliSatoshi(rapid.Uint64Range(1, 5000).Draw(t, "carrier")), 1000)
		r[1].Units = part
		r[0].Units = part + amount.Units(rapid.Uint64Range(0, uint64(f.MaxFeeUnits)*2/3+1).Draw(t, "fee"))
		routes = append(routes, r)
		left -= part
	}
	switch rapid.IntRange(0, 19).Draw(t, "bad") {
	case 0:
		routes = append(routes, routes[0]) // delivers too much
	case 1:
		routes[0][1].Units = 0
	case 2:
		routes[0][0].Units = routes[0][1].Units - 1
	}
	return routes
}

func (w *world) result(t *rapid.T) *Result {
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		return &Result{Preimage: &preimage}
	}
	return &Result{
		Hop: rapid.IntRange(-1, 3).Draw(t, "hop"),
		Code: rapid.SampledFrom([]onion.Code{
			0, onion.CodeTemporaryChannelFailure, onion.CodeTemporaryNodeFailure, onion.CodePermanentNodeFailure,
			onion.CodeFeeInsufficient, onion.CodeUnknownNextPeer, onion.CodeMPPTimeout, onion.CodeFinalIncorrectCLTVExpiry,
			onion.CodeIncorrectOrUnknownPaymentDetails, onion.CodeAmountBelowMinimum, 0xffff,
		}).Draw(t, "code"),
		Height: 100,
	}
}

// deliver gives the machine a result. Of one that was processed already, nothing
// may follow.
func (w *world) deliver(id uint64, r *Result) {
	w.known = w.known || r.Preimage != nil
	w.p.Resolved(w.now, id, *r)
}

// crash forgets the machine and loads what is on disk.
func (w *world) crash(t *rapid.T) {
	if w.payment.Result.Status != Pending {
		return
	}
	var attempts []Resume
	for _, a := range w.attempts {
		raw := w.raw[a.ID]
		if a.Result.Status == Pending && raw != nil && raw.Preimage != nil {
			w.known = true
		}
		attempts = append(attempts, Resume{Row: a, Alive: w.offered[a.ID] && raw == nil, Raw: raw})
	}
	p, err := Load(*w.payment, w.inv, attempts, us, w.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attempts {
		if _, waits := p.Attempted(a.Row.ID); a.Alive && a.Row.Result.Status == Pending && !waits {
			t.Fatal("an attempt whose HTLC is alive is given up")
		}
	}
	w.p, w.find = p, nil
	w.raw = map[uint64]*Result{}
	w.act(t, true)
}

func TestAPaymentNeverPaysMoreThanItMayAndEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amt := amount.MilliSatoshi(rapid.Uint64Range(1, 10_000_000).Draw(t, "amount"))
		inv := testInvoice(amt, rapid.Bool().Draw(t, "mpp"))
		r := Request{Invoice: inv}
		if rapid.Bool().Draw(t, "tokens") {
			inv.Amount, r.Property, r.Asked = nil, 31, amount.Units(amt)
		}
		b, first := begin(t, r)
		w := &world{bench: b, inv: inv, now: start, find: first.Find, offered: map[uint64]bool{}, raw: map[uint64]*Result{}}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			ids := w.pendingIDs()
			switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
			case what <= 3 && w.find != nil:
				w.p.Routes(w.now, 100, w.routes(t, w.find), w.mint)
			case what == 4 && w.find != nil && rapid.Bool().Draw(t, "really"):
				if why := (&Error{Code: CodeRouteNotFound}); rapid.Bool().Draw(t, "yet") {
					w.p.NoRouteYet(w.now, why)
					w.find = nil
				} else {
					w.p.NoRoute(w.now, why)
				}
			case what == 8 && w.find == nil && rapid.Bool().Draw(t, "again"):
				w.p.Again(w.now)
			case what == 5 && len(ids) > 0: // the channel wrote it, the sender has not heard of it
				w.raw[rapid.SampledFrom(ids).Draw(t, "raw")] = w.result(t)
				continue
			case what == 6:
				if rapid.Bool().Draw(t, "before the write") {
					w.p.Tick(w.now)
				}
				w.crash(t)
				continue
			case what == 7 && rapid.IntRange(0, 5).Draw(t, "time") == 0:
				w.now += rapid.Uint64Range(0, 70).Draw(t, "seconds")
				w.p.Tick(w.now)
			case len(ids) > 0:
				w.deliver(rapid.SampledFrom(ids).Draw(t, "id"), w.result(t))
			}
			if rapid.IntRange(0, 9).Draw(t, "crash before the write") == 0 {
				w.known = false
				for _, a := range w.attempts {
					w.known = w.known || a.Result.Status == Complete
				}
				w.crash(t)
				continue
			}
			w.act(t, rapid.IntRange(0, 9).Draw(t, "offer") > 0)
		}
		for id, r := range w.raw {
			w.deliver(id, r)
		}
		w.raw = map[uint64]*Result{}
		w.act(t, true)
		w.now += 10_000
		w.p.Tick(w.now)
		w.act(t, true)
		for _, id := range w.pendingIDs() {
			w.deliver(id, &Result{Hop: 0, Code: onion.CodeTemporaryChannelFailure})
			w.act(t, true)
		}
		if w.payment.Result.Status == Pending || w.ends != 1 || !w.p.Done() {
			t.Fatalf("no end: %+v", w.payment.Result)
		}
	})
}

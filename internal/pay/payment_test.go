//go:build !race

package pay

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
)

var (
	us       = wire.NodeID{2, 1}
	payee    = wire.NodeID{2, 9}
	preimage = wire.Preimage{7}
	node     = Node{ID: us, Network: bolt11.Regtest}
)

const start = 1_700_000_000

func testInvoice(amt amount.MilliSatoshi, mpp bool) *bolt11.Invoice {
	inv := &bolt11.Invoice{
		Network: bolt11.Regtest, Timestamp: start, PaymentHash: sha256.Sum256(preimage[:]), PaymentSecret: [32]byte{5},
		Payee: payee, Expiry: 3600, MinFinalCLTVExpiryDelta: 18,
		Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret),
	}
	if amt > 0 {
		inv.Amount = &amt
	}
	if mpp {
		inv.Features = wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP+1)
	}
	return inv
}

// disk keeps rows as the store does.
type disk struct {
	payment  *PaymentRow
	attempts []AttemptRow
	ends     int
	events   []string
}

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	for _, r := range rows {
		switch r := r.(type) {
		case PaymentRow:
			if d.payment != nil && d.payment.Result.Status != Failed {
				return errors.New("a payment is replaced that has not failed")
			}
			d.payment = &r
		case PaymentResultRow:
			if d.payment.Result.Status == Complete {
				return errors.New("a complete payment is changed")
			}
			if r.PaymentHash != d.payment.PaymentHash {
				return errors.New("a result of another payment")
			}
			d.payment.Result = r
			d.ends++
		case AttemptRow:
			d.attempts = append(d.attempts, r)
		case AttemptResultRow:
			i := slices.IndexFunc(d.attempts, func(a AttemptRow) bool { return a.ID == r.ID })
			if i < 0 || d.attempts[i].Result.Status != Pending {
				return errors.New("a result of an attempt that is not pending")
			}
			d.attempts[i].Result = r
		case durable.Event:
			d.events = append(d.events, r.State)
		}
	}
	return nil
}

// bench is a machine with its disk.
type bench struct {
	*disk
	p      *Payment
	nextID uint64
}

func (b *bench) take(t interface{ Fatal(...any) }) Todo {
	todo, err := b.p.Take().Commit(context.Background(), b.disk)
	if err != nil {
		t.Fatal(err)
	}
	return todo
}

func (b *bench) mint() Minted {
	b.nextID++
	return Minted{ID: b.nextID, Session: [32]byte{byte(b.nextID)}}
}

func begin(t interface{ Fatal(...any) }, r Request) (*bench, Todo) {
	p, err := New(r, node, 1, start)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{disk: &disk{}, p: p}
	return b, b.take(t)
}

// via makes a route over one channel of ours and one of the node in between.
func via(middle byte, deliver, fee amount.MilliSatoshi) Route {
	return Route{
		{NodeID: wire.NodeID{3, middle}, SCID: wire.ShortChannelID(middle), Amount: deliver + fee, CLTVExpiry: 200},
		{NodeID: payee, SCID: 1000 + wire.ShortChannelID(middle), Amount: deliver, CLTVExpiry: 120},
	}
}

func code(t *testing.T, err error) Code {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is not an *Error", err)
	}
	return e.Code
}

func TestWhatCannotBePaidIsRefusedBeforeAnyRow(t *testing.T) {
	amt := amount.MilliSatoshi(5)
	for name, c := range map[string]struct {
		change func(*Request)
		now    uint64
		want   Code
	}{
		"wrong network":         {func(r *Request) { r.Invoice.Network = bolt11.Mainnet }, start, CodeInvalid},
		"our own invoice":       {func(r *Request) { r.Invoice.Payee = us }, start, CodeInvalid},
		"expired":               {func(*Request) {}, start + 3600, CodeInvoiceExpired},
		"no amount":             {func(r *Request) { r.Invoice.Amount = nil }, start, CodeInvalid},
		"zero amount":           {func(r *Request) { r.Invoice.Amount = nil; r.Amount = new(amount.MilliSatoshi) }, start, CodeInvalid},
		"more than there is":    {func(r *Request) { r.Invoice.Amount = nil; r.Amount = new(amount.Max + 1) }, start, CodeInvalid},
		"asks for nothing":      {func(r *Request) { r.Invoice.Amount = new(amount.MilliSatoshi) }, start, CodeInvalid},
		"asks for too much":     {func(r *Request) { r.Invoice.Amount = new(amount.Max + 1) }, start, CodeInvalid},
		"another amount":        {func(r *Request) { r.Amount = &amt }, start, CodeInvalid},
		"description not in it": {func(r *Request) { r.Invoice.DescriptionHash = &[32]byte{1}; r.Description = "x" }, start, CodeInvalid},
	} {
		r := Request{Invoice: testInvoice(1000, false)}
		c.change(&r)
		if _, err := New(r, node, 1, c.now); err == nil || code(t, err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatTheUserSaysGoesIntoTheSearch(t *testing.T) {
	inv, hash, all := testInvoice(0, true), sha256.Sum256([]byte("1 t-shirt")), amount.Max
	inv.DescriptionHash = &hash
	b, todo := begin(t, Request{
		Invoice: inv, Amount: &all, Description: "1 t-shirt", Exclude: []Exclusion{{SCID: 7, Direction: 1}},
		MaxDelay: 500, RetryFor: new(uint64(10)),
	})
	f := todo.Find
	if f.Amount != amount.Max || f.MaxDelay != 500 || !slices.Equal(f.Exclude, []Exclusion{{SCID: 7, Direction: 1}}) {
		t.Errorf("search: %+v", f)
	}
	if until, ok := b.p.Deadline(); until != start+10 || !ok {
		t.Errorf("it tries until %d, %t", until, ok)
	}
	b, _ = begin(t, Request{Invoice: testInvoice(amount.Max, false), RetryFor: new(uint64(1 << 63))})
	if until, ok := b.p.Deadline(); until != start+3600 || !ok {
		t.Errorf("it tries until %d, %t: the invoice has expired by then", until, ok)
	}
}

func TestFeeLimits(t *testing.T) {
	ppm, exempt, max := uint32(10_000), amount.MilliSatoshi(1), amount.MilliSatoshi(3)
	for _, c := range []struct {
		r    Request
		amt  amount.MilliSatoshi
		want amount.MilliSatoshi
	}{
		{Request{}, 1_000_000, 5000},
		{Request{}, 10_000_000, 50_000},
		{Request{MaxFeePPM: &ppm, ExemptFee: &exempt}, 1_000_000, 10_000},
		{Request{ExemptFee: &exempt}, 1000, 5},
		{Request{MaxFee: &max}, 10_000_000, 3},
	} {
		if got := c.r.maxFee(c.amt); got != c.want {
			t.Errorf("fee limit of %v is %v, not %v", c.amt, got, c.want)
		}
	}
}

func TestAPaymentIsPaidByItsPreimageAndSaysWhatItCost(t *testing.T) {
	b, todo := begin(t, Request{Invoice: testInvoice(1000, false)})
	if todo.Find == nil || todo.Find.Amount != 1000 || todo.Find.MaxParts != 1 || todo.Find.FinalDelta != 18+3 {
		t.Fatalf("search: %+v", todo.Find)
	}
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	todo = b.take(t)
	if len(todo.Send) != 1 || len(b.attempts) != 1 || *todo.Send[0].Secret != [32]byte{5} || todo.Send[0].Total != 1000 {
		t.Fatalf("send: %+v", todo.Send)
	}
	b.p.Resolved(start+1, 1, Result{Preimage: &preimage})
	todo = b.take(t)
	r := b.payment.Result
	if todo.End == nil || todo.End.Err != nil || r.Status != Complete || r.Preimage != preimage || r.AmountSent != 1010 || r.Parts != 1 {
		t.Fatalf("end: %+v, row %+v", todo.End, r)
	}
	if !b.p.Done() || !slices.Equal(b.events, []string{"pending", "complete"}) {
		t.Fatal("not done", b.events)
	}
}

func TestAFailedChannelIsAvoidedInTheNextSearch(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	b.take(t)
	b.p.Resolved(start, 1, Result{Hop: 0, Code: onion.CodeTemporaryChannelFailure})
	todo := b.take(t)
	if todo.Find == nil || len(todo.Find.Avoid) != 1 {
		t.Fatalf("no new search: %+v", todo)
	}
	if l := todo.Find.Avoid[0]; l.SCID != 1001 || l.Below != 1000 {
		t.Fatalf("avoids %+v", l)
	}
	f := b.attempts[0].Result.Failure
	if f.ErringIndex != 1 || f.ErringChannel != 1001 || f.ErringNode != (wire.NodeID{3, 1}) {
		t.Fatalf("failure %+v", f)
	}
	if len(todo.Learn) != 2 || todo.Learn[0].Kind != Carried || todo.Learn[1].Kind != ChannelFailed {
		t.Fatalf("lessons %+v", todo.Learn)
	}
}

func TestAChannelWithNewTermsIsTriedOnThemOnce(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	b.take(t)
	update := &wire.ChannelUpdate{ShortChannelID: 1001, Timestamp: 5, FeeBaseMsat: 11, HTLCMaximumMsat: 1 << 40}
	b.p.Resolved(start, 1, Result{Hop: 0, Code: onion.CodeFeeInsufficient, Update: update})
	todo := b.take(t)
	if todo.Find == nil || len(todo.Find.Avoid) != 0 || len(todo.Find.Updates) != 1 {
		t.Fatalf("%+v", todo.Find)
	}
	if u := todo.Find.Updates[0]; u.SCID != 1001 || u.From != (wire.NodeID{3, 1}) || u.To != b.payment.Destination || u.Update != update {
		t.Fatalf("%+v", u)
	}
	if slices.ContainsFunc(todo.Learn, func(l Lesson) bool { return l.Kind != Carried }) {
		t.Fatalf("other payments learn from it: %+v", todo.Learn)
	}
	b.p.Routes(start, 100, []Route{via(1, 1000, 11)}, b.mint)
	b.take(t)
	again := *update
	again.Timestamp, again.FeeBaseMsat = 6, 12
	b.p.Resolved(start, 2, Result{Hop: 0, Code: onion.CodeFeeInsufficient, Update: &again})
	if todo := b.take(t); todo.Find == nil || len(todo.Find.Avoid) != 1 || todo.Find.Avoid[0].Below != 0 {
		t.Fatalf("%+v", todo.Find)
	}
}

func TestAChannelWhoseTermsWereKeptIsAvoided(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	b.take(t)
	kept := &wire.ChannelUpdate{ShortChannelID: 1001, Timestamp: 5, FeeBaseMsat: 10, HTLCMaximumMsat: 1 << 40}
	b.p.Resolved(start, 1, Result{Hop: 0, Code: onion.CodeFeeInsufficient, Update: kept})
	if todo := b.take(t); todo.Find == nil || len(todo.Find.Avoid) != 1 || len(todo.Find.Updates) != 0 {
		t.Fatalf("%+v", todo.Find)
	}
}

func TestANodeThatFailsIsAvoidedAltogether(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	b.take(t)
	b.p.Resolved(start, 1, Result{Hop: 0, Code: onion.CodeTemporaryNodeFailure})
	if todo := b.take(t); todo.Find == nil || todo.Find.Avoid[0].Node != (wire.NodeID{3, 1}) {
		t.Fatalf("%+v", todo)
	}
}

func TestARefusalByTheDestinationEndsThePayment(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	b.take(t)
	b.p.Resolved(start, 1, Result{Hop: 1, Code: onion.CodeIncorrectOrUnknownPaymentDetails, Height: 100})
	todo := b.take(t)
	if todo.End == nil || todo.End.Err.Code != CodeDestinationPerm || todo.Find != nil || b.payment.Result.Status != Failed {
		t.Fatalf("%+v", todo)
	}
}

func TestABlockThatCameInBetweenIsNoRefusal(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	b.take(t)
	b.p.Resolved(start, 1, Result{Hop: 1, Code: onion.CodeIncorrectOrUnknownPaymentDetails, Height: 103})
	if todo := b.take(t); todo.Find == nil || todo.End != nil {
		t.Fatalf("%+v", todo)
	}
}

func TestEachEndHasItsCode(t *testing.T) {
	for name, c := range map[string]struct {
		input func(b *bench)
		want  Code
	}{
		"no route": {func(b *bench) { b.p.NoRoute(start, &Error{Code: CodeRouteNotFound}) }, CodeRouteNotFound},
		"too dear": {func(b *bench) { b.p.Routes(start, 100, []Route{via(1, 1000, 5001)}, b.mint) }, CodeRouteTooCostly},
		"too slow": {func(b *bench) {
			b.p.Routes(start, 1, []Route{{{NodeID: payee, Amount: 1000, CLTVExpiry: 3000}}}, b.mint)
		}, CodeRouteTooCostly},
		"timed out": {func(b *bench) { b.p.Tick(start + 60) }, CodeStoppedRetrying},
		"expired":   {func(b *bench) { b.p.Tick(start + 3600) }, CodeInvoiceExpired},
		"cancelled": {func(b *bench) { b.p.Cancel(start) }, CodeStoppedRetrying},
		"too many blocks by one": {func(b *bench) {
			b.p.Routes(start, 1, []Route{{{NodeID: payee, Amount: 1000, CLTVExpiry: 2018}}}, b.mint)
		}, CodeRouteTooCostly},
		"nowhere":      {func(b *bench) { b.p.Routes(start, 100, []Route{{}}, b.mint) }, CodeRouteNotFound},
		"to another":   {func(b *bench) { b.p.Routes(start, 100, []Route{via(1, 1000, 0)[:1]}, b.mint) }, CodeRouteNotFound},
		"with nothing": {func(b *bench) { b.p.Routes(start, 100, []Route{via(1, 1000, 0), via(2, 0, 0)}, b.mint) }, CodeRouteNotFound},
		"with a gift": {func(b *bench) {
			b.p.Routes(start, 100, []Route{{{Amount: 999}, {NodeID: payee, Amount: 1000}}}, b.mint)
		}, CodeRouteNotFound},
		"late answer": {func(b *bench) { b.p.NoRouteYet(start+60, &Error{Code: CodeRouteNotFound}) }, CodeRouteNotFound},
		"cancelled twice": {func(b *bench) {
			b.p.Tick(start + 60)
			b.p.Cancel(start + 60)
		}, CodeStoppedRetrying},
		"too much": {func(b *bench) { b.p.Routes(start, 100, []Route{via(1, 1001, 0)}, b.mint) }, CodeRouteNotFound},
	} {
		b, _ := begin(t, Request{Invoice: testInvoice(1000, false)})
		c.input(b)
		todo := b.take(t)
		if todo.End == nil || todo.End.Err == nil || todo.End.Err.Code != c.want || len(b.attempts) > 0 {
			t.Errorf("%s: %+v", name, todo.End)
		}
	}
}

func TestAWayThatMayComeIsWaitedFor(t *testing.T) {
	away := &Error{Code: CodeRouteNotFound, Message: "no channel can carry it now"}
	b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
	b.p.NoRouteYet(start, away)
	b.p.Tick(start + 1)
	if todo := b.take(t); todo.Find != nil || todo.End != nil {
		t.Fatalf("it does not wait: %+v", todo)
	}
	b.p.Again(start + 2)
	if todo := b.take(t); todo.Find == nil {
		t.Fatalf("it does not ask again: %+v", todo)
	}
	b.p.Routes(start+2, 100, []Route{via(1, 600, 1), via(2, 400, 1)}, b.mint)
	b.take(t)
	b.p.Resolved(start+3, 1, Result{Hop: 0, Code: onion.CodeTemporaryChannelFailure})
	b.take(t)
	b.p.NoRouteYet(start+3, away)
	b.take(t)
	b.p.Resolved(start+4, 2, Result{Hop: 0, Code: onion.CodeTemporaryChannelFailure})
	if todo := b.take(t); todo.Find == nil || todo.Find.Amount != 1000 {
		t.Fatalf("the end of a part brings no search: %+v", todo)
	}
	b.p.NoRouteYet(start+4, away)
	b.p.Tick(start + 60)
	if todo := b.take(t); todo.End == nil || todo.End.Err.Code != CodeRouteNotFound || todo.End.Err.Message != away.Message {
		t.Fatalf("%+v", todo.End)
	}
}

func TestNothingIsSentOnceThePreimageIsKnown(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
	b.p.Routes(start, 100, []Route{via(1, 600, 1), via(2, 400, 1)}, b.mint)
	b.take(t)
	b.p.Resolved(start, 2, Result{Hop: 0, Code: onion.CodeTemporaryChannelFailure})
	b.take(t)
	b.p.Routes(start, 100, []Route{via(3, 400, 1)}, b.mint)
	b.p.Resolved(start, 1, Result{Preimage: &preimage}) // before the outcome was taken
	todo := b.take(t)
	if len(todo.Send) != 0 || todo.Find != nil || b.payment.Result.AmountSent != 601 || !b.p.Done() {
		t.Fatalf("%+v, row %+v", todo, b.payment.Result)
	}
}

func TestAManualPaymentNeverPaysAPartTwice(t *testing.T) {
	m := Manual{PaymentHash: sha256.Sum256(preimage[:]), Route: via(1, 600, 1), Total: 1000, Part: 1, Group: 1, Secret: &[32]byte{1}}
	b := &bench{disk: &disk{}}
	var err error
	if b.p, err = NewManual(m, us, start, b.mint); err != nil {
		t.Fatal(err)
	}
	b.take(t)
	again, second, third, other := m, m, m, m
	second.Part, third.Part, other.Part, other.Group = 2, 3, 2, 2
	if err := b.p.Attempt(start, again, b.mint); code(t, err) != CodeInProgress {
		t.Error(err)
	}
	if err := b.p.Attempt(start, other, b.mint); code(t, err) != CodeInProgress {
		t.Error(err)
	}
	if err := b.p.Attempt(start, second, b.mint); err != nil {
		t.Error(err)
	}
	if err := b.p.Attempt(start, third, b.mint); code(t, err) != CodeInProgress {
		t.Error(err)
	}
	b.take(t)
	b.p.Resolved(start, 1, Result{Hop: -1})
	b.take(t)
	if b.payment.Result.Status != Pending || b.attempts[0].Err().Code != CodeUnparseableOnion {
		t.Error(b.payment.Result, b.attempts[0].Err())
	}
	b.p.Resolved(start, 2, Result{Hop: 1, Code: onion.CodeMPPTimeout})
	if todo := b.take(t); todo.End == nil || todo.End.Err.Code != CodeDestinationPerm || !b.p.Done() {
		t.Errorf("%+v", todo)
	}
}

func TestExclusionsSurviveTheirStoredForm(t *testing.T) {
	list := []Exclusion{{Node: payee}, {SCID: 7, Direction: 1}}
	for _, whole := range []amount.MilliSatoshi{0, 7} {
		back, of, err := decodeExclusions(appendExclusions(nil, list, whole))
		if err != nil || !slices.Equal(back, list) || of != whole {
			t.Error(back, of, err)
		}
	}
	if _, _, err := decodeExclusions(make([]byte, 9)); err == nil {
		t.Error("half an amount was read")
	}
}

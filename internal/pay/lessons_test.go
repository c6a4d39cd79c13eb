//go:build !race

package pay

import (
	"errors"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// once is a payment whose only attempt, over node 1, is under way.
func once(t *testing.T, mpp bool) *bench {
	t.Helper()
	b, _ := begin(t, Request{Invoice: testInvoice(1000, mpp)})
	b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
	if todo := b.take(t); len(todo.Send) != 1 || todo.Find != nil {
		t.Fatalf("%+v", todo)
	}
	return b
}

func TestTheCodeSaysWhatTheNextSearchAvoids(t *testing.T) {
	// From node 1, id 3..., to the payee, id 2...: direction 1.
	for name, c := range map[string]struct {
		result Result
		want   []Limit
	}{
		"not enough balance":    {Result{Code: onion.CodeTemporaryChannelFailure}, []Limit{{SCID: 1001, Direction: 1, Below: 1000}}},
		"gone for good":         {Result{Code: onion.CodeUnknownNextPeer}, []Limit{{SCID: 1001, Direction: 1}}},
		"the node itself":       {Result{Code: onion.CodeTemporaryNodeFailure}, []Limit{{Node: wire.NodeID{3, 1}}}},
		"unreadable":            {Result{Hop: -1}, []Limit{{SCID: 1001, Direction: 1, Below: 1000}}},
		"changed on the way":    {Result{Hop: 1, Code: onion.CodeFinalIncorrectHTLCAmount}, []Limit{{SCID: 1001, Direction: 1, Below: 1000}}},
		"the others never came": {Result{Hop: 1, Code: onion.CodeMPPTimeout}, nil},
	} {
		b := once(t, false)
		b.p.Resolved(start, 1, c.result)
		todo := b.take(t)
		if todo.Find == nil || !slices.Equal(todo.Find.Avoid, c.want) {
			t.Errorf("%s: avoids %+v", name, todo.Find)
		}
		if f := b.attempts[0].Result.Failure; c.result.Hop >= 0 && f.ErringDirection != 1 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestANodeThatFailsIsTaughtToAllSearches(t *testing.T) {
	for code, permanent := range map[onion.Code]bool{onion.CodeTemporaryNodeFailure: false, onion.CodePermanentNodeFailure: true} {
		b := once(t, false)
		b.p.Resolved(start, 1, Result{Code: code})
		want := Lesson{Kind: NodeFailed, From: wire.NodeID{3, 1}, Permanent: permanent}
		if got := b.take(t).Learn; !slices.Contains(got, want) {
			t.Errorf("%s: %+v", code, got)
		}
	}
}

func TestNewTermsAreTriedOnceAndNotTwice(t *testing.T) {
	for name, c := range map[string]struct {
		code  onion.Code
		below amount.MilliSatoshi
	}{
		"a fee that is still too low": {onion.CodeFeeInsufficient, 0},
		"a balance that moves":        {onion.CodeTemporaryChannelFailure, 1000},
	} {
		b := once(t, false)
		b.p.Resolved(start, 1, Result{Code: c.code})
		if l := b.take(t).Find.Avoid; len(l) != 1 || l[0].Below != 1000 {
			t.Errorf("%s: after the first %+v", name, l)
		}
		b.p.Routes(start, 100, []Route{via(1, 1000, 20)}, b.mint)
		b.take(t)
		b.p.Resolved(start, 2, Result{Code: c.code})
		if l := b.take(t).Find.Avoid; len(l) != 2 || l[1].Below != c.below {
			t.Errorf("%s: after the second %+v", name, l)
		}
	}
	// Another channel's failure says nothing about this one's terms.
	b := once(t, false)
	b.p.Resolved(start, 1, Result{Code: onion.CodeFeeInsufficient})
	b.take(t)
	b.p.Routes(start, 100, []Route{via(2, 1000, 20)}, b.mint)
	b.take(t)
	b.p.Resolved(start, 2, Result{Code: onion.CodeFeeInsufficient})
	if l := b.take(t).Find.Avoid; len(l) != 2 || l[1].SCID != 1002 || l[1].Below != 1000 {
		t.Errorf("%+v", l)
	}
}

func TestOnlyTheErringChannelsOwnUpdateCounts(t *testing.T) {
	for name, c := range map[string]struct {
		result Result
		scid   wire.ShortChannelID
		want   bool
	}{
		"its own":              {Result{Code: onion.CodeFeeInsufficient}, 1001, true},
		"another's":            {Result{Code: onion.CodeFeeInsufficient}, 1002, false},
		"from the destination": {Result{Hop: 1, Code: onion.CodeFinalIncorrectHTLCAmount}, 1001, false},
		"from nobody knows":    {Result{Hop: -1}, 0, false},
	} {
		b := once(t, false)
		c.result.Update = &wire.ChannelUpdate{ShortChannelID: c.scid, FeeBaseMsat: 11, HTLCMaximumMsat: 1 << 40}
		b.p.Resolved(start, 1, c.result)
		todo := b.take(t)
		if todo.Find == nil || (len(todo.Find.Updates) > 0) != c.want {
			t.Errorf("%s: %+v", name, todo.Find)
		}
		if slices.ContainsFunc(todo.Learn, func(l Lesson) bool { return l.Update != nil }) {
			t.Errorf("%s: other payments learn from it: %+v", name, todo.Learn)
		}
	}
}

func TestAPaidAttemptTeachesThatItsChannelsCarry(t *testing.T) {
	b := once(t, false)
	b.p.Resolved(start, 1, Result{Preimage: &preimage})
	want := []Lesson{
		{Kind: Carried, From: us, To: wire.NodeID{3, 1}, SCID: 1, Amount: 1010},
		{Kind: Carried, From: wire.NodeID{3, 1}, To: payee, SCID: 1001, Amount: 1000},
	}
	if got := b.take(t).Learn; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestARefusalIsLateOnlyWhileTheHTLCHadBlocksLeft(t *testing.T) {
	for height, late := range map[uint32]bool{102: false, 103: true, 119: true, 120: false} {
		b := once(t, false)
		b.p.Resolved(start, 1, Result{Hop: 1, Code: onion.CodeIncorrectOrUnknownPaymentDetails, Height: height})
		if todo := b.take(t); (todo.Find != nil) != late {
			t.Errorf("at %d: %+v", height, todo)
		}
	}
}

func TestAChannelOfOursThatRefusedIsNotAskedForAsMuchAgain(t *testing.T) {
	b := once(t, false)
	b.p.Refused(start, 1, errors.New("not enough balance"))
	todo := b.take(t)
	if todo.Find == nil || !slices.Equal(todo.Find.Avoid, []Limit{{SCID: 1, Below: 1010}}) || len(todo.Learn) > 0 {
		t.Fatalf("%+v", todo)
	}
	if f := b.attempts[0].Result.Failure; f.ErringIndex != 0 || f.ErringNode != us {
		t.Fatalf("%+v", f)
	}
	b.p.Refused(start, 1, errors.New("told twice"))
	if todo := b.take(t); todo.Find != nil || len(todo.Learn) > 0 {
		t.Fatalf("%+v", todo)
	}
	// A restart forgets it: what the channel can carry may have changed.
	p, err := Load(*b.payment, testInvoice(1000, false), []Resume{{Row: b.attempts[0]}}, us, start)
	if err != nil {
		t.Fatal(err)
	}
	b.p = p
	if todo := b.take(t); todo.Find == nil || len(todo.Find.Avoid) > 0 {
		t.Fatalf("%+v", todo)
	}
}

func TestARestartSearchesAgainWithWhatTheRowsTeach(t *testing.T) {
	inv := testInvoice(1000, true)
	b, _ := begin(t, Request{Invoice: inv, Exclude: []Exclusion{{SCID: 7}}})
	b.p.Routes(start, 100, []Route{via(1, 600, 3), via(2, 400, 2)}, b.mint)
	b.take(t)
	if b.attempts[0].Part != 1 || b.attempts[1].Part != 2 {
		t.Fatalf("parts %d and %d", b.attempts[0].Part, b.attempts[1].Part)
	}
	b.p.Resolved(start, 1, Result{Code: onion.CodeTemporaryChannelFailure})
	b.take(t)
	p, err := Load(*b.payment, inv, []Resume{{Row: b.attempts[0]}, {Row: b.attempts[1], Alive: true}}, us, start)
	if err != nil {
		t.Fatal(err)
	}
	b.p = p
	todo := b.take(t)
	f := todo.Find
	if f == nil || f.Amount != 600 || f.MaxFee != DefaultExemptFee-2 || f.MaxParts != maxParts-1 ||
		!slices.Equal(f.Exclude, []Exclusion{{SCID: 7}}) || !slices.Equal(f.Avoid, []Limit{{SCID: 1001, Direction: 1, Below: 600}}) {
		t.Fatalf("%+v", f)
	}
	if len(todo.Learn) > 0 {
		t.Errorf("it is taught twice: %+v", todo.Learn)
	}
	b.p.Routes(start, 100, []Route{via(3, 600, 1)}, b.mint)
	if b.take(t); b.attempts[2].Part != 3 {
		t.Errorf("part %d", b.attempts[2].Part)
	}
	// An attempt that was never signed teaches nothing.
	if p, err = Load(*b.payment, inv, []Resume{{Row: b.attempts[2]}}, us, start); err != nil {
		t.Fatal(err)
	}
	b.p = p
	if todo := b.take(t); todo.Find == nil || len(todo.Find.Avoid) > 0 || b.attempts[2].Result.Status != Failed {
		t.Fatalf("%+v", todo)
	}
}

func TestAnAnswerThatNobodyWaitsForIsIgnored(t *testing.T) {
	b := once(t, true)
	b.p.Routes(start, 100, []Route{via(2, 1000, 10)}, b.mint)
	b.p.NoRoute(start, &Error{Code: CodeRouteNotFound})
	b.p.NoRouteYet(start, &Error{Code: CodeRouteNotFound})
	if todo := b.take(t); len(todo.Send) > 0 || todo.End != nil || todo.Find != nil {
		t.Fatalf("%+v", todo)
	}
	b.p.Tick(start + 60)
	b.p.Cancel(start + 60)
	b.p.Resolved(start+61, 1, Result{Code: onion.CodeTemporaryChannelFailure})
	if todo := b.take(t); todo.End == nil || todo.End.Err.Message != "timed out after 1 attempts" {
		t.Fatalf("%+v", todo.End)
	}
}

func TestACancelledPaymentMakesNoAttemptAndTellsTheFirstReason(t *testing.T) {
	for name, answer := range map[string]func(*bench){
		"routes":    func(b *bench) { b.p.Routes(start, 100, []Route{via(3, 600, 1)}, b.mint) },
		"none":      func(b *bench) { b.p.NoRoute(start, &Error{Code: CodeRouteNotFound}) },
		"time over": func(b *bench) { b.p.Tick(start + 3600) },
	} {
		b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
		b.p.Routes(start, 100, []Route{via(1, 600, 1), via(2, 400, 1)}, b.mint)
		b.take(t)
		b.p.Resolved(start, 1, Result{Code: onion.CodeTemporaryChannelFailure})
		b.p.Cancel(start)
		if _, ok := b.p.Deadline(); ok {
			t.Errorf("%s: it has a deadline", name)
		}
		answer(b)
		b.p.Cancel(start)
		if todo := b.take(t); len(todo.Send) > 0 || todo.End != nil {
			t.Errorf("%s: %+v", name, todo)
		}
		b.p.Resolved(start, 2, Result{Code: onion.CodeTemporaryChannelFailure})
		todo := b.take(t)
		if todo.End == nil || todo.End.Err.Message != "cancelled" || todo.Find != nil {
			t.Errorf("%s: %+v", name, todo)
		}
		if _, ok := b.p.Deadline(); ok {
			t.Errorf("%s: it has ended and has a deadline", name)
		}
	}
}

func TestAPaymentThatIsOverAsksForNoSearch(t *testing.T) {
	for name, over := range map[string]func(*bench){
		"cancelled": func(b *bench) { b.p.Cancel(start) },
		"paid":      func(b *bench) { b.p.Resolved(start, 2, Result{Preimage: &preimage}) },
	} {
		b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
		b.p.Routes(start, 100, []Route{via(1, 600, 1), via(2, 400, 1)}, b.mint)
		b.take(t)
		b.p.Resolved(start, 1, Result{Code: onion.CodeTemporaryChannelFailure})
		if over(b); name == "cancelled" {
			b.p.Resolved(start, 2, Result{Code: onion.CodeTemporaryChannelFailure})
		}
		if todo := b.take(t); todo.Find != nil || todo.End == nil {
			t.Errorf("%s: %+v", name, todo)
		}
	}
}

func TestAPaymentGivesUpAfterManyAttempts(t *testing.T) {
	b, todo := begin(t, Request{Invoice: testInvoice(1000, false)})
	for todo.Find != nil {
		b.p.Routes(start, 100, []Route{via(1, 1000, 10)}, b.mint)
		b.take(t)
		b.p.Resolved(start, b.nextID, Result{Code: onion.CodeTemporaryChannelFailure})
		todo = b.take(t)
	}
	if len(b.attempts) != maxAttempts || todo.End == nil || todo.End.Err.Code != CodeStoppedRetrying {
		t.Fatalf("%d attempts, %+v", len(b.attempts), todo.End)
	}
}

func TestLimitsMayBeReachedButNotPassed(t *testing.T) {
	b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
	slow := via(1, 600, 2500)
	slow[0].CLTVExpiry = 100 + DefaultMaxDelay
	b.p.Routes(start, 100, []Route{slow, via(2, 400, 2500)}, b.mint)
	if todo := b.take(t); len(todo.Send) != 2 || todo.End != nil {
		t.Fatalf("%+v", todo)
	}
	b, _ = begin(t, Request{Invoice: testInvoice(amount.Max, false)})
	b.p.Routes(start, 100, []Route{via(1, amount.Max, 0)}, b.mint)
	if todo := b.take(t); len(todo.Send) != 1 || todo.End != nil {
		t.Fatalf("%+v", todo)
	}
}

func TestErrorsAreComparedByTheirCode(t *testing.T) {
	err := error(&Error{Code: CodeRouteNotFound, Message: "one"})
	if !errors.Is(err, &Error{Code: CodeRouteNotFound}) || errors.Is(err, &Error{Code: CodeInvalid}) {
		t.Error("the code does not decide")
	}
}

func TestHalfAnExclusionIsNotRead(t *testing.T) {
	row := PaymentRow{Manual: true, Exclude: make([]byte, exclusionSize+1), Result: PaymentResultRow{Status: Pending}}
	if _, err := Load(row, nil, nil, us, start); err == nil {
		t.Error("a broken row was loaded")
	}
}

func TestTermsThatTheAttemptKeptExactlyAreNotNew(t *testing.T) {
	// The attempt pays 10 for 1000 and leaves 80 blocks.
	kept := wire.ChannelUpdate{ShortChannelID: 1001, FeeBaseMsat: 10, CLTVExpiryDelta: 80, HTLCMinimumMsat: 1000, HTLCMaximumMsat: 1000}
	for name, change := range map[string]func(*wire.ChannelUpdate){
		"kept":           func(*wire.ChannelUpdate) {},
		"more fee":       func(u *wire.ChannelUpdate) { u.FeeBaseMsat++ },
		"more blocks":    func(u *wire.ChannelUpdate) { u.CLTVExpiryDelta++ },
		"larger minimum": func(u *wire.ChannelUpdate) { u.HTLCMinimumMsat++ },
		"lower maximum":  func(u *wire.ChannelUpdate) { u.HTLCMaximumMsat-- },
		"disabled":       func(u *wire.ChannelUpdate) { u.ChannelFlags = 2 },
	} {
		b, u := once(t, false), kept
		change(&u)
		b.p.Resolved(start, 1, Result{Code: onion.CodeFeeInsufficient, Update: &u})
		if f := b.take(t).Find; f == nil || (len(f.Updates) == 0) != (name == "kept") || (len(f.Avoid) == 0) == (name == "kept") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestPartsThatWereOnTheirWayBeforeTheNewTermsDoNotCountAgainstThem(t *testing.T) {
	for _, second := range []byte{1, 2} { // over the same channel, over another
		b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
		b.p.Routes(start, 100, []Route{via(1, 600, 10), via(second, 400, 10)}, b.mint)
		b.take(t)
		var f *Find
		for id, middle := range []byte{1, second} {
			u := &wire.ChannelUpdate{ShortChannelID: 1000 + wire.ShortChannelID(middle), FeeBaseMsat: 11, HTLCMaximumMsat: 1 << 40}
			b.p.Resolved(start, uint64(id)+1, Result{Code: onion.CodeFeeInsufficient, Update: u})
			if todo := b.take(t); id == 0 {
				b.p.NoRouteYet(start, &Error{Code: CodeRouteNotFound})
				b.take(t)
			} else {
				f = todo.Find
			}
		}
		if f == nil || len(f.Avoid) != 0 || len(f.Updates) != int(second) {
			t.Errorf("%+v", f)
		}
	}
}

// Of a route whose failure nobody can read, the hops that vouch for what they passed
// on are not avoided.
func TestAttributionSaysWhomAnUnreadableFailureBlames(t *testing.T) {
	for held, want := range map[int][]wire.ShortChannelID{
		0: {1001, 1002, 1003}, 1: {1001, 1002, 1003}, 2: {1002, 1003}, 3: {1003}, 4: {1003},
	} {
		b, _ := begin(t, Request{Invoice: testInvoice(1000, true)})
		r := via(1, 1000, 10)
		end := r[1]
		for i := range byte(2) {
			r[len(r)-1].NodeID = wire.NodeID{2, 100 + i}
			end.SCID++
			r = append(r, end)
		}
		b.p.Routes(start, 100, []Route{r}, b.mint)
		if todo := b.take(t); len(todo.Send) != 1 {
			t.Fatalf("%+v", todo)
		}
		b.p.Resolved(start, 1, Result{Hop: -1, Held: make([]uint64, held)})
		var got []wire.ShortChannelID
		for _, l := range b.take(t).Find.Avoid {
			got = append(got, l.SCID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d hops vouch: avoids %v", held, got)
		}
	}
}

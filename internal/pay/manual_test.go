//go:build !race

package pay

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func manual() Manual {
	return Manual{PaymentHash: sha256.Sum256(preimage[:]), Route: via(1, 600, 1), Total: 1000, Part: 1, Group: 1, Secret: &[32]byte{1}}
}

func beginManual(t *testing.T, m Manual) *bench {
	t.Helper()
	b := &bench{disk: &disk{}}
	var err error
	if b.p, err = NewManual(m, us, start, b.mint); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAManualRequestIsCheckedBeforeAnyRow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Manual)
		ok     bool
	}{
		"a part":                     {func(*Manual) {}, true},
		"the whole without a partid": {func(m *Manual) { m.Part, m.Total, m.Secret = 0, 600, nil }, true},
		"straight to a neighbour":    {func(m *Manual) { m.Route = via(1, 600, 0) }, true},
		"all there is":               {func(m *Manual) { m.Route = via(1, 600, amount.Max-600) }, true},
		"no route":                   {func(m *Manual) { m.Route = nil }, false},
		"nothing":                    {func(m *Manual) { m.Route = via(1, 0, 1) }, false},
		"a gift on the way":          {func(m *Manual) { m.Route[0].Amount = 599 }, false},
		"more than there is":         {func(m *Manual) { m.Route = via(1, 600, amount.Max-599) }, false},
		"less than all, no partid":   {func(m *Manual) { m.Part = 0 }, false},
		"a part without a secret":    {func(m *Manual) { m.Secret = nil }, false},
	} {
		m := manual()
		c.change(&m)
		p, err := NewManual(m, us, start, (&bench{}).mint)
		if ok := err == nil; ok != c.ok || !ok && (p != nil || code(t, err) != CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		b := beginManual(t, manual())
		m.Part += 2
		if err := b.p.Attempt(start, m, b.mint); !c.ok && m.Part != 2 && (err == nil || code(t, err) != CodeInvalid) {
			t.Errorf("%s, as a second part: %v", name, err)
		}
	}
}

func TestPartsOfAManualPaymentArePartsOfOneThing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Manual)
		want   Code
	}{
		"of another whole":       {func(m *Manual) { m.Total = 1001 }, CodeAlreadyPaid},
		"to another destination": {func(m *Manual) { m.Route[1].NodeID = wire.NodeID{2, 8} }, CodeAlreadyPaid},
	} {
		b, m := beginManual(t, manual()), manual()
		m.Part = 2
		c.change(&m)
		if err := b.p.Attempt(start, m, b.mint); err == nil || code(t, err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAManualPaymentCarriesTheMetadataOfItsCaller(t *testing.T) {
	m := manual()
	m.Metadata = []byte("opaque")
	b := beginManual(t, m)
	if todo := b.take(t); len(todo.Send) != 1 || !bytes.Equal(todo.Send[0].Metadata, m.Metadata) || todo.Find != nil {
		t.Fatalf("%+v", todo)
	}
	if _, ok := b.p.Deadline(); ok {
		t.Error("it has a deadline, though nothing is retried")
	}
}

func TestAManualPaymentThatIsPaidTakesNoMoreParts(t *testing.T) {
	m := manual()
	m.Route = via(1, 300, 1)
	b := beginManual(t, m)
	m.Part = 2
	if err := b.p.Attempt(start, m, b.mint); err != nil {
		t.Fatal(err)
	}
	b.take(t)
	b.p.Resolved(start, 1, Result{Preimage: &preimage})
	b.take(t)
	m.Part = 3
	if err := b.p.Attempt(start, m, b.mint); err == nil || code(t, err) != CodeInProgress {
		t.Error(err)
	}
}

func TestAManualPaymentIsNotForgottenByARestart(t *testing.T) {
	b := beginManual(t, manual())
	b.take(t)
	p, err := Load(*b.payment, nil, []Resume{{Row: b.attempts[0]}}, us, start)
	if err != nil {
		t.Fatal(err)
	}
	b.p = p
	if todo := b.take(t); todo.End == nil || todo.End.Err.Code != CodeTryOtherRoute || todo.Find != nil {
		t.Fatalf("a part that was never signed is not told as failed: %+v", todo)
	}
}

func TestAFailedAttemptSaysWhoAndWhy(t *testing.T) {
	for name, c := range map[string]struct {
		result Result
		want   Code
		text   string
	}{
		"unreadable":      {Result{Hop: -1}, CodeUnparseableOnion, "nobody can read the failure's reason"},
		"on the way":      {Result{Hop: 0, Code: onion.CodeUnknownNextPeer}, CodeTryOtherRoute, "unknown_next_peer from node 1 of 2"},
		"the destination": {Result{Hop: 1, Code: onion.CodeMPPTimeout}, CodeDestinationPerm, "mpp_timeout from node 2 of 2"},
	} {
		b := beginManual(t, manual())
		b.take(t)
		if err := b.attempts[0].Err(); err != nil {
			t.Fatalf("a pending attempt has failed: %v", err)
		}
		b.p.Resolved(start, 1, c.result)
		b.take(t)
		if err := b.attempts[0].Err(); err == nil || err.Code != c.want || err.Message != c.text || err.Failure == nil {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestARequestForSomethingElseGetsNoReceipt(t *testing.T) {
	row := PaymentRow{Amount: 1000, Destination: payee}
	unknown := PaymentRow{Amount: 1000}
	for _, c := range []struct {
		row  PaymentRow
		amt  amount.MilliSatoshi
		to   wire.NodeID
		same bool
	}{
		{row, 1000, payee, true},
		{row, 1000, wire.NodeID{}, true},
		{unknown, 1000, payee, true},
		{row, 999, payee, false},
		{row, 1000, us, false},
	} {
		if err := c.row.Same(c.amt, c.to); (err == nil) != c.same || err != nil && code(t, err) != CodeAlreadyPaid {
			t.Errorf("%v to %v: %v", c.amt, c.to, err)
		}
	}
}

package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/race"
)

type xpayResult struct {
	Preimage   string `json:"payment_preimage"`
	Failed     uint64 `json:"failed_parts"`
	Successful uint64 `json:"successful_parts"`
	Amount     uint64 `json:"amount_msat"`
	Sent       uint64 `json:"amount_sent_msat"`
}

func TestXpayAndWhatIsLeftOfIt(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	first := ask[invoiceResult](t, w.bob, "invoice", 100_000_000, "tea", "one tea", nil, nil, secret(1))
	refused(t, w.alice, command.PayNoSuchPayment, "delpay", first.PaymentHash, "complete")
	if got := ask[struct{ Pay []any }](t, w.alice, "paystatus", first.Bolt11); len(got.Pay) != 0 {
		t.Errorf("a payment that nobody made: %+v", got)
	}

	if _, err := try(t, w.alice, "xpay", named{"invstring": first.Bolt11, "maxfee": 0}); command.AsError(err).Code != command.PayRouteTooExpensive {
		t.Errorf("for no fee: %v", err)
	}
	got := ask[xpayResult](t, w.alice, "xpay", first.Bolt11, nil, nil, nil, nil, nil, nil, nil, "breakfast")
	if got.Preimage != secret(1) || got.Successful != 1 || got.Amount != 100_000_000 || got.Sent <= got.Amount {
		t.Errorf("xpay gave %+v", got)
	}
	equal(t, "again, the same", ask[xpayResult](t, w.alice, "xpay", first.Bolt11), got)
	open := ask[invoiceResult](t, w.bob, "invoice", "any", "alms", "thank you")
	equal(t, "an open amount", ask[xpayResult](t, w.alice, "xpay", open.Bolt11, "7sat").Amount, uint64(7000))
	sent := ask[xpayResult](t, w.alice, "xkeysend", w.bob.ID(), 3000, "a gift", nil, nil, nil, nil, named{"7629171": "68656c6c6f"})
	equal(t, "xkeysend", sent.Amount, uint64(3000))
	w.idle(t)

	type status struct {
		Pay []struct {
			Label    string
			Amount   amount.MilliSatoshi `json:"amount_msat"`
			Attempts []struct {
				Route   []struct{ ID string }
				Success *struct{ Payment_preimage string }
				Failure *struct{ Code int }
			}
		}
	}
	s := ask[status](t, w.alice, "paystatus", first.Bolt11).Pay
	if len(s) != 1 || s[0].Label != "breakfast" || len(s[0].Attempts) == 0 {
		t.Fatalf("paystatus: %+v", s)
	}
	if last := s[0].Attempts[len(s[0].Attempts)-1]; last.Success == nil || last.Success.Payment_preimage != secret(1) || len(last.Route) != 2 {
		t.Errorf("the last attempt: %+v", last)
	}
	equal(t, "of all", len(ask[status](t, w.alice, "paystatus").Pay), 3)

	t.Run("what has ended is deleted", func(t *testing.T) {
		// The number of an attempt is that of its HTLC's origin for ever.
		ask[struct{}](t, w.alice, "delpay", hashOfPreimage(t, sent.Preimage), "complete")
		if last, err := w.alice.Store().LastAttempt(t.Context()); err != nil || last < 3 {
			t.Errorf("the last attempt is %d after it was deleted: %v", last, err)
		}
		refused(t, w.alice, command.PayStatusUnexpected, "delpay", first.PaymentHash, "failed")
		refused(t, w.alice, command.PayNoSuchPayment, "delpay", first.PaymentHash, "complete", 99, 1)
		gone := ask[struct {
			Payments []struct {
				Hash string `json:"payment_hash"`
			}
		}](t, w.alice, "delpay", first.PaymentHash, "complete").Payments
		if len(gone) == 0 || gone[0].Hash != first.PaymentHash {
			t.Errorf("deleted: %+v", gone)
		}
		equal(t, "pays", len(ask[paysResult](t, w.alice, "listpays", first.Bolt11).Pays), 0)
		equal(t, "sendpays", len(ask[struct{ Payments []any }](t, w.alice, "listsendpays", first.Bolt11).Payments), 0)
		equal(t, "the others", len(ask[paysResult](t, w.alice, "listpays").Pays), 1)
		refused(t, w.alice, command.PayNoSuchPayment, "delpay", first.PaymentHash, "complete")
	})

	t.Run("what is under way is not", func(t *testing.T) {
		made := ask[invoiceResult](t, w.bob, "holdinvoice", hashOf(5), 9000, "coat", "")
		end := paying(t, w.alice, made.Bolt11)
		accepted(t, w.bob, hashOf(5))
		for _, s := range []string{"complete", "failed"} {
			refused(t, w.alice, command.PayStatusUnexpected, "delpay", hashOf(5), s)
		}
		ask[heldResult](t, w.bob, "cancelholdinvoice", hashOf(5))
		if err := <-end; err == nil {
			t.Error("it was paid")
		}
		w.idle(t)
		ask[struct{}](t, w.alice, "delpay", hashOf(5), "failed")
	})

	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"xpay of nothing":        {"xpay", nil},
		"xpay of an address":     {"xpay", []any{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"}},
		"xpay of any":            {"xpay", []any{ask[invoiceResult](t, w.bob, "invoice", "any", "open", "").Bolt11}},
		"xpay of another amount": {"xpay", []any{first.Bolt11, 1}},
		"xpay of a larger part":  {"xpay", []any{named{"invstring": first.Bolt11, "partial_msat": 100_000_001}}},
		"xpay with layers":       {"xpay", []any{named{"invstring": first.Bolt11, "layers": []string{"mine"}}}},
		"xpay on another chain":  {"xpay", []any{foreign(t, func(inv *bolt11.Invoice) { inv.Network = bolt11.Mainnet })}},
		"xkeysend to ourselves":  {"xkeysend", []any{w.alice.ID(), 1000}},
		"xkeysend of nothing":    {"xkeysend", []any{w.bob.ID(), 0}},
		"xkeysend, low record":   {"xkeysend", []any{w.bob.ID(), 1, nil, nil, nil, nil, nil, named{"7": "00"}}},
		"delpay of nothing":      {"delpay", nil},
		"delpay of pending":      {"delpay", []any{hashOf(5), "pending"}},
		"delpay of half a part":  {"delpay", []any{hashOf(5), "failed", 0}},
		"paystatus of words":     {"paystatus", []any{"breakfast"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.alice, command.InvalidParams, c.method, c.params...) })
	}
}

func hashOfPreimage(t *testing.T, preimage string) string {
	t.Helper()
	b, err := hex.DecodeString(preimage)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

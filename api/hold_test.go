package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/node"
)

type heldResult struct {
	PaymentHash string `json:"payment_hash"`
	Label       string
	State       string
	Received    uint64 `json:"amount_received_msat"`
	Deadline    uint32 `json:"deadline_height"`
	Left        *uint32
	Preimage    string `json:"payment_preimage"`
	CancelledAt uint64 `json:"cancelled_at"`
}

func held(t *testing.T, n *node.Node, params ...any) []heldResult {
	t.Helper()
	return ask[struct{ Holdinvoices []heldResult }](t, n, "listholdinvoices", params...).Holdinvoices
}

// hashOf is the payment hash of secret(b).
func hashOf(b byte) string {
	sum := sha256.Sum256([]byte{31: b})
	return hex.EncodeToString(sum[:])
}

// paying pays in the background; its end comes over the channel.
func paying(t *testing.T, n *node.Node, bolt11 string) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := try(t, n, "pay", named{"bolt11": bolt11, "retry_for": 60})
		done <- err
	}()
	return done
}

func accepted(t *testing.T, n *node.Node, hash string) heldResult {
	t.Helper()
	until(t, "the payment is held", func() bool {
		list := held(t, n, hash)
		return len(list) == 1 && list[0].State == "accepted"
	})
	return held(t, n, hash)[0]
}

func TestHeldInvoices(t *testing.T) {
	w := line(t)
	bob := w.bob

	t.Run("a payment waits for its owner, who takes it", func(t *testing.T) {
		made := ask[invoiceResult](t, bob, "holdinvoice", hashOf(1), "7sat", "coat", "one coat")
		equal(t, "the hash", made.PaymentHash, hashOf(1))
		refused(t, bob, command.InvoiceStatusUnexpected, "settleholdinvoice", secret(1))
		end := paying(t, w.alice, made.Bolt11)
		h := accepted(t, bob, hashOf(1))
		equal(t, "what arrived", h.Received, uint64(7000))
		if list := invoices(t, bob, "coat"); list[0].Status != "accepted" || list[0].PaymentPreimage != "" {
			t.Errorf("listinvoices: %+v", list)
		}
		if h.Deadline <= bob.Height() || h.Deadline > bob.Height()+invoice.DefaultHoldCLTV+20 || h.Left == nil && h.Deadline == 0 {
			t.Errorf("deadline %d at height %d", h.Deadline, bob.Height())
		}
		refused(t, bob, command.InvoiceStatusUnexpected, "delinvoice", "coat", "unpaid")
		refused(t, bob, command.InvoiceWaitTimedOut, "waitinvoice", "coat", 0)
		for range 2 {
			got := ask[heldResult](t, bob, "settleholdinvoice", secret(1))
			equal(t, "the state", got.State, "paid")
			equal(t, "the proof", got.Preimage, secret(1))
		}
		if err := <-end; err != nil {
			t.Errorf("the payer: %v", err)
		}
		equal(t, "waitinvoice", ask[invoiceResult](t, bob, "waitinvoice", "coat", 0).PaymentPreimage, secret(1))
		refused(t, bob, command.InvoiceStatusUnexpected, "cancelholdinvoice", hashOf(1))
		w.idle(t)
	})

	t.Run("its owner sends it back", func(t *testing.T) {
		made := ask[invoiceResult](t, bob, "holdinvoice", hashOf(2), "7sat", "hat", "one hat")
		end := paying(t, w.alice, made.Bolt11)
		accepted(t, bob, hashOf(2))
		for range 2 {
			equal(t, "the state", ask[heldResult](t, bob, "cancelholdinvoice", hashOf(2)).State, "cancelled")
		}
		var e *command.Error
		if err := <-end; !errors.As(err, &e) || e.Code != command.PayDestinationFailed {
			t.Errorf("the payer: %v", err)
		}
		refused(t, bob, command.InvoiceStatusUnexpected, "settleholdinvoice", secret(2))
		refused(t, bob, command.InvoiceExpiredDuring, "waitinvoice", "hat", 0)
		w.idle(t)
	})

	t.Run("nobody decides, and it goes back in time", func(t *testing.T) {
		made := ask[invoiceResult](t, bob, "holdinvoice", named{
			"payment_hash": hashOf(3), "amount_msat": "any", "label": "sock", "description": "one sock", "cltv": invoice.MinHoldCLTV,
		})
		done := make(chan error, 1)
		go func() {
			_, err := try(t, w.alice, "pay", made.Bolt11, 5000)
			done <- err
		}()
		h := accepted(t, bob, hashOf(3))
		w.mine(t, int(h.Deadline-bob.Height())-1)
		equal(t, "a block before", held(t, bob, hashOf(3))[0].State, "accepted")
		w.mine(t, 1)
		if err := <-done; err == nil {
			t.Error("the payer paid")
		}
		equal(t, "at the deadline", held(t, bob, hashOf(3))[0].State, "cancelled")
		w.idle(t)
		for _, c := range channels(t, bob) {
			equal(t, "the channel", c.State, "CHANNELD_NORMAL")
		}
	})

	t.Run("what cannot be one is refused and leaves nothing", func(t *testing.T) {
		refused(t, bob, command.InvoicePreimageExists, "holdinvoice", hashOf(1), 1, "new", "b")
		refused(t, bob, command.InvoiceLabelExists, "holdinvoice", hashOf(9), 1, "coat", "b")
		refused(t, bob, command.InvoiceNotFound, "settleholdinvoice", secret(99))
		refused(t, bob, command.InvoiceNotFound, "cancelholdinvoice", hashOf(99))
		ask[invoiceResult](t, bob, "invoice", 1, "plain", "not held", nil, nil, secret(50))
		refused(t, bob, command.InvoiceNotFound, "cancelholdinvoice", hashOf(50))
		refused(t, bob, command.InvoiceNotFound, "settleholdinvoice", secret(50))
		for name, c := range map[string]struct {
			method string
			params []any
		}{
			"nothing":                {"holdinvoice", nil},
			"a short hash":           {"holdinvoice", []any{"00ff", 1, "a", "b"}},
			"amount 0":               {"holdinvoice", []any{hashOf(9), 0, "a", "b"}},
			"no label":               {"holdinvoice", []any{hashOf(9), 1, "", "b"}},
			"a long label":           {"holdinvoice", []any{hashOf(9), 1, strings.Repeat("x", 1025), "b"}},
			"broken UTF-8":           {"holdinvoice", []any{json.RawMessage("\"" + hashOf(9) + "\""), 1, json.RawMessage("\"\\ud800\""), "b", 0}},
			"expiry 0":               {"holdinvoice", []any{hashOf(9), 1, "a", "b", 0}},
			"too few blocks":         {"holdinvoice", []any{named{"payment_hash": hashOf(9), "amount_msat": 1, "label": "a", "description": "b", "cltv": invoice.MinHoldCLTV - 1}}},
			"no blocks":              {"holdinvoice", []any{named{"payment_hash": hashOf(9), "amount_msat": 1, "label": "a", "description": "b", "cltv": 0}}},
			"an unknown name":        {"holdinvoice", []any{named{"payment_hash": hashOf(9), "amount_msat": 1, "label": "a", "description": "b", "preimage": secret(9)}}},
			"too many":               {"holdinvoice", []any{hashOf(9), 1, "a", "b", 1, nil, nil, nil, nil, nil, nil, 1}},
			"a preimage of words":    {"settleholdinvoice", []any{"open sesame"}},
			"no preimage":            {"settleholdinvoice", nil},
			"a hash of null":         {"cancelholdinvoice", []any{nil}},
			"a list of a short hash": {"listholdinvoices", []any{"00"}},
			"a start below 0":        {"listholdinvoices", []any{nil, -1}},
		} {
			t.Run(name, func(t *testing.T) { refused(t, bob, command.InvalidParams, c.method, c.params...) })
		}
	})

	t.Run("they are listed in pages", func(t *testing.T) {
		all := held(t, bob)
		if len(all) != 3 || all[0].Label != "coat" || all[2].Label != "sock" {
			t.Errorf("all: %+v", all)
		}
		equal(t, "at the most", len(held(t, bob, nil, nil, 2)), 2)
		equal(t, "beyond the end", len(held(t, bob, nil, uint64(1<<64-1))), 0)
		equal(t, "one that is not held", len(held(t, bob, hashOf(50))), 0)
	})
}

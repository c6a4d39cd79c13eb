package node_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// A write that fails ends the node; a refusal and the end of the caller's patience
// do not.
func TestOnlyAFailedWriteOfACommandEndsTheNode(t *testing.T) {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 1)
	var (
		mu     sync.Mutex
		faults []error // of the commands, and of what the node writes on its own
	)
	seen := func() []error {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(faults)
	}
	n, err := node.Open(t.Context(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			faults = append(faults, err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	request := invoice.Request{Label: "a", Amount: amount.OrAny{Msat: 1000}, Expiry: 3600}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.NewInvoice(late, request); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := n.NewInvoice(t.Context(), request); err != nil {
		t.Error(err)
	}
	if _, err := n.NewInvoice(t.Context(), request); !errors.Is(err, invoice.ErrLabelExists) {
		t.Error(err)
	}
	if err := n.Store().Limit(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	full := request
	full.Label, full.Description, full.DescriptionHashOnly = "full", strings.Repeat("x", 1<<20), true
	if _, err := n.NewInvoice(t.Context(), full); !errors.Is(err, store.ErrFull) {
		t.Errorf("on a full disk: %v", err)
	}
	if _, there, err := n.Store().InvoiceByLabel(t.Context(), "full"); err != nil || there {
		t.Errorf("it is there all the same: %v", err)
	}
	if err := n.Store().Limit(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if addr, err := n.NewAddress(late, wallet.P2TR); err != nil || addr == "" {
		t.Error("the wallet counts an address that is not on disk:", err)
	}
	if ended := seen(); len(ended) != 0 {
		t.Fatalf("the node ended: %v", ended)
	}
	for name, write := range map[string]func() error{
		"an invoice": func() error {
			request.Label = "b"
			_, err := n.NewInvoice(t.Context(), request)
			return err
		},
		"an address": func() error {
			_, err := n.NewAddress(t.Context(), wallet.P2TR)
			return err
		},
	} {
		before := len(seen())
		n.Store().SetFault(func(uint64) (bool, bool) { return true, false })
		err := write()
		n.Store().SetFault(nil)
		if after := seen(); !errors.Is(err, store.ErrFault) || len(after) == before {
			t.Errorf("%s: %v, and the node did not end for it: %v", name, err, after)
		}
	}
}

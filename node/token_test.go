package node_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// tea is the first property that is issued on a regtest.
const tea amount.Property = 3

// ledgers waits until those of some nodes are at the end of the chain, where they are kept.
func ledgers(t *testing.T, c *regtest.Chain, nodes ...*node.Node) {
	t.Helper()
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the ledgers have read the chain", func() bool {
		for _, n := range nodes {
			if rows, _, err := n.Store().Ledger(t.Context()); n.Tokens().On() && (err != nil || rows.Seen != tip) {
				return false
			}
		}
		return true
	})
}

// blocks mines, and waits for nodes and their ledgers.
func blocks(t *testing.T, c *regtest.Chain, count int, nodes ...*node.Node) {
	t.Helper()
	mine(t, c, count, nodes...)
	ledgers(t, c, nodes...)
}

// tokenAddress is the script of a new address of a node that can have tokens.
func tokenAddress(t *testing.T, n *node.Node) []byte {
	t.Helper()
	pending, err := n.Wallet().NewAddress(wallet.Token)
	if err != nil {
		t.Fatal(err)
	}
	a, err := pending.Commit(t.Context(), n.Store())
	if err != nil {
		t.Fatal(err)
	}
	return a.Script
}

// issue has a node make tea, and send some to others.
func issue(t *testing.T, c *regtest.Chain, n *node.Node, units amount.Units, gifts map[*node.Node]amount.Units, nodes ...*node.Node) {
	t.Helper()
	if _, err := n.Tokens().Issue(t.Context(), tokens.Issuance{About: asset.About{Name: "Tea"}, Units: units, FeePerKw: 1000}); err != nil {
		t.Fatal(err)
	}
	blocks(t, c, 1, nodes...)
	for to, gift := range gifts {
		if _, err := n.Tokens().Send(t.Context(), tokens.Order{To: tokenAddress(t, to), Property: tea, Units: gift, FeePerKw: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	blocks(t, c, 1, nodes...)
}

// has is how much tea the addresses of a node's wallet have by its ledger.
func has(t *testing.T, n *node.Node) (sum amount.Units) {
	t.Helper()
	held, err := n.Tokens().Holdings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range held {
		if h.Property == tea {
			sum += h.Units
		}
	}
	return sum
}

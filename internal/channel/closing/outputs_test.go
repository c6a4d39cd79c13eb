//go:build !race

package closing

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
)

func terms(local, remote amount.Satoshi) Terms {
	return Terms{
		Local:         Side{Balance: local.Msat() + 999, Script: p2wpkh, DustLimit: 354},
		Remote:        Side{Balance: remote.Msat() + 1, Script: p2tr, DustLimit: 354},
		LocalIsOpener: true,
		Min:           100, Ideal: 500, Max: 10_000,
	}
}

func TestClosingOutputs(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(*Terms)
		fee        amount.Satoshi
		offered    Outputs // zero: refused
		acceptable []Outputs
	}{
		"both are paid, the peer may leave its own out": {
			nil, 500, Outputs{99_500, 50_000}, []Outputs{{99_500, 50_000}, {99_500, 0}},
		},
		"the peer pays when it opened": {
			func(t *Terms) { t.LocalIsOpener = false }, 500,
			Outputs{100_000, 49_500}, []Outputs{{100_000, 49_500}, {100_000, 0}},
		},
		"the opener's output may vanish in the fee": {
			nil, 100_000, Outputs{0, 50_000}, []Outputs{{0, 50_000}},
		},
		"the fee exceeds what the opener owns": {
			nil, 100_001, Outputs{}, nil,
		},
		"ours is dust": {
			func(t *Terms) { t.Local.Balance = 853_999 }, 500,
			Outputs{0, 50_000}, []Outputs{{0, 50_000}},
		},
		"ours is just not dust": {
			func(t *Terms) { t.Local.Balance = 854_000 }, 500,
			Outputs{354, 50_000}, []Outputs{{354, 50_000}, {354, 0}},
		},
		"theirs is dust": {
			func(t *Terms) { t.Remote.Balance = 353_999 }, 500,
			Outputs{99_500, 0}, []Outputs{{99_500, 0}},
		},
		"theirs is just not dust": {
			func(t *Terms) { t.Remote.Balance = 354_000 }, 500,
			Outputs{99_500, 354}, []Outputs{{99_500, 354}, {99_500, 0}},
		},
		"ours is just relayed": {
			func(t *Terms) { t.Local.Balance, t.Local.Script = 1_046_000, p2pkh }, 500,
			Outputs{546, 50_000}, []Outputs{{546, 50_000}, {546, 0}},
		},
		"theirs is just relayed": {
			func(t *Terms) { t.Remote.Balance, t.Remote.Script = 546_000, p2pkh }, 500,
			Outputs{99_500, 546}, []Outputs{{99_500, 546}, {99_500, 0}},
		},
		"ours is dust to the peer alone: it may leave ours out": {
			func(t *Terms) { t.Local.Balance, t.Remote.DustLimit = 1_000_000, 546 }, 500,
			Outputs{0, 50_000}, []Outputs{{500, 50_000}, {500, 0}, {0, 50_000}},
		},
		"theirs is dust to the peer alone": {
			func(t *Terms) { t.Remote.Balance, t.Remote.DustLimit = 500_000, 546 }, 500,
			Outputs{99_500, 0}, []Outputs{{99_500, 500}, {99_500, 0}},
		},
		"theirs is dust to us alone: it must be missing": {
			func(t *Terms) { t.Remote.Balance, t.Local.DustLimit = 500_000, 546 }, 500,
			Outputs{99_500, 0}, []Outputs{{99_500, 0}},
		},
		"a legacy script below its relay limit": {
			func(t *Terms) { t.Remote.Balance, t.Remote.Script = 545_999, p2pkh }, 500,
			Outputs{}, []Outputs{{99_500, 0}},
		},
		"nothing is left": {
			func(t *Terms) { t.Local.Balance, t.Remote.Balance = 800_000, 0 }, 500,
			Outputs{}, nil,
		},
	} {
		tm := terms(100_000, 50_000)
		if c.change != nil {
			c.change(&tm)
		}
		got, err := tm.Offered(c.fee)
		if got != c.offered || (err != nil) != (c.offered == Outputs{}) {
			t.Errorf("%s: offered %+v, %v", name, got, err)
		}
		if b := (*Breach)(nil); err != nil && (!errors.As(err, &b) || !b.Fail) {
			t.Errorf("%s: %v does not fail the channel", name, err)
		}
		if diff := cmp.Diff(c.acceptable, tm.Acceptable(c.fee)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWeightAndFeeOfAClosingTransaction(t *testing.T) {
	// A 2-of-2 input (BOLT 3, Appendix A: 222 bytes of witness) and outputs.
	if got := Weight(p2wpkh, p2tr); got != 4*(51+31+43)+2+222 {
		t.Errorf("weight %d", got)
	}
	if got := Fee(253, 724); got != 183 {
		t.Errorf("fee %d", got)
	}
	if got := Fee(^uint32(0), 1000); got != amount.Satoshi(^uint32(0)) {
		t.Errorf("a huge feerate gives %d", got)
	}
}

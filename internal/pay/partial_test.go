//go:build !race

package pay

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
)

func TestAPartOfAnInvoiceTellsThePayeeTheWhole(t *testing.T) {
	for _, part := range []amount.MilliSatoshi{400, 1000} {
		inv := testInvoice(1000, true)
		p, err := New(Request{Bolt11: "ln", Invoice: inv, Partial: &part}, node, 1, start)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(p.Row(), inv, nil, node.ID, start)
		if err != nil {
			t.Fatal(err)
		}
		for what, p := range map[string]*Payment{"new": p, "after a restart": again} {
			find := outcome(t, p).Find
			if find.Amount != part {
				t.Errorf("%s: a way for %s is looked for, not %s", what, find.Amount, part)
			}
			if s := found(t, p, find); s.Total != 1000 || s.Hops[len(s.Hops)-1].Amount != part {
				t.Errorf("%s: %s of %s", what, s.Hops[len(s.Hops)-1].Amount, s.Total)
			}
		}
	}
}

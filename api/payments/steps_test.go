package payments

import (
	"testing"

	"github.com/leyden-ln/leyden/node"
)

func TestOnMainnetPaymentsAreNotHeld(t *testing.T) {
	n := &node.Node{} // without a gate, as on mainnet
	on, off := true, false
	if _, err := stepMode(t.Context(), n, stepModeRequest{Enable: &on}); err == nil {
		t.Error("they are")
	}
	for _, r := range []stepModeRequest{{}, {Enable: &off}} {
		if got, err := stepMode(t.Context(), n, r); err != nil || got.Possible || got.Enabled {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if got, err := listSteps(t.Context(), n, listStepsRequest{}); err != nil || got.Possible || len(got.Steps) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := nextStep(t.Context(), n, nextStepRequest{}); err == nil {
		t.Error("there is a next step")
	}
}

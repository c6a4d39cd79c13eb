package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/door"
	"github.com/leyden-ln/leyden/web/sequence"
)

// stepMode is whether payments are taken step by step, and what is held.
type stepMode struct {
	Possible, Enabled bool
	Changes           uint64
	Held              []heldStep `json:"steps"`
}

// heldStep is what the node is about to do.
type heldStep struct {
	ID   uint64
	More int
	Name string // of the peer
	sequence.Trace
}

// readSteps asks for what is held: of one payment, or of all when hash is empty.
func (v *visit) readSteps(hash string) (m stepMode, err error) {
	err = v.run(v.ctx(), &m, "liststeps", given(arg{"payment_hash", hash})...)
	return m, err
}

// wait returns when something else is held, or another thing switched.
func (m *stepMode) wait(v *visit) func(context.Context) error {
	return func(ctx context.Context) error {
		if !m.Possible {
			<-ctx.Done()
			return ctx.Err()
		}
		return v.call(ctx, nil, "liststeps", arg{"seen", strconv.FormatUint(m.Changes, 10)}, arg{"timeout", "60"})
	}
}

// setSteps is the switch.
func (v *visit) setSteps() error {
	if err := v.run(v.ctx(), nil, "stepmode", arg{"enable", strconv.FormatBool(v.field("enable") == "true")}); err != nil {
		return err
	}
	return v.see(door.Back(v.field("back")))
}

// nextStep says "next". That the step is gone already, by itself or from another window,
// is no failure.
func (v *visit) nextStep() error {
	if err := v.run(v.ctx(), nil, "nextstep", arg{"id", v.field("id")}); err != nil && codeOf(err) != command.Failed {
		return err
	}
	if v.byScript() { // its page hears of it by itself
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return v.see(door.Back(v.field("back")))
}

// either returns when one of some waits does, and ends the others.
func either(ctx context.Context, waits ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, len(waits))
	for _, wait := range waits {
		go func() { done <- wait(ctx) }()
	}
	err := <-done
	cancel()
	for range len(waits) - 1 {
		<-done
	}
	return err
}

package payments

import (
	"context"
	"fmt"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/node"
)

// tell tells the one who pays, if they want that, of each step of the payment, until the
// function that it gives is called.
func tell(ctx context.Context, n *node.Node, hash wire.PaymentHash) (enough func()) {
	client := command.ClientOf(ctx)
	if client == nil || !client.Enabled() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	_, next, _ := n.Traces().After(^uint64(0)) // what is to come
	look := func() (changed <-chan struct{}) {
		var list []events.Trace
		list, next, changed = n.Traces().After(next)
		for i := range list {
			if t := &list[i]; t.PaymentHash == hash {
				client.Notify("message", map[string]any{"level": "info", "message": step(t)})
			}
		}
		return changed
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-look():
			case <-ctx.Done():
				look()
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// step is a trace in words.
func step(t *events.Trace) string {
	switch {
	case t.Step == events.FindPath:
		return fmt.Sprintf("%s: %s", t.Step, t.Note)
	case t.ShortID != 0:
		return fmt.Sprintf("%s: %s %s, channel %s, %s", t.Step, t.Message, t.Direction, t.ShortID, carries(t))
	}
	return fmt.Sprintf("%s: %s %s, %s", t.Step, t.Message, t.Direction, carries(t))
}

// carries is what the HTLC of a step carries.
func carries(t *events.Trace) string {
	if t.Property == 0 {
		return t.Amount.String()
	}
	return fmt.Sprintf("%d units of property %d in %s", t.Units, t.Property, t.Amount)
}

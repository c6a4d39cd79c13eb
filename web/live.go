package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/sse"
)

// heartbeat is how often a stream says something, so that a browser that has gone is
// noticed.
const heartbeat = 20 * time.Second

// stay makes room for an answer that takes as long as it takes, and gives what ends
// it. When there is no room, that is said, and it gives nil.
func (v *visit) stay() (leave func()) {
	select {
	case v.s.streams <- struct{}{}:
	default:
		http.Error(v.w, v.Text("live.many"), http.StatusServiceUnavailable)
		return nil
	}
	return func() { <-v.s.streams }
}

// stream sends what draw gives, now and whenever wait returns, until draw says that it
// is the last.
func (v *visit) stream(draw func() (part []byte, last bool, err error), wait func(context.Context) error) error {
	leave := v.stay()
	if leave == nil {
		return nil
	}
	defer leave()
	out := sse.To(v.w, pageTime)
	v.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for {
		v.lines = nil
		part, last, err := draw()
		if err == nil {
			err = out.Send(part)
		}
		if err == nil && last {
			err = out.End()
		}
		if err != nil || last {
			v.quietly(err)
			return nil
		}
		ctx, cancel := context.WithTimeout(v.ctx(), heartbeat)
		err = wait(ctx)
		cancel()
		if v.ctx().Err() != nil {
			return nil
		}
		if err != nil && ctx.Err() == nil && codeOf(err) != command.InvoiceExpiredDuring {
			v.quietly(err)
			return nil
		}
	}
}

// quietly ends a stream: its answer has begun, so that a page with an error cannot be
// one any more. The browser asks again.
func (v *visit) quietly(err error) {
	if err != nil {
		v.s.c.Log.Debug("a stream ended", "path", v.r.URL.Path, "why", err)
	}
}

// reached is how far an index of a list has come.
type reached struct{ Created, Updated uint64 }

// changes waits until attempts of payments, or invoices, have changed since the last
// call.
type changes struct {
	v    *visit
	seen map[string]uint64
}

func (v *visit) changes() *changes { return &changes{v, map[string]uint64{}} }

// look remembers where the lists are. Call it before what is shown is read.
func (c *changes) look(ctx context.Context, lists ...string) error {
	for _, list := range lists {
		var r reached
		if err := c.v.call(ctx, &r, "wait", arg{"subsystem", list}, arg{"indexname", "updated"}, arg{"nextvalue", "0"}); err != nil {
			return err
		}
		c.seen[list] = r.Updated
	}
	return nil
}

// wait returns when one of the lists that were looked at has changed.
func (c *changes) wait(ctx context.Context) error {
	waits := make([]func(context.Context) error, 0, len(c.seen))
	for list, at := range c.seen {
		waits = append(waits, func(ctx context.Context) error {
			return c.v.call(ctx, nil, "wait", arg{"subsystem", list}, arg{"indexname", "updated"}, arg{"nextvalue", strconv.FormatUint(at+1, 10)})
		})
	}
	return either(ctx, waits...)
}

package link

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
)

// outgoing is a message that waits to be sent, with the steps of payments that it is.
type outgoing struct {
	message wire.Message
	traces  []events.Trace
	free    bool // it was held, and may go
}

// say sends messages: words, and those of the channel. While payments are taken step by
// step, each waits in the line until those before it are sent and the gate lets it go, as
// it would wait for a slow peer: it is durable, the channel goes on, and a disconnect
// forgets it.
func (l *Link) say(words, msgs []wire.Message) {
	if len(l.line) == 0 && !l.cfg.Steps.On() {
		for _, m := range msgs {
			l.cfg.Traces.Emit(l.observe(m, true)...)
		}
		l.send(append(words, msgs...))
		return
	}
	for _, m := range words {
		l.line = append(l.line, &outgoing{message: m})
	}
	last := false
	for _, m := range msgs {
		l.line = append(l.line, &outgoing{message: m, traces: l.observe(m, true)})
		if _, failed := m.(*wire.Error); failed {
			last = true
		}
	}
	if last { // the channel's last word must not wait
		l.flush()
		return
	}
	l.advance()
}

// advance sends what is in the line, up to the first message that is held.
func (l *Link) advance() {
	if l.forget != nil {
		if !l.line[0].free {
			return
		}
		l.forget()
		l.forget = nil
	}
	var msgs []wire.Message
	for len(l.line) > 0 {
		first := l.line[0]
		if len(first.traces) > 0 && !first.free && l.cfg.Steps.On() {
			l.forget = l.cfg.Steps.Hold(first.traces, func() {
				l.in.put(func(l *Link) {
					first.free = true
					l.after = append(l.after, l.advance)
				})
			})
			break
		}
		sent := slices.Clone(first.traces) // who asked what is held may still read it
		for i := range sent {
			sent[i].Time = time.Now()
		}
		l.cfg.Traces.Emit(sent...)
		msgs = append(msgs, first.message)
		l.line = l.line[1:]
	}
	l.send(msgs)
}

// flush sends the whole line.
func (l *Link) flush() {
	for _, o := range l.line {
		o.free = true
	}
	l.advance()
}

// unsay forgets the line: the connection is gone, or the link ends.
func (l *Link) unsay() {
	l.line = nil
	if l.forget != nil {
		l.forget()
		l.forget = nil
	}
}

// observe logs a message and gives the steps of payments that it is.
func (l *Link) observe(m wire.Message, sent bool) []events.Trace {
	if ctx := context.Background(); l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.Debug("message", "name", wire.Name(m), "sent", sent)
	}
	return l.trace.observe(time.Now(), m, sent)
}

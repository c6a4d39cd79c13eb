package history

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is a line of the log.
type Entry struct {
	Time  time.Time
	Level slog.Level
	Text  string
}

// Log keeps the newest lines of the log in memory.
type Log struct {
	mu      sync.Mutex
	began   time.Time
	entries []Entry // in the order of time
	used    int     // bytes
	dropped int     // lines
}

// Max is how many bytes of the log are kept, about.
const Max = 1 << 20

// entrySize is what a line costs beside its text.
const entrySize = 64

func (h *Log) add(e Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, e)
	h.used += len(e.Text) + entrySize
	if h.used <= Max {
		return
	}
	first := 0
	for ; h.used > Max/2; first++ { // half at once, so that it is not moved each time
		h.used -= len(h.entries[first].Text) + entrySize
	}
	h.dropped += first
	h.entries = slices.Clone(h.entries[first:])
}

// Read gives the lines that are kept, when the log began, and how many bytes are used
// and lines forgotten.
func (h *Log) Read() (entries []Entry, began time.Time, used, dropped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.entries), h.began, h.used, h.dropped
}

// recorder hands lines to a history and on to where they are written.
type recorder struct {
	slog.Handler
	history *Log
	least   *slog.LevelVar
	attrs   string // of the logger, as text
	group   string
}

// longestLine is where a line of the history is cut.
const longestLine = 2000

// Handle implements [slog.Handler].
func (r recorder) Handle(ctx context.Context, record slog.Record) error {
	var b strings.Builder
	b.WriteString(record.Message)
	b.WriteString(r.attrs)
	record.Attrs(func(a slog.Attr) bool {
		r.write(&b, a)
		return b.Len() < longestLine
	})
	text := b.String()
	if len(text) > longestLine {
		text = strings.ToValidUTF8(text[:longestLine], "") + "…"
	}
	r.history.add(Entry{record.Time, record.Level, text})
	if !r.Handler.Enabled(ctx, record.Level) {
		return nil
	}
	return r.Handler.Handle(ctx, record)
}

func (r recorder) write(b *strings.Builder, a slog.Attr) {
	b.WriteByte(' ')
	b.WriteString(r.group)
	b.WriteString(a.Key)
	b.WriteByte('=')
	b.WriteString(a.Value.Resolve().String())
}

// Enabled implements [slog.Handler]: what is kept is what is written, what the level
// asks for, and from info up.
func (r recorder) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || level >= r.least.Level() || r.Handler.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (r recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		r.write(&b, a)
	}
	r.Handler, r.attrs = r.Handler.WithAttrs(attrs), r.attrs+b.String()
	return r
}

// WithGroup implements [slog.Handler].
func (r recorder) WithGroup(name string) slog.Handler {
	r.Handler, r.group = r.Handler.WithGroup(name), r.group+name+"."
	return r
}

// Record makes a logger whose lines are kept, from a level on that may change; it is
// called once.
func (h *Log) Record(log *slog.Logger, least *slog.LevelVar) *slog.Logger {
	h.began = time.Now()
	return slog.New(recorder{Handler: log.Handler(), history: h, least: least})
}

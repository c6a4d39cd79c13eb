package history

import (
	"log/slog"
	"strings"
	"testing"
)

func TestTheHistoryOfTheLogIsBounded(t *testing.T) {
	var h Log
	var b strings.Builder
	level := new(slog.LevelVar)
	log := h.Record(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelWarn})), level)
	log.With("peer", "x").WithGroup("g").Info("hello", "n", 7)
	log.Debug("not kept")
	log.Error(strings.Repeat("é", longestLine))
	entries, began, _, dropped := h.Read()
	if len(entries) != 2 || entries[0].Text != "hello peer=x g.n=7" || len(entries[1].Text) > longestLine+10 || dropped != 0 || began.IsZero() {
		t.Fatalf("%+v", entries)
	}
	if strings.Contains(b.String(), "hello") || !strings.Contains(b.String(), "ERROR") {
		t.Errorf("written: %s", b.String())
	}
	level.Set(slog.LevelDebug)
	log.Debug("kept now")
	level.Set(slog.LevelWarn)
	log.Debug("not kept again")
	if entries, _, _, _ = h.Read(); len(entries) != 3 || entries[2].Text != "kept now" {
		t.Errorf("%+v", entries)
	}
	for range 3 * Max / 1000 {
		log.Info(strings.Repeat("x", 1000))
	}
	entries, _, used, dropped := h.Read()
	if used > Max || used < Max/3 || dropped == 0 || len(entries)*(1000+entrySize) != used {
		t.Errorf("%d entries, %d bytes, %d dropped", len(entries), used, dropped)
	}
}

package node_test

import (
	"log/slog"
	"os"
)

// testLog shows what a node logs when LEYDEN_TEST_LOG names it.
func testLog(alias string) *slog.Logger {
	if os.Getenv("LEYDEN_TEST_LOG") != alias {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

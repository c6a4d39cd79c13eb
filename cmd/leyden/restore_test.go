package main

import (
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/keeper"
)

func TestWhatWouldComeBackIsSaidWithItsTokens(t *testing.T) {
	var out strings.Builder
	p := keeper.Prospect{Backup: backup.Backup{Channels: []backup.Channel{{Capacity: 20_000}}}}
	tellProspect(&out, p, true)
	if strings.Contains(out.String(), "tokens") {
		t.Error(out.String())
	}
	p.Backup.Channels = append(p.Backup.Channels, backup.Channel{Capacity: 200_000, Property: 3, Tokens: 500})
	tellProspect(&out, p, true)
	for _, want := range []string{" and 500 units of property 3 with", "--assets"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}

package office

import (
	"strconv"
	"strings"
)

// logRow is a line of the log, or how many are left out.
type logRow struct {
	Type    string `json:"type"`
	Time    string `json:"time"`
	Log     string `json:"log"`
	Skipped uint64 `json:"num_skipped"`
}

// pageSettings is what concerns the node as a whole.
type pageSettings struct {
	ID, Version, Network string
	Dir, File            string // where a copy of the database goes
	Bytes                uint64 // of the copy that was made
	Backups
	Missing int // channels that the static backup lacks
	Wrong   *Fault
	Level   string
	Levels  []string
	Log     []logRow // the newest first
	Skip    int      // how many newer ones are left out
	Older   int      // how many to leave out for those before; 0: there are none
}

// linesOfLog is how many lines one page shows.
const linesOfLog = 200

// Settings shows the node, its backups and its log.
func Settings(v Visit) error { return showSettings(v, 200, pageSettings{}) }

func showSettings(v Visit, status int, page pageSettings) error {
	var info struct{ ID, Version, Network string }
	if err := v.Run(&info, "getinfo"); err != nil {
		return err
	}
	page.ID, page.Version, page.Network, page.Dir = info.ID, info.Version, info.Network, v.Dir()
	page.Backups = ReadBackups(v)
	rows, err := channelsOf(v)
	if err != nil {
		return err
	}
	page.Missing = page.Lacks(rows)
	page.Levels = []string{"info", "debug", "unusual", "broken"}
	page.Level = page.Levels[0]
	for _, l := range page.Levels {
		if l == v.Request().URL.Query().Get("level") {
			page.Level = l
		}
	}
	var found struct{ Log []logRow }
	if err := v.Run(&found, "getlog", "level", page.Level); err != nil {
		return err
	}
	if skip, err := strconv.ParseUint(v.Request().URL.Query().Get("skip"), 10, 20); err == nil {
		page.Skip = int(skip) //nolint:gosec // 20 bits
	}
	page.Log, page.Older = backwards(found.Log, page.Skip)
	return v.Show(status, "settings", page)
}

// backwards is the lines before those that are left out, the newest first, and how many
// to leave out for the ones before these; 0: there are none.
func backwards(log []logRow, skip int) (lines []logRow, older int) {
	seen := 0
	for i := len(log) - 1; i >= 0; i-- {
		row := log[i]
		if row.Type == "SKIPPED" {
			continue
		}
		if seen++; seen <= skip {
			continue
		}
		if len(lines) == linesOfLog {
			return lines, skip + linesOfLog
		}
		if whole, rest, ok := strings.Cut(row.Time, "."); ok {
			row.Time = whole + "." + rest[:min(len(rest), 3)]
		}
		lines = append(lines, row)
	}
	return lines, 0
}

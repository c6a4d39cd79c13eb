package web

import (
	"encoding/json"
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
	Wrong                string
	Level                string
	Levels               []string
	Log                  []logRow // the newest first
}

// linesOfLog is how many lines one page shows.
const linesOfLog = 200

func (v *visit) settings() error { return v.showSettings(200, pageSettings{}) }

func (v *visit) showSettings(status int, page pageSettings) error {
	var info struct{ ID, Version, Network string }
	if err := v.run(v.ctx(), &info, "getinfo"); err != nil {
		return err
	}
	page.ID, page.Version, page.Network, page.Dir = info.ID, info.Version, info.Network, v.s.c.Dir
	page.Levels = []string{"info", "debug", "unusual", "broken"}
	page.Level = page.Levels[0]
	for _, l := range page.Levels {
		if l == v.r.URL.Query().Get("level") {
			page.Level = l
		}
	}
	var found struct{ Log []logRow }
	if err := v.run(v.ctx(), &found, "getlog", arg{"level", page.Level}); err != nil {
		return err
	}
	for i := len(found.Log) - 1; i >= 0 && len(page.Log) < linesOfLog; i-- {
		if found.Log[i].Type != "SKIPPED" {
			row := found.Log[i]
			if whole, rest, ok := strings.Cut(row.Time, "."); ok {
				row.Time = whole + "." + rest[:min(len(rest), 3)]
			}
			page.Log = append(page.Log, row)
		}
	}
	return v.write(status, "settings", page)
}

// backup copies the database to a file of the node's machine.
func (v *visit) backup() error {
	page := pageSettings{File: v.field("file")}
	var made struct{ Bytes uint64 }
	if err := v.run(v.ctx(), &made, "backup", arg{"file", page.File}); err != nil {
		page.Wrong = reason(err)
		return v.showSettings(422, page)
	}
	page.Bytes = made.Bytes
	return v.showSettings(200, page)
}

// channelsFile is the static backup of the channels, as a file.
func (v *visit) channelsFile() error {
	var r json.RawMessage
	if err := v.run(v.ctx(), &r, "staticbackup"); err != nil {
		return err
	}
	return v.file("channels-"+v.s.self.ID[:16]+".json", r)
}

// file answers with a file of JSON.
func (v *visit) file(name string, content []byte) error {
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err := v.w.Write(append(content, '\n'))
	return err
}

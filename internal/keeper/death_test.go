package keeper

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
)

// Each file that the keeper writes goes to a new file first, which then takes the place
// of the old one. A death in between leaves the old one, and a part of the new one
// beside it; a death after the database's counter and before the file leaves a file
// that is older than the database. The next start takes what there is, and writes what
// is missing.
func TestADeathAtEachWriteOfAFileCostsNoBackup(t *testing.T) {
	names := []string{BackupFile, markFile}
	h := newHome(t)
	h.channels = append(h.channels, channelOf(2, point(2)))
	h.save()
	h.writeMark(t.Context())
	h.close()
	before := snapshot(t, h.dir, names...)
	h.open()
	h.channels = append(h.channels, channelOf(3, point(3)))
	h.save()
	h.writeMark(t.Context())
	h.close()
	after := snapshot(t, h.dir, names...)
	database := snapshot(t, h.dir, "leyden.sqlite3")

	type death struct {
		what        string
		files       map[string][]byte // in the folder
		left        []byte            // of the file that was being written
		of          string
		hasChannels int // in the file, before the next write
	}
	deaths := []death{
		{"before any file", before, nil, "", 1},
		{"before the mark", map[string][]byte{BackupFile: after[BackupFile], markFile: before[markFile]}, nil, "", 2},
		{"after all", after, nil, "", 2},
	}
	for _, part := range []int{0, 1, 100, len(after[BackupFile])} {
		deaths = append(deaths, death{"in the backup", before, after[BackupFile][:part], BackupFile, 1})
	}
	for _, part := range []int{0, 1, len(after[markFile])} {
		deaths = append(deaths, death{
			"in the mark", map[string][]byte{BackupFile: after[BackupFile], markFile: before[markFile]}, after[markFile][:part], markFile, 2,
		})
	}
	for i := 0; i < len(deaths); i += race.Step(4) {
		d := deaths[i]
		put(t, h.dir, database)
		put(t, h.dir, d.files)
		if d.of != "" {
			if err := os.WriteFile(h.path("."+d.of+"-1"), d.left, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.try(); err != nil {
			t.Fatalf("a death %s: the node does not start: %v", d.what, err)
		}
		if all, err := filepath.Glob(h.path(".*-*")); err != nil || len(all) != 0 {
			t.Errorf("a death %s: %v is left, %v", d.what, all, err)
		}
		if got := h.file(); len(got.Channels) != d.hasChannels {
			t.Errorf("a death %s: the file has %d channels", d.what, len(got.Channels))
		}
		h.save()
		h.writeMark(t.Context())
		if got := h.file(); len(got.Channels) != 2 {
			t.Errorf("a death %s: after the next start the file has %d channels", d.what, len(got.Channels))
		}
		if m, err := readMark(h.dir); err != nil || m != h.marked || m.generation == 0 {
			t.Errorf("a death %s: %+v, %v", d.what, m, err)
		}
		h.close()
	}
}

// The database's counter goes before the file: a death between the two, or before
// both, leaves the file of before, and the next start writes the new one.
func TestADeathAtTheCounterCostsNoBackup(t *testing.T) {
	for _, after := range []bool{false, true} {
		h := newHome(t)
		h.dies = true
		h.channels = append(h.channels, channelOf(2, point(2)))
		h.store.SetFault(func(uint64) (bool, bool) { return !after, after })
		if err := h.Save(t.Context()); err == nil {
			t.Fatal("the write did not fail")
		}
		h.store.SetFault(nil)
		if _, err := os.Stat(h.path(BackupFile)); err == nil {
			t.Errorf("after %v: a file whose counter is not on disk", after)
		}
		h.close()
		h.open()
		h.save()
		if got := h.file(); len(got.Channels) != 1 {
			t.Errorf("after %v: %+v", after, got)
		}
	}
}

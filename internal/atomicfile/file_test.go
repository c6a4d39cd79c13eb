//go:build !race

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsReplacedWholeAndForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup")
	for _, content := range []string{"first", "", "the third, longer"} {
		if err := Replace(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil || string(b) != content {
			t.Errorf("%q: %v", b, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("files are left behind: %v, %v", all, err)
	}
}

func TestAFileThatIsThereIsNotCreatedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	if err := Create(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, []byte("second")); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "first" {
		t.Errorf("%q, %v", b, err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("files are left behind: %v, %v", all, err)
	}
}

func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	for _, f := range []func(string, []byte) error{Replace, Create} {
		if err := f(filepath.Join(dir, "file"), nil); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}

// A seed that was encrypted since must not lie beside its file for ever.
func TestWhatADeathHasLeftIsTakenAway(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "seed")
	for _, name := range []string{"seed", ".seed-1", ".seed-22", ".seedling-1", "seed-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clean(path); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 3 || all[0].Name() != ".seedling-1" || all[1].Name() != "seed" || all[2].Name() != "seed-1" {
		t.Errorf("%v, %v", all, err)
	}
}

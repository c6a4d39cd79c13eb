package api_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type staticResult struct{ SCB []string }

type stubsResult struct{ Stubs []string }

func code(err error) command.Code {
	if e, ok := errors.AsType[*command.Error](err); ok {
		return e.Code
	}
	return 0
}

func TestBackupsAreShownAndTakenBack(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	w.fund(t, w.alice, 2_000_000)
	open(t, w.alice, w.carol, 1_000_000)
	w.mine(t, 6)
	scb := ask[staticResult](t, w.alice, "staticbackup").SCB
	if len(scb) != 1 {
		t.Fatalf("%v", scb)
	}
	if all := ask[struct{ FileData string }](t, w.alice, "getemergencyrecoverdata"); len(all.FileData) < 600 {
		t.Errorf("%q", all.FileData)
	}
	// A channel that is there is not put back: it would be given up.
	for _, method := range []string{"recoverchannel", "emergencyrecover", "restorefrompeer"} {
		params := []any{}
		if method == "recoverchannel" {
			params = append(params, scb)
		}
		if got := ask[stubsResult](t, w.alice, method, params...); len(got.Stubs) != 0 || got.Stubs == nil {
			t.Errorf("%s: %v", method, got)
		}
	}
	if _, err := try(t, w.carol, "recoverchannel", scb); code(err) != command.Failed {
		t.Errorf("carol reads it: %v", err)
	}
	if _, err := try(t, w.alice, "recoverchannel", []string{"00"}); code(err) != command.Failed {
		t.Errorf("%v", err)
	}
	if _, err := try(t, w.alice, "recoverchannel", []string{"xy"}); code(err) != command.InvalidParams {
		t.Errorf("%v", err)
	}
}

func TestTheDatabaseIsCopiedToAFileThatIsNotThere(t *testing.T) {
	w := newNetwork(t)
	path := filepath.Join(t.TempDir(), "copy")
	got := ask[struct {
		File  string
		Bytes int64
	}](t, w.alice, "backup", path)
	if info, err := os.Stat(path); err != nil || got.File != path || got.Bytes != info.Size() || got.Bytes == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := try(t, w.alice, "backup", path); code(err) != command.Failed {
		t.Errorf("a file is replaced: %v", err)
	}
	if _, err := try(t, w.alice, "backup", "here"); code(err) != command.InvalidParams {
		t.Errorf("a path of the client's: %v", err)
	}
}

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// BOLT 9: "MUST set all transitive feature dependencies."
// BOLT 9: "MUST NOT set both the optional and mandatory bits."
func TestOurFeaturesAreWellFormed(t *testing.T) {
	f := Features()
	if feature, needs, missing := f.Missing(); missing {
		t.Errorf("%d is set without %d", feature, needs)
	}
	for _, b := range f.Bits() {
		if f.Bit(b ^ 1) {
			t.Errorf("both bits of %d are set", b&^1)
		}
	}
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| (\d+)/\d+ \|([^|]*)\|[^|]*\|([^|]*)\|([^|]*)\|$`)
	testName = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)`")
)

// TestThePageOfFeaturesIsTrue compares docs/features.md with what we set, and looks
// for each test that it names.
func TestThePageOfFeaturesIsTrue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "features.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := tableRow.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 20 {
		t.Fatalf("%d rows are read", len(rows))
	}
	told := wire.Features{}
	for _, row := range rows {
		var bit int
		if _, err := fmt.Sscan(row[1], &bit); err != nil {
			t.Fatal(err)
		}
		tests := testName.FindAllStringSubmatch(row[4], -1)
		if state := strings.TrimSpace(row[3]); strings.HasPrefix(state, "required") {
			told = told.With(wire.FeatureBit(bit)) //nolint:gosec // of the table
		} else if strings.HasPrefix(state, "offered") {
			told = told.With(wire.FeatureBit(bit + 1)) //nolint:gosec // of the table
		} else if len(tests) == 0 {
			continue
		}
		if len(tests) == 0 {
			t.Errorf("no test shows %s", row[2])
		}
		for _, name := range tests {
			files, err := filepath.Glob(filepath.Join("..", name[1], "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, file := range files {
				text, err := os.ReadFile(file) //nolint:gosec // of this repository
				if err != nil {
					t.Fatal(err)
				}
				found = found || strings.Contains(string(text), "func "+name[2]+"(")
			}
			if !found {
				t.Errorf("%s: there is no %s in %s", row[2], name[2], name[1])
			}
		}
	}
	if !told.Equal(Features()) {
		t.Errorf("the page says %v, we set %v", told, Features())
	}
}

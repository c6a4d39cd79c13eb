//go:build !race

// Package leyden_test holds the architecture as a test: the map of
// docs/architecture.md, executable.
package leyden_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/leyden-ln/leyden"

// A room may import rooms of its own floor and of those below it.
var floors = map[string]int{
	"amount":                   1,
	"internal/durable":         1,
	"internal/race":            1,
	"internal/recall":          4,
	"bolt/tlv":                 1,
	"bolt/wire":                1,
	"bolt/noise":               1,
	"bolt/onion":               1,
	"bolt/script":              1,
	"bolt/bolt11":              1,
	"bolt/omni":                1,
	"bolt/obolt":               1,
	"internal/asset":           2,
	"internal/channel":         3,
	"internal/channel/open":    3,
	"internal/channel/closing": 3,
	"internal/channel/dance":   3,
	"internal/channel/tally":   3,
	"internal/enforce":         3,
	"internal/graph":           3,
	"internal/route":           3,
	"internal/assetgraph":      3,
	"internal/pay":             3,
	"internal/invoice":         3,
	"internal/inbound":         3,
	"internal/backup":          3,
	"internal/rate":            3,
	"internal/relay":           3,
	"internal/runes":           3,
	"internal/chain":           4,
	"internal/ledger":          4,
	"internal/chain/chaintest": 4,
	"internal/chain/present":   4,
	"internal/chain/regtest":   4,
	"internal/chain/bitcoind":  4,
	"internal/chain/neutrino":  4,
	"internal/atomicfile":      4,
	"internal/keys":            4,
	"internal/wallet":          4,
	"internal/events":          4,
	"internal/history":         4,
	"internal/steps":           4,
	"internal/store":           4,
	"internal/store/compact":   4,
	"internal/store/db":        4,
	"internal/store/prepared":  4,
	"internal/store/rates":     4,
	"internal/store/heard":     4,
	"internal/store/bound":     4,
	"internal/store/ready":     5,
	"internal/peer":            5,
	"internal/link":            5,
	"internal/sweep":           5,
	"internal/funding":         5,
	"internal/gossip":          5,
	"internal/gossip/spread":   5,
	"internal/assetgossip":     5,
	"internal/herald":          5,
	"internal/receiver":        5,
	"internal/terms":           5,
	"internal/exchange":        5,
	"internal/backing":         5,
	"internal/sender":          5,
	"internal/clean":           5,
	"internal/wake":            5,
	"internal/keeper":          5,
	"internal/gate":            5,
	"internal/uptime":          5,
	"internal/webhook":         5,
	"internal/tokens":          5,
	"internal/omnicore":        4,
	"internal/omnicore/record": 4,
	"internal/sim":             5,
	"internal/sim/abacus":      5,
	"internal/sim/atlas":       5,
	"internal/sim/babble":      5,
	"internal/sim/clock":       5,
	"internal/sim/disk":        5,
	"internal/sim/draw":        5,
	"internal/sim/lent":        5,
	"internal/sim/miner":       5,
	"internal/sim/mint":        5,
	"internal/sim/plot":        5,
	"internal/sim/report":      5,
	"internal/sim/scribe":      5,
	"node":                     6,
	"api/command":              7,
	"api/invoices":             7,
	"api/backups":              7,
	"api/payments":             7,
	"api/channels":             7,
	"api/peers":                7,
	"api/onchain":              7,
	"api/assets":               7,
	"api/runes":                7,
	"api/events":               7,
	"api/system":               7,
	"api/query":                7,
	"api":                      8,
	"api/jsonrpc":              8,
	"api/rest":                 8,
	"api/commando":             8,
	"web/door":                 9,
	"web/rings":                2,
	"web/both":                 9,
	"web/words":                9,
	"web/child":                2,
	"web/channels":             2,
	"web/grants":               1,
	"web/newest":               1,
	"web/qrcode":               1,
	"web/shell":                1,
	"web/table":                1,
	"web/tokens":               9,
	"web/errand":               9,
	"web/office":               9,
	"web/sequence":             9,
	"web/sse":                  9,
	"web":                      9,
	"internal/sim/cmd":         10,
	"cmd/leyden":               10,
	"bench":                    10,

	"internal/omnicore/record/cmd": 10,
}

// lastPureFloor is the highest floor whose rooms know no disk, net, clock,
// randomness or goroutine.
const lastPureFloor = 3

// What a pure room may not import, with the reason.
var impure = map[string]string{
	"os":            "protocol rooms know no disk",
	"io/ioutil":     "protocol rooms know no disk",
	"database/sql":  "protocol rooms know no disk",
	"net":           "protocol rooms know no network",
	"net/http":      "protocol rooms know no network",
	"math/rand":     "protocol rooms are deterministic",
	"math/rand/v2":  "protocol rooms are deterministic",
	"crypto/rand":   "protocol rooms are given their randomness",
	"log":           "protocol rooms return what happened",
	"log/slog":      "protocol rooms return what happened",
	"sync":          "protocol rooms have one caller",
	"os/exec":       "protocol rooms start nothing",
	"runtime/debug": "protocol rooms know no runtime",
}

// A room that is pure but for one import, with the reason.
var allowed = map[string]string{}

type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestGoFiles,XTestGoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func room(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

func TestEveryRoomStandsOnItsFloor(t *testing.T) {
	for _, p := range packages(t) {
		name, ok := room(p.ImportPath)
		if !ok {
			continue // the root has tests only
		}
		floor, ok := floors[name]
		if !ok {
			t.Errorf("%s has no floor: add it to the map here and in docs/architecture.md", name)
			continue
		}
		for _, imp := range p.Imports {
			below, ours := room(imp)
			if ours && floors[below] > floor {
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go down only", name, floor, below, floors[below])
			}
			if why := impure[imp]; why != "" && floor <= lastPureFloor && allowed[name+" "+imp] == "" {
				t.Errorf("%s (floor %d) imports %s: %s", name, floor, imp, why)
			}
		}
	}
}

// forEachFile parses the non-test files of each room.
func forEachFile(t *testing.T, visit func(room string, fset *token.FileSet, f *ast.File)) {
	t.Helper()
	for _, p := range packages(t) {
		name, ok := room(p.ImportPath)
		if !ok {
			continue
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			visit(name, fset, f)
		}
	}
}

func TestPureRoomsHaveNoGoroutineAndNoClock(t *testing.T) {
	forEachFile(t, func(name string, fset *token.FileSet, f *ast.File) {
		if floors[name] > lastPureFloor {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			var what string
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "a goroutine"
			case *ast.ChanType:
				what = "a channel"
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" &&
					slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}, n.Sel.Name) {
					what = "time." + n.Sel.Name
				}
			}
			if what != "" {
				t.Errorf("%s: %s in a pure room", fset.Position(n.Pos()), what)
			}
			return true
		})
	})
}

// forTheDetector is what of a file the race detector might look at: its position, and what
// it is.
func forTheDetector(f *ast.File, found func(token.Pos, string)) {
	for _, imp := range f.Imports {
		path := strings.Trim(imp.Path.Value, `"`)
		switch top, _, _ := strings.Cut(path, "/"); {
		case path == "net/netip" || path == "net/url": // values
		case top == "sync", top == "net", strings.HasPrefix(path, "golang.org/x/sync/"):
			found(imp.Pos(), path)
		case path == module+"/internal/race":
			found(imp.Pos(), "a question for the detector")
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found(n.Pos(), "a goroutine")
		case *ast.ChanType:
			found(n.Pos(), "a channel")
		case *ast.SelectorExpr:
			if n.Sel.Name == "AfterFunc" || n.Sel.Name == "RunParallel" {
				found(n.Pos(), n.Sel.Name)
			}
		}
		return true
	})
}

// A test binary with the race detector takes a second and a half to link and a second to
// end. The rooms whose tests say "//go:build !race" are spared that: nothing of theirs, and
// nothing of their tests, is of more than one goroutine. Each pure room is one of them; its
// code runs under the detector where the rooms above call it.
func TestWhatIsTestedWithoutTheDetectorHasNothingForIt(t *testing.T) {
	without := 0
	for _, p := range packages(t) {
		name, ok := room(p.ImportPath)
		tests := slices.Concat(p.TestGoFiles, p.XTestGoFiles)
		if !ok || len(tests) == 0 {
			continue
		}
		var tagged []string
		var what []string
		for _, file := range slices.Concat(p.GoFiles, tests) {
			fset := token.NewFileSet()
			path := filepath.Join(p.Dir, file)
			f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range f.Comments {
				if group.Pos() < f.Package && group.List[0].Text == "//go:build !race" {
					tagged = append(tagged, file)
				}
			}
			forTheDetector(f, func(at token.Pos, found string) {
				what = append(what, fmt.Sprintf("%s: %s", fset.Position(at), found))
			})
		}
		switch {
		case len(tagged) == 0:
			if floors[name] <= lastPureFloor {
				t.Errorf("%s is pure: its tests begin with //go:build !race", name)
			}
			continue
		case !slices.Equal(tagged, tests):
			t.Errorf("%s: of the tests %v only %v are built without the race detector", name, tests, tagged)
		}
		if without++; len(what) > 0 {
			t.Errorf("%s is tested without the race detector, and has\n%s", name, strings.Join(what, "\n"))
		}
	}
	if without == 0 {
		t.Error("no room is tested without the race detector")
	}
}

var (
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	leftOut  = regexp.MustCompile(`(?m)^\trace\.(?:Like|Leave)\((.*)\)$`)
	testName = regexp.MustCompile(`\bTest\w+`)
)

// A test that is left out under the race detector names those that meet its goroutines:
// they are there, and are run.
func TestWhoStandsForOthersRunsUnderTheDetector(t *testing.T) {
	runs, named := map[string]bool{}, map[string]string{}
	for _, p := range packages(t) {
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			b, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			if strings.HasPrefix(text, "//go:build !race\n") {
				continue
			}
			at := append(testFunc.FindAllStringSubmatchIndex(text, -1), []int{len(text)})
			for i, m := range at[:len(at)-1] {
				name := text[m[2]:m[3]]
				why := leftOut.FindStringSubmatch(text[m[0]:at[i+1][0]])
				if why == nil {
					runs[name] = true
					continue
				}
				for _, other := range testName.FindAllString(why[1], -1) {
					named[other] = name
				}
			}
		}
	}
	for other, name := range named {
		if !runs[other] {
			t.Errorf("%s stands for %s, and is not run under the race detector", other, name)
		}
	}
	if len(named) == 0 {
		t.Error("no test stands for another")
	}
}

func TestOnlyTheStoreWritesRows(t *testing.T) {
	var writers []string
	forEachFile(t, func(name string, _ *token.FileSet, f *ast.File) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Write" {
				continue
			}
			params := fn.Type.Params.List
			if len(params) == 0 {
				continue
			}
			last, ok := params[len(params)-1].Type.(*ast.Ellipsis)
			if !ok {
				continue
			}
			if sel, ok := last.Elt.(*ast.SelectorExpr); ok && sel.Sel.Name == "Row" {
				writers = append(writers, name)
			}
		}
	})
	if writers = slices.Compact(writers); !slices.Equal(writers, []string{"internal/sim/disk", "internal/store"}) {
		t.Errorf("durable.Writer is implemented in %v; only internal/sim/disk and internal/store may", writers)
	}
}

// Sizes that ask whether a file is one subject and a room one room.
const (
	maxFileLines = 650
	maxRoomLines = 3300
)

func TestFilesAndRoomsKeepTheirSize(t *testing.T) {
	for _, p := range packages(t) {
		name, ok := room(p.ImportPath)
		if !ok || name == "internal/store/db" { // generated
			continue
		}
		total := 0
		for _, file := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.Count(b, []byte("\n"))
			total += lines
			if lines > maxFileLines {
				t.Errorf("%s/%s has %d lines (at most %d): is it one subject?", name, file, lines, maxFileLines)
			}
		}
		if total > maxRoomLines {
			t.Errorf("%s has %d lines (at most %d): is it one room?", name, total, maxRoomLines)
		}
	}
}

var quote = regexp.MustCompile(`BOLT (\d+): "([^"]+)"`)

// boltText reads the specification from the folder in LEYDEN_BOLTS: a checkout
// of the BOLTs, with files such as 02-peer-protocol.md.
func boltText(t *testing.T) map[string]string {
	t.Helper()
	dir := os.Getenv("LEYDEN_BOLTS")
	if dir == "" {
		t.Skip("LEYDEN_BOLTS does not name a checkout of the BOLTs: quotes are not compared")
	}
	texts := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "[01][0-9]-*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no BOLT text in %s: %v", dir, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimLeft(filepath.Base(file)[:2], "0")] = squeeze(string(b))
	}
	return texts
}

// squeeze makes one line of text, without the marks of Markdown lists.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestBOLTQuotesAreExact(t *testing.T) {
	texts := boltText(t)
	quotes := 0
	forEachFile(t, func(_ string, fset *token.FileSet, f *ast.File) {
		for _, group := range f.Comments {
			for _, m := range quote.FindAllStringSubmatch(squeeze(group.Text()), -1) {
				quotes++
				for part := range strings.SplitSeq(m[2], "...") {
					if !strings.Contains(texts[m[1]], squeeze(part)) {
						t.Errorf("%s: BOLT %s does not say %q", fset.Position(group.Pos()), m[1], squeeze(part))
					}
				}
			}
		}
	})
	fmt.Printf("BOLT quotes compared: %d\n", quotes)
}

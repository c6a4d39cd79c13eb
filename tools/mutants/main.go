// Mutants tells which rules of a package no test guards. It breaks one thing after
// the other (a condition that never holds, a comparison off by one, a statement
// left out), runs the tests on the broken code, and lists what they let pass:
//
//	go build -C tools -o /tmp/mutants ./mutants && /tmp/mutants internal/relay
//	/tmp/mutants -every 7 -run Test[A-M] internal/channel ./node
//
// The first argument is the folder to break; more are packages, from the module's
// root, whose tests run too. The working tree is not touched.
//
// With -faults it puts in the faults of a list instead, each of which tests must
// notice (see faults.txt):
//
//	/tmp/mutants -faults tools/mutants/faults.txt
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mutant is one way to break a file.
type mutant struct {
	file     string
	from, to int // bytes of the file that are replaced
	with     string
	line     int
	was      string
}

func main() {
	every := flag.Int("every", 1, "try each n-th mutant only")
	only := flag.String("run", "", "run these tests only")
	file := flag.String("file", "", "break this file only")
	timeout := flag.Duration("timeout", 2*time.Minute, "a test that takes longer has noticed")
	list := flag.String("faults", "", "a list of faults, to put in instead; -run chooses by their description")
	flag.Parse()
	if *list != "" {
		if err := faults(*list, *only, *timeout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*every, *only, *file, *timeout, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(every int, only, file string, timeout time.Duration, args []string) error {
	dir, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	packages := append([]string{dir}, args[1:]...)
	mutants, err := find(dir, file)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var tried, invalid, survived int
	for i, m := range mutants {
		if i%every != 0 {
			continue
		}
		verdict, err := m.try(temp, only, timeout, packages)
		if err != nil {
			return err
		}
		switch verdict {
		case "invalid":
			invalid++
			continue
		case "survived":
			survived++
			fmt.Printf("%s:%d: %s  =>  %s\n", filepath.Base(m.file), m.line, m.was, m.with)
		}
		tried++
	}
	fmt.Printf("%s: %d mutants, %d noticed, %d not (%d more do not compile)\n", args[0], tried, tried-survived, survived, invalid)
	return nil
}

// find lists the mutants of a folder's files that are neither tests nor generated.
func find(dir, only string) ([]mutant, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || only != "" && filepath.Base(name) != only {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if ast.IsGenerated(tree) {
			continue
		}
		f := file{name: name, text: text, fset: fset}
		ast.Inspect(tree, f.visit)
		all = append(all, f.mutants...)
	}
	return all, nil
}

// file gathers the mutants of one file.
type file struct {
	name    string
	text    []byte
	fset    *token.FileSet
	mutants []mutant
}

// near is what a comparison is when it is off by one, or the other way round.
var near = map[token.Token]string{
	token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">", token.EQL: "!=", token.NEQ: "==",
}

func (f *file) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.add(n.Cond.Pos(), n.Cond.End(), "false && ("+f.source(n.Cond)+")")
		f.add(n.Cond.Pos(), n.Cond.End(), "true || ("+f.source(n.Cond)+")")
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					f.add(e.Pos(), e.End(), "false && ("+f.source(e)+")")
				}
			}
		}
	case *ast.BinaryExpr:
		if with, ok := near[n.Op]; ok {
			f.add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), with)
		}
	case *ast.ExprStmt:
		f.add(n.Pos(), n.End(), "")
	case *ast.IncDecStmt:
		f.add(n.Pos(), n.End(), "")
	case *ast.AssignStmt:
		if n.Tok == token.ASSIGN || n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN {
			f.add(n.Pos(), n.End(), "")
		}
	}
	return true
}

func (f *file) source(n ast.Node) string {
	return string(f.text[f.fset.Position(n.Pos()).Offset:f.fset.Position(n.End()).Offset])
}

func (f *file) add(from, to token.Pos, with string) {
	a, b := f.fset.Position(from), f.fset.Position(to)
	start, end := a.Offset, b.Offset
	for start > 0 && f.text[start-1] != '\n' {
		start--
	}
	for end < len(f.text) && f.text[end] != '\n' {
		end++
	}
	f.mutants = append(f.mutants, mutant{
		file: f.name, from: a.Offset, to: b.Offset, with: with, line: a.Line,
		was: strings.Join(strings.Fields(string(f.text[start:end])), " "),
	})
}

// try runs the tests on the broken code.
func (m *mutant) try(temp, only string, timeout time.Duration, packages []string) (verdict string, err error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	broken := filepath.Join(temp, "broken.go")
	if err := os.WriteFile(broken, []byte(string(text[:m.from])+m.with+string(text[m.to:])), 0o600); err != nil {
		return "", err
	}
	overlay := filepath.Join(temp, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{m.file: broken}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	args := append([]string{"test", "-vet=off", "-failfast", "-count=1", "-overlay", overlay, "-run", only, "-timeout", timeout.String()}, packages...)
	// A loop without an end must not take all memory.
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -v 8000000 && exec go "$@"`, "go"}, args...)...)
	cmd.Dir = filepath.Dir(m.file)
	if root, err := exec.Command("go", "list", "-C", filepath.Dir(m.file), "-m", "-f", "{{.Dir}}").Output(); err == nil {
		cmd.Dir = strings.TrimSpace(string(root))
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return "survived", nil
	case strings.Contains(string(out), "[build failed]"), strings.Contains(string(out), "[setup failed]"):
		return "invalid", nil
	}
	return "noticed", nil
}

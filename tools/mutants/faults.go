package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// fault is one of the list: a text of a file that is replaced, and the tests that must
// notice. See faults.txt.
type fault struct {
	what, file string
	old, with  []string
	test       []string // packages, and perhaps -run PATTERN
}

// readFaults reads the list.
func readFaults(name string) (list []fault, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		word, rest, _ := strings.Cut(line, " ")
		if word == "==" {
			list = append(list, fault{what: rest})
			continue
		}
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("%s:%d: no fault has begun", name, n)
		}
		switch last := &list[len(list)-1]; word {
		case "file":
			last.file = rest
		case "-":
			last.old = append(last.old, rest)
		case "+":
			last.with = append(last.with, rest)
		case "test":
			last.test = strings.Fields(rest)
		default:
			return nil, fmt.Errorf("%s:%d: %q is nothing", name, n, line)
		}
	}
	return list, lines.Err()
}

// broken is the file with the fault. The text must stand there once: code that has
// moved is no reason to think that a fault was noticed.
func (f *fault) broken(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, f.file))
	if err != nil {
		return "", err
	}
	old := strings.Join(f.old, "\n")
	if n := strings.Count(string(b), old); old == "" || n != 1 {
		return "", fmt.Errorf("%s: the text stands %d times in %s: the code has moved, mend the list", f.what, n, f.file)
	}
	return strings.Replace(string(b), old, strings.Join(f.with, "\n"), 1), nil
}

var (
	failed  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	running = regexp.MustCompile(`(?m)^\t?(Test\w+)[^\n]* \(\d`)
)

// try runs the tests on the broken code. Caught is the test that noticed; empty: none
// did.
func (f *fault) try(root, temp string, timeout time.Duration) (caught string, err error) {
	text, err := f.broken(root)
	if err != nil {
		return "", err
	}
	file := filepath.Join(temp, "broken"+filepath.Ext(f.file))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	overlay := filepath.Join(temp, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, f.file): file}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*timeout)
	defer cancel()
	args := append([]string{"test", "-vet=off", "-failfast", "-count=1", "-overlay", overlay, "-timeout", timeout.String()}, f.test...)
	// A loop without an end must not take all memory.
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -v 8000000 && exec go "$@"`, "go"}, args...)...)
	cmd.Dir, cmd.WaitDelay = root, time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		if strings.Contains(string(out), "no tests to run") {
			return "", fmt.Errorf("%s: there is no such test", f.what)
		}
		return "", nil
	case strings.Contains(string(out), "[build failed]"), strings.Contains(string(out), "[setup failed]"):
		return "", fmt.Errorf("%s: the broken code does not compile:\n%s", f.what, out)
	}
	if m := failed.FindStringSubmatch(string(out)); m != nil {
		return m[1], nil
	}
	if m := running.FindStringSubmatch(string(out)); m != nil {
		return m[1] + ", which never ends or ends the process", nil
	}
	return "the end of the process", nil
}

// faults puts in each fault of the list whose description fits, one at a time, and
// prints what noticed it.
func faults(list, only string, timeout time.Duration) error {
	root, err := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return err
	}
	dir := strings.TrimSpace(string(root))
	all, err := readFaults(list)
	if err != nil {
		return err
	}
	fits, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	for i := range all { // all of the list before any of it is tried
		if _, err := all[i].broken(dir); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	tried, survived, began := 0, 0, time.Now()
	for i := range all {
		f := &all[i]
		if !fits.MatchString(f.what) {
			continue
		}
		caught, err := f.try(dir, temp, timeout)
		if err != nil {
			return err
		}
		tried++
		if caught == "" {
			survived++
			fmt.Printf("SURVIVED  %s: %s\n", f.file, f.what)
		} else {
			fmt.Printf("caught    %s: %s: by %s\n", f.file, f.what, caught)
		}
	}
	fmt.Printf("%d faults, %d caught, %d survived, in %s\n", tried, tried-survived, survived, time.Since(began).Round(time.Second))
	if survived > 0 {
		return errors.New("a fault that no test notices: write one")
	}
	return nil
}

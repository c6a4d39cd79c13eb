// Command table reads what go test -json says and prints one line for each case:
// pass, fail or not run, the time that it took, and its name. Of a case that has
// failed it shows all that was said. It ends with 1 when one has failed, or none ran.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// reason is why a case has not run: what it has said itself.
func reason(said []string) (text string) {
	for _, line := range said {
		if strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimSpace(line), "---") {
			text += line
		}
	}
	return text
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
	Elapsed              float64 // seconds
}

var words = map[string]string{"pass": "pass", "fail": "FAIL", "skip": "not run"}

func run(in io.Reader, out io.Writer) error {
	counts := map[string]int{}
	said := map[string][]string{}        // by case
	parents := map[string]bool{"": true} // of other cases; "" is the package
	failed := map[string]bool{}          // parents of a case that has failed
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			// what comes from go itself, such as why nothing was built
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
			continue
		}
		parent := e.Test[:max(strings.LastIndexByte(e.Test, '/'), 0)]
		switch e.Action {
		case "run":
			parents[parent] = true
		case "output", "build-output":
			said[e.Test] = append(said[e.Test], e.Output)
		case "pass", "fail", "skip":
			own := !parents[e.Test] || e.Action == "fail" && !failed[e.Test]
			if e.Action == "fail" {
				failed[parent] = true
			}
			text := ""
			if own {
				counts[e.Action]++
				text = fmt.Sprintf("%-8s%7.1fs  %s\n", words[e.Action], e.Elapsed, e.Test)
			}
			switch all := said[e.Test]; {
			case own && e.Action == "fail":
				text += strings.Join(all, "")
			case own && e.Action == "skip":
				text += reason(all)
			}
			if _, err := io.WriteString(out, text); err != nil {
				return err
			}
			delete(said, e.Test)
		}
	}
	_, err := fmt.Fprintf(out, "%d passed, %d failed, %d not run\n", counts["pass"], counts["fail"], counts["skip"])
	switch {
	case err != nil:
		return err
	case counts["fail"] > 0:
		return errors.New("the table has failures")
	case counts["pass"] == 0:
		return errors.New("nothing ran")
	}
	return nil
}

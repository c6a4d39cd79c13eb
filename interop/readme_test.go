package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// shell is somebody who types the README's lines, in a folder of their own.
type shell struct {
	*network
	in   io.Writer
	out  *bufio.Reader
	dir  string
	seen map[string]string // what stands for …
}

// shown are the words with … in the README, and what they stand for in what the
// programs show.
var shown = map[string]*regexp.Regexp{
	"bcrt1q…": regexp.MustCompile(`\bbcrt1q[0-9a-z]{38}\b`),
	"02…":     regexp.MustCompile(`\b0[23][0-9a-f]{64}\b`),
	"lnbcrt…": regexp.MustCompile(`\blnbcrt[0-9a-z]+\b`),
}

// newShell has the programs on its PATH by the names that users know.
func newShell(n *network) *shell {
	n.Helper()
	s := &shell{network: n, dir: filepath.Join(n.dir, "home"), seen: map[string]string{}}
	bin := filepath.Join(n.dir, "bin")
	n.must(errors.Join(os.Mkdir(s.dir, 0o700), os.Mkdir(bin, 0o700)))
	for name, path := range map[string]string{
		"leyden": binaries.Leyden, "bitcoind": binaries.Bitcoind, "bitcoin-cli": binaries.BitcoinCLI, "btcd": binaries.Btcd,
		"btcctl": binaries.Btcctl,
	} {
		n.must(os.Symlink(path, filepath.Join(bin, name)))
	}
	cmd := exec.Command("bash")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	n.must(err)
	out, err := cmd.StdoutPipe()
	n.must(err)
	cmd.Stderr = cmd.Stdout
	s.in, s.out = in, bufio.NewReader(out)
	n.must(cmd.Start())
	s.types("trap 'kill -KILL 0' EXIT") // when this process ends before its time too
	n.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // and all that it has started
		_ = cmd.Wait()
	})
	return s
}

// end stands after what a line shows, with how it ended.
const end = "the line has ended: "

// types types a line, until it is not too early. It returns what it shows.
func (s *shell) types(line string) (shows string) {
	s.Helper()
	for word, what := range s.seen {
		line = strings.ReplaceAll(line, word, what)
	}
	if program, ok := strings.CutSuffix(line, "&"); ok {
		line = program + ">>log 2>&1 &"
	}
	s.eventually(line, func(context.Context) error {
		if _, err := fmt.Fprintf(s.in, "%s\ncode=$?; echo; echo \"%s$code\"\n", line, end); err != nil {
			return err
		}
		var text strings.Builder
		for {
			got, err := s.out.ReadString('\n')
			if err != nil {
				return err
			}
			if code, ok := strings.CutPrefix(got, end); ok {
				if code != "0\n" {
					return errors.New(text.String())
				}
				break
			}
			text.WriteString(got)
		}
		shows = text.String()
		s.Logf("%s\n%s", line, shows)
		for word, r := range shown {
			if what := r.FindString(shows); what != "" && s.seen[word] == "" {
				s.seen[word] = what
			}
		}
		return nil
	})
	return shows
}

// What the README shows about nodes on a chain of one's own is typed line by line.
func TestTheLinesOfTheReadmeWork(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Nodes on a chain of your own\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for block := range strings.SplitSeq(section, "\n\n") {
		if strings.HasPrefix(block, "    ") {
			blocks = append(blocks, block)
		}
	}
	names := []string{"bitcoind", "btcd"}
	if len(blocks) != len(names) {
		t.Fatalf("the README has %d blocks of lines there", len(blocks))
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			block := blocks[i]
			for _, port := range []string{"18443", "18444", "18334", "9735", "9736"} { // others may use them here
				free, err := freePort(n.context())
				n.must(err)
				_, number, _ := strings.Cut(free, ":")
				block = regexp.MustCompile(`([:=])`+port+`\b`).ReplaceAllString(block, "${1}"+number)
			}
			s := newShell(n)
			miner := regexp.MustCompile(`(.*) generate`).FindStringSubmatch(block)[1]
			for line := range strings.Lines(block) {
				line, _, _ = strings.Cut(line, "    #")
				text := s.types(strings.TrimSpace(line))
				// Nobody types as fast as a test: what was broadcast is in the next block.
				if tx := regexp.MustCompile(`"txid": "([0-9a-f]{64})"`).FindStringSubmatch(text); tx != nil {
					s.types(miner + " getrawmempool | grep " + tx[1])
				}
			}
			s.eventually("both to see the channel closed on-chain", func(context.Context) error {
				log, err := os.ReadFile(filepath.Join(s.dir, "log"))
				if err == nil && strings.Count(string(log), "what=MUTUAL_CLOSE") < 2 {
					err = errors.New(tail(string(log), logLines))
				}
				return err
			})
		})
	}
}

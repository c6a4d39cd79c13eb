package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
)

// fenced are the README's blocks of code, with what stands behind the fence.
var fenced = regexp.MustCompile("(?ms)^```([a-z ]+)\n(.*?)^```$")

// What the README shows to developers is run as it stands there, but for the port.
func TestTheCodeOfTheReadmeRuns(t *testing.T) {
	race.Leave(t, "its clients are other programs, and the shop is called as in api/rest")
	for _, program := range []string{"curl", "jq", "node"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("LEYDEN_CI") != "" {
				t.Fatal(err)
			}
			t.Logf("not run: %v", err)
			return
		}
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork(t)
	_, port, err := net.SplitHostPort(freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	shop := n.add("shop", "--rest-port", port)
	home, bin := filepath.Join(n.dir, "home"), filepath.Join(n.dir, "bin")
	this, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Mkdir(home, 0o700), os.Mkdir(bin, 0o700), os.Symlink(shop.dir, filepath.Join(home, ".leyden")),
		os.WriteFile(filepath.Join(bin, "leyden"), fmt.Appendf(nil, "#!/bin/sh\n%s=1 exec %q \"$@\"\n", beLeyden, this), 0o700), //nolint:gosec // a program
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	rune := ask[struct{ Rune string }](shop, "createrune", nil, [][]string{{"method=invoice", "method=listinvoices"}}).Rune
	script := map[string]string{"sh": "sh -e %s", "sh curl": "sh -e %s", "js": "NODE_EXTRA_CA_CERTS=~/.leyden/rest-cert.pem node %s", "go": "go run %s"}
	names := map[string]string{"sh": "order.sh", "sh curl": "curl.sh", "js": "order.mjs", "go": "order.go"}
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		kind, code := block[1], strings.ReplaceAll(block[2], "3010", port)
		label := regexp.MustCompile(`order-[0-9]`).FindString(code)
		t.Run(kind, func(t *testing.T) {
			file := filepath.Join(home, names[kind])
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf(script[kind], file))
			cmd.Dir = home
			cmd.Env = append(os.Environ(), "HOME="+home, "PATH="+bin+":"+os.Getenv("PATH"), "GOCACHE="+strings.TrimSpace(string(cache)), "RUNE="+rune)
			in, err := cmd.StdinPipe() // stays open: see TestMain
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			shows, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, shows)
			}
			_, listed, _ := strings.Cut(string(shows), "invoices")
			if !strings.Contains(listed, label) || !strings.Contains(listed, "25000000") || !strings.Contains(listed, "unpaid") {
				t.Errorf("it shows %s", shows)
			}
			delete(script, kind)
		})
	}
	if len(script) > 0 {
		t.Errorf("the README has no block of %v", script)
	}
}

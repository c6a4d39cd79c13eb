package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/api"
)

func TestAResultIsShownForTheEye(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	at := func(unix int64) string { return time.Unix(unix, 0).Local().Format("2006-01-02 15:04:05") }
	for result, want := range map[string]string{
		`{}`:   "done\n",
		`"ok"`: "ok\n",
		`{"label":"tea","amount_msat":1234567890,"paid":true,"nothing":null,"list":[],"names":["a","b"]}`: "" +
			"label    tea\namount   1 234 567.890 sat\npaid     yes\nnothing  -\nlist     none\nnames    a, b\n",
		`{"invoices":[{"label":"tea","amount_msat":1000},{"label":"coffee","amount_msat":2000000,"paid_at":1799999940}]}`: "" +
			"invoices (2)\n  label   amount     paid at\n  tea     1 sat\n  coffee  2 000 sat  " + at(1_799_999_940) + " (60 seconds ago)\n",
		// Rows need not have the same fields, the first of them fewer or more than the others.
		`{"invoices":[{"label":"tea","paid_at":1799999940,"a":1,"b":2},{"label":"coffee"},{"c":3}]}`: "" +
			"invoices (3)\n  label   paid at                               a  b  c\n  tea     " + at(1_799_999_940) + " (60 seconds ago)  1  2\n  coffee\n" +
			"                                                      3\n",
		`{"rows":[{"a":"` + strings.Repeat("x", 76) + `","b":1}]}`: "" +
			"rows (1)\n  a  " + strings.Repeat("x", 76) + "\n  b  1\n", // one column more than there are
		`{"rows":[{"a":"` + strings.Repeat("x", 75) + `"}]}`: "rows (1)\n  a\n  " + strings.Repeat("x", 75) + "\n",
		`{"connected_seconds":7300,"age_in_seconds":60,"expiry_time":1800086400}`: "" +
			"connected seconds  7300 (2 hours)\nage in seconds     60\nexpiry time        " + at(1_800_086_400) + " (in 24 hours)\n",
		`{"pays":[{"a":"` + strings.Repeat("x", 120) + `","b":1},{"a":"y","b":2}]}`: "" +
			"pays (2)\n  a  " + strings.Repeat("x", 120) + "\n  b  1\n\n  a  y\n  b  2\n",
		`{"in":{"deep":{"time":1800000000,"expires_at":1800086400,"created_at":1799740800}},"opening_channel_satoshis":1000}`: "" +
			"in\n  deep\n    time        " + at(1_800_000_000) + " (now)\n    expires at  " + at(1_800_086_400) + " (in 24 hours)\n" +
			"    created at  " + at(1_799_740_800) + " (3 days ago)\nopening channel  1 000 sat\n",
		// What others wrote does not move the cursor.
		`{"alias":"\u001b[2Jevil\u0085\u007f\u202e\u2066","fee_msat":-1500}`: "alias  ?[2Jevil????\nfee    -1.500 sat\n",
	} {
		var b bytes.Buffer
		if err := showReadable(&b, json.RawMessage(result), now, 80); err != nil || b.String() != want {
			t.Errorf("%s gives, with %v,\n%s\nwant\n%s", result, err, b.String(), want)
		}
	}
}

func FuzzReadable(f *testing.F) {
	f.Add(`{"invoices":[{"label":"tea","amount_msat":1000,"paid_at":1799999940}],"in":{"a":[1,[2,{}]]}}`)
	f.Add(`[{"a":1,"b":2,"c":3},{"a":1}]`)
	f.Fuzz(func(t *testing.T, result string) {
		var b bytes.Buffer
		if err := showReadable(&b, json.RawMessage(result), time.Unix(1_800_000_000, 0), 80); json.Valid([]byte(result)) != (err == nil) {
			t.Errorf("%q: %v", result, err)
		}
		if strings.ContainsFunc(b.String(), func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' }) {
			t.Errorf("%q gives %q", result, b.String())
		}
	})
}

func TestHelpFitsTheTerminal(t *testing.T) {
	long := func(line string, width int) bool {
		return utf8.RuneCountInString(line) > width && len(strings.Fields(line)) > 1
	}
	table := api.Table()
	for i := range table {
		c := &table[i]
		for _, width := range []int{narrowest, 80, 200} {
			text := manual(c.Page(), width)
			for _, line := range strings.Split(text, "\n") {
				if long(line, width) || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") {
					t.Errorf("%s, %d columns: %q", c.Name, width, line)
				}
			}
			words := strings.Join(strings.Fields(text), " ")
			for _, p := range c.Params {
				if !strings.Contains(words, strings.Join(strings.Fields(p.Doc), " ")) {
					t.Errorf("%s, %d columns: what %s is has been lost", c.Name, width, p.Name)
				}
			}
		}
	}
	const page = "# pay\n\npay it\n\n    leyden pay bolt11 [label]\n\n## Parameters\n\n| name | takes | needed | what it is |\n|---|---|---|---|\n" +
		"| bolt11 | a string | yes | the invoice, as it came from the payee |\n| label | a string | no | yours |\n\n" +
		"## Errors\n\n| code | what it means |\n|---|---|\n| -32602 | a parameter is missing, unknown, or not of its type |\n"
	want := "pay\n\npay it\n\n    leyden pay bolt11 [label]\n\nParameters\n\n  bolt11: a string\n      the invoice, as it came from the\n      payee\n" +
		"  label: optional, a string\n      yours\n\nErrors\n\n  -32602 a parameter is missing,\n         unknown, or not of its type\n"
	if got := manual(page, 40); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	var b bytes.Buffer
	if err := explain(&b, json.RawMessage("[]"), 80); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if long(line, 80) {
			t.Errorf("help: %q", line)
		}
	}
}

func TestNotificationsAreShownUntilTheAnswer(t *testing.T) {
	const said = `{"jsonrpc":"2.0","method":"message","params":{"id":"cli","message":"find path\u001b[2J"}}` + "\n\n" +
		`{"jsonrpc":"2.0","method":"message","params":{"id":"cli","message":"add HTLC"}}` + "\n\n" + `{"jsonrpc":"2.0","id":"cli","result":{"a":1}}` + "\n\n"
	var b bytes.Buffer
	r, err := listen(json.NewDecoder(strings.NewReader(said)), &b)
	if err != nil || string(r.Result) != `{"a":1}` || b.String() != "\r\x1b[Kfind path?[2J\r\x1b[Kadd HTLC\r\x1b[K" {
		t.Errorf("%q, %s, %v", b.String(), r.Result, err)
	}
	if r, err := listen(json.NewDecoder(strings.NewReader(said)), nil); err != nil || string(r.Result) != `{"a":1}` {
		t.Errorf("without a terminal: %s, %v", r.Result, err)
	}
}

// leyden runs the program with arguments, and gives what it printed.
func leyden(t *testing.T, args ...string) string {
	t.Helper()
	var b bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&b)
	c.SetErr(&b)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return b.String()
}

// readBy has a shell, where there is one, look whether it can read a script.
func readBy(t *testing.T, shell, text string) {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil || shell == "powershell" {
		return
	}
	c := exec.CommandContext(t.Context(), path, "-n", "/dev/stdin") //nolint:gosec // a shell of this list
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v: %s", shell, err, out)
	}
}

func TestTheCommandLineExplainsAndCompletesItself(t *testing.T) {
	if page := leyden(t, "help", "invoice"); !strings.Contains(page, "# invoice") || !strings.Contains(page, "deschashonly") {
		t.Errorf("help invoice: %s", page)
	}
	all := leyden(t, "help")
	for _, c := range api.Table() {
		if !strings.Contains(all, "\n"+c.Usage()+"\n") {
			t.Errorf("help does not list %s", c.Name)
		}
	}
	for shell, line := range map[string]string{
		"bash": "complete -o default -F __start_leyden leyden", "zsh": "#compdef leyden", "fish": "complete -k -c leyden",
		"powershell": "-CommandName 'leyden'",
	} {
		text := leyden(t, "completion", shell)
		if !strings.Contains(text, line) || !strings.Contains(text, "__complete") {
			t.Errorf("the completion for %s has no %q", shell, line)
		}
		readBy(t, shell, text)
	}
	if got := leyden(t, "__complete", "listin"); !strings.Contains(got, "listinvoices\t") {
		t.Errorf("listin is completed to %s", got)
	}
	for _, about := range []string{"help", "check"} {
		if got := leyden(t, "__complete", about, "inv"); !strings.HasPrefix(got, "invoice\tmake an invoice\n:4") {
			t.Errorf("%s inv is completed to %s", about, got)
		}
	}
	if got := leyden(t, "__complete", "pay", ""); !strings.HasPrefix(got, ":4") { // no files of the folder
		t.Errorf("pay is completed to %s", got)
	}
	if got := leyden(t, "__complete", "invoice", "--desc"); !strings.Contains(got, "--description") || !strings.Contains(got, "--deschashonly") {
		t.Errorf("invoice --desc is completed to %s", got)
	}
}

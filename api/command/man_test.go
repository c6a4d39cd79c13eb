package command

import (
	"context"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/node"
)

func TestAManualPageHasItsSectionsAndNoStrayMacros(t *testing.T) {
	type request struct {
		Label string  `json:"label" doc:".dots and \\ and -dashes"`
		More  *uint32 `json:"more" doc:"'quoted"`
	}
	type response struct {
		Row []struct {
			A string `json:"a" doc:"one"`
		} `json:"rows" doc:"all"`
	}
	c := Define(Spec{
		Name: "try-it", Group: "test", Short: "a - b", Long: ".begins with a dot, has `code`.\n'and a quote.", Aliases: []string{"tryit"},
		Errors: []Code{Failed}, Examples: []string{`try-it '["a\b"]'`, ".x"},
	}, func(context.Context, *node.Node, request) (response, error) { return response{}, nil })
	page := c.Man()
	for _, want := range []string{
		".TH LEYDEN\\-TRY\\-IT 1", ".SH NAME\nleyden\\-try\\-it \\- a \\- b\n", ".B leyden try\\-it label [more]\n", "\\&.begins with a dot, has \\fBcode\\fR.\n",
		".TP\n.B label\n\\&.dots and \\e and \\-dashes (a string; needed)\n", ".TP\n.B more\n\\&'quoted (an integer; not needed)\n", ".B rows\nall (an array)\n",
		".TP\n.B \\-32602\n", ".TP\n.B \\-1\n", "leyden try\\-it '[\"a\\eb\"]'\n", "Also found as tryit.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for line := range strings.Lines(page + ManIndex([]Command{c})) {
		macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case !strings.HasPrefix(line, ".") && !strings.HasPrefix(line, "'"):
		case macro != ".TH" && macro != ".SH" && macro != ".B" && macro != ".BR" && macro != ".RB" && macro != ".I" && macro != ".TP" && macro != ".PP" && macro != ".nf" && macro != ".fi":
			t.Errorf("a stray macro: %s", line)
		}
	}
}

package command

import (
	"fmt"
	"slices"
	"strings"
)

// roff makes text safe in a manual page, with what is between backquotes in bold.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			part = `\fB` + part + `\fR`
		}
		b.WriteString(part)
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n.PP\n")
}

// Man is a command's manual page, of section 1.
func (c *Command) Man() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" Leyden\n.SH NAME\nleyden\\-%s \\- %s\n", roff(strings.ToUpper("leyden-"+c.Name)), roff(c.Name), roff(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B leyden %s\n.SH DESCRIPTION\n%s\n", roff(c.Usage()), roff(c.Long))
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, ".PP\nAlso found as %s.\n", roff(strings.Join(c.Aliases, ", ")))
	}
	if len(c.Params) > 0 {
		b.WriteString(".SH PARAMETERS\nBy position, by name as a flag, or as NAME=VALUE after\n.BR \\-k .\n")
		for _, p := range c.Params {
			needed := "needed"
			if p.Optional {
				needed = "not needed"
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s (%s; %s)\n", roff(p.Name), roff(p.Doc), roff(p.Type), needed)
		}
	}
	b.WriteString(".SH RESULT\n")
	var rows strings.Builder
	fields(&rows, c.Result, "")
	if rows.Len() == 0 {
		b.WriteString("Nothing.\n")
	}
	for row := range strings.Lines(rows.String()) {
		cell := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), " | ")
		fmt.Fprintf(&b, ".TP\n.B %s\n%s (%s)\n", roff(strings.TrimSpace(cell[0])), roff(strings.TrimSpace(cell[2])), roff(cell[1]))
	}
	b.WriteString(".SH ERRORS\n")
	codes := append([]Code{InvalidParams}, c.Errors...)
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(fmt.Sprint(int(code))), roff(code.Text()))
	}
	b.WriteString(".SH EXAMPLES\n.nf\n")
	for _, e := range c.Examples {
		fmt.Fprintf(&b, "leyden %s\n", roff(e))
	}
	b.WriteString(".fi\n.SH SEE ALSO\n.BR leyden (1)\n")
	return b.String()
}

// ManIndex is the manual page of the program, with every command of a table.
func ManIndex(table []Command) string {
	var b strings.Builder
	b.WriteString(".TH LEYDEN 1 \"\" Leyden\n.SH NAME\nleyden \\- a Lightning node\n.SH SYNOPSIS\n.B leyden\n.I COMMAND\n[parameters]\n" +
		".SH DESCRIPTION\nRuns a node\n.RB ( \"leyden start\" ),\nor gives a command to the one that runs. What it prints on a terminal is for the eye; " +
		"elsewhere, and with\n.BR \\-\\-json ,\nit is JSON.\n.SH COMMANDS\n")
	for i := range table {
		fmt.Fprintf(&b, ".TP\n.BR leyden\\-%s (1)\n%s\n", roff(table[i].Name), roff(table[i].Short))
	}
	return b.String()
}

package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// narrowest is how narrow a terminal may be for text to be broken to its width.
const narrowest = 40

// manual is a command's page, which is Markdown, for a terminal: its tables as a list, and
// lines no longer than the terminal is wide.
func manual(page string, width int) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimRight(page, "\n"), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "|---"), i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---"):
		case strings.HasPrefix(line, "| "):
			cells := strings.SplitN(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | ", 4)
			switch len(cells) {
			case 4: // name, takes, needed, what it is
				if cells[2] = "optional, "; strings.HasSuffix(line, " | yes | "+cells[3]+" |") {
					cells[2] = ""
				}
				wrap(&b, "  "+cells[0]+": "+cells[2]+cells[1], "    ", width)
				wrap(&b, "      "+cells[3], "      ", width)
			case 3: // field, type, what it is
				wrap(&b, "  "+cells[0]+": "+cells[1], "    ", width)
				wrap(&b, "      "+cells[2], "      ", width)
			default: // a code, what it means
				wrap(&b, fmt.Sprintf("%8s %s", cells[0], strings.Join(cells[1:], " ")), "         ", width)
			}
		case strings.HasPrefix(line, "    "):
			wrap(&b, line, "        ", width)
		default:
			wrap(&b, strings.TrimLeft(line, "# "), "", width)
		}
	}
	return b.String()
}

// wrap breaks a line between words, and indents what follows.
func wrap(b *strings.Builder, line, indent string, width int) {
	text := strings.TrimLeft(line, " ")
	at := len(line) - len(text)
	b.WriteString(line[:at])
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + indent)
			at = len(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}

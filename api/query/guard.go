package query

import (
	"errors"
	"strings"
)

// Errors of [one].
var (
	errSeveral = errors.New("one statement at a time")
	errNoQuery = errors.New("only SELECT, WITH, VALUES and EXPLAIN are permitted")
)

// one says whether a text is one statement that asks, as far as its words tell: SQLite
// itself, whose connection has nothing to write to, does the rest.
func one(text string) error {
	rest, first := skip(text), ""
	for i := 0; i < len(rest) && letter(rest[i]); i++ {
		first = rest[:i+1]
	}
	switch strings.ToUpper(first) {
	case "SELECT", "WITH", "VALUES", "EXPLAIN":
	default:
		return errNoQuery
	}
	for len(rest) > 0 {
		switch rest[0] {
		case ';':
			if skip(rest[1:]) != "" {
				return errSeveral
			}
			return nil
		case '\'', '"', '`':
			rest = after(rest[1:], rest[:1])
		case '[':
			rest = after(rest[1:], "]")
		default:
			if next := skip(rest); len(next) < len(rest) {
				rest = next
			} else {
				rest = rest[1:]
			}
		}
	}
	return nil
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// skip takes spaces and comments off the front.
func skip(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n\f")
		switch {
		case strings.HasPrefix(s, "--"):
			s = after(s, "\n")
		case strings.HasPrefix(s, "/*"):
			s = after(s[2:], "*/")
		default:
			return s
		}
	}
}

// after is what stands behind an end, or nothing.
func after(s, end string) string {
	_, rest, _ := strings.Cut(s, end)
	return rest
}

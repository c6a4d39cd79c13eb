package words

import (
	"fmt"
	"strings"
	"unicode"
)

// Plain shows somebody's text without what could make it look like another one:
// control characters and those that turn the direction of what follows become their
// names. What joins letters and emoji stays.
func Plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', r == '\t', r == '\u200c', r == '\u200d':
			b.WriteRune(r)
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Apart is somebody's text within one of ours: its direction does not change that of its
// neighbours.
func Apart(s string) string { return "\u2068" + Plain(s) + "\u2069" }

// Short is the beginning and the end of an id.
func Short(s string) string {
	if len(s) <= 20 {
		return s
	}
	return s[:8] + "…" + s[len(s)-6:]
}

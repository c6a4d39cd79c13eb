// Package words is how the pages show and read numbers, times and texts of others, as
// far as it is the same in every language.
package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/leyden-ln/leyden/amount"
)

// Group is a number in groups of three digits.
func Group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Percent is a part of a whole for an SVG's width.
func Percent(part, of amount.MilliSatoshi) string {
	if of == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(part)/float64(of), 'f', 2, 64) + "%" // a picture, no money
}

// Chance is a probability of millionths.
func Chance(millionths uint64) string {
	return strconv.FormatFloat(float64(millionths)/1e4, 'f', -1, 64) + "%"
}

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

// Short is the beginning and the end of an id.
func Short(s string) string {
	if len(s) <= 20 {
		return s
	}
	return s[:8] + "…" + s[len(s)-6:]
}

// Clock is a time for people, in UTC: the server does not know where its reader is.
func Clock(unix uint64) string {
	return time.Unix(int64(unix), 0).UTC().Format("2006-01-02 15:04:05") + " UTC" //nolint:gosec // from our own rows
}

// Stamp is a time for programs.
func Stamp(unix uint64) string {
	return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) //nolint:gosec // from our own rows
}

// Units are those of a length of time, the largest first.
var Units = []struct {
	Key     string // of its name in the catalogue
	Seconds uint64
}{{"week", 7 * 24 * 3600}, {"day", 24 * 3600}, {"hour", 3600}, {"minute", 60}, {"second", 1}}

// ReadTime reads a length of time as people write it: "1 hour", "90 minutes", "2d",
// "3600".
func ReadTime(s string) (seconds uint64, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(s)
	}
	n, err := strconv.ParseUint(s[:digits], 10, 32)
	if err != nil {
		return 0, false
	}
	unit := strings.TrimSpace(s[digits:])
	if unit == "" {
		return n, true
	}
	for _, u := range Units {
		if unit == u.Key || unit == u.Key+"s" || unit == u.Key[:1] || unit == u.Key[:3] {
			return n * u.Seconds, true
		}
	}
	return 0, false
}

// AmountUnits are those of an amount of bitcoin, as the forms offer them.
var AmountUnits = []string{"sat", "btc", "msat"}

// AmountOf is an amount as commands take it, of a number and its unit.
func AmountOf(number, unit string) string {
	number = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\u202f' || r == '\u00a0' || r == ',' && unit != "btc" || r == '_' {
			return -1
		}
		return r
	}, number)
	if number == "" || strings.EqualFold(number, "any") {
		return "any"
	}
	for _, u := range AmountUnits {
		if u == unit {
			return number + unit
		}
	}
	return number
}

package words

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// Satoshi shows an amount for people: groups of three, and millisatoshi after the
// point where there are any.
func (w *Words) Satoshi(m amount.MilliSatoshi) string {
	out := Group(uint64(m / 1000))
	if rest := m % 1000; rest != 0 {
		out += w.Text("number.point") + fmt.Sprintf("%03d", uint64(rest))
	}
	return out + "\u00a0" + w.Text("unit.sat")
}

// Tokens shows an amount of a token for people.
func (w *Words) Tokens(units amount.Units, divisible bool) string {
	whole, rest, fraction := strings.Cut(units.Tokens(divisible), ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return whole
	}
	if !fraction {
		return Group(n)
	}
	return Group(n) + w.Text("number.point") + rest
}

// Decimal is a number as programs write it, as people do.
func (w *Words) Decimal(s string) string { return strings.Replace(s, ".", w.Text("number.point"), 1) }

// Chance is a probability of millionths.
func (w *Words) Chance(millionths uint64) string {
	return w.Text("number.percent", w.Decimal(strconv.FormatFloat(float64(millionths)/1e4, 'f', -1, 64)))
}

// Percent is a part of a whole for an SVG's width.
func Percent[A ~uint64](part, of A) string {
	if of == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(part)/float64(of), 'f', 2, 64) + "%" // a picture, no money
}

// AmountUnits are those of an amount of bitcoin, as the forms offer them.
var AmountUnits = []string{"sat", "btc", "msat"}

// Amount is an amount as commands take it, of a number as people write it in this
// language, and its unit. What is no number stays as it is: the command refuses it.
func (w *Words) Amount(number, unit string) string {
	number = strings.NewReplacer(" ", "", "\u202f", "", "\u00a0", "", "_", "").Replace(number)
	if number == "" || strings.EqualFold(number, "any") {
		return "any"
	}
	point, group := w.Text("number.point"), ","
	if point == group {
		group = "."
	}
	whole, rest, fraction := strings.Cut(number, point)
	if grouped(whole, group) {
		whole = strings.ReplaceAll(whole, group, "")
	}
	if number = whole; fraction {
		number += "." + rest
	}
	if slices.Contains(AmountUnits, unit) {
		return number + unit
	}
	return number
}

// grouped says whether a number is written in groups of three digits, with a sign
// between them, and no zero before the first: "0.001" is a fraction, "1.000" may be a
// thousand.
func grouped(number, sign string) bool {
	for i, g := range strings.Split(number, sign) {
		if i > 0 && len(g) != 3 || i == 0 && (len(g) > 3 || strings.HasPrefix(g, "0")) || g == "" {
			return false
		}
	}
	return true
}

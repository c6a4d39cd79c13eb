package amount

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Property is the number of an asset in the Omni Layer; 0 is bitcoin.
type Property uint32

// Units is an amount of an asset in its smallest unit: 1/100,000,000 token of a
// divisible property, a whole token of another. Range of what exists: 1 to [MaxUnits].
type Units uint64

// MaxUnits is the largest amount of a property that can exist.
const MaxUnits Units = math.MaxInt64

// tokenDecimals are the decimal places of a divisible property.
const tokenDecimals = 8

// Errors of [ParseTokens].
var (
	ErrTokens        = errors.New("not an amount of tokens: write 12 or 12.5")
	ErrTokenFraction = errors.New("the amount has a fraction of the smallest unit")
	ErrTokenRange    = errors.New("the amount is more than there can be of a property")
)

// Add returns u+o, and false when that is more than [MaxUnits].
func (u Units) Add(o Units) (Units, bool) {
	sum := u + o
	return sum, sum >= u && sum <= MaxUnits
}

// Sub returns u-o, and false when that is below zero.
func (u Units) Sub(o Units) (Units, bool) { return u - o, u >= o }

// Tokens prints the amount in tokens, such as "12.5" for 1,250,000,000 units of a
// divisible property.
func (u Units) Tokens(divisible bool) string {
	s := strconv.FormatUint(uint64(u), 10)
	if !divisible {
		return s
	}
	if missing := tokenDecimals + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	whole, fraction := s[:len(s)-tokenDecimals], strings.TrimRight(s[len(s)-tokenDecimals:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// ParseTokens is the reverse of [Units.Tokens]. Errors: [ErrTokens], [ErrTokenFraction],
// [ErrTokenRange].
func ParseTokens(s string, divisible bool) (Units, error) {
	places := 0
	if divisible {
		places = tokenDecimals
	}
	digits, err := shift(s, places)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || Units(v) > MaxUnits {
		return 0, fmt.Errorf("%w: %q", ErrTokenRange, s)
	}
	return Units(v), nil
}

// shift moves the decimal point of s so many places to the right, where nothing may be
// left behind it.
func shift(s string, places int) (string, error) {
	whole, fraction, point := strings.Cut(s, ".")
	if whole == "" || point && fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return "", fmt.Errorf("%w, not %q", ErrTokens, s)
	}
	if len(fraction) > places {
		if strings.Trim(fraction[places:], "0") != "" {
			return "", fmt.Errorf("%w: %q", ErrTokenFraction, s)
		}
		fraction = fraction[:places]
	}
	return whole + fraction + strings.Repeat("0", places-len(fraction)), nil
}

// Package amount holds the integers that stand for money: [MilliSatoshi] and
// [Satoshi]. There are no floats anywhere; arithmetic that could overflow or go
// below zero says so instead of wrapping.
package amount

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MilliSatoshi is a thousandth of a satoshi, the unit of HTLCs (BOLT 2) and
// invoices (BOLT 11). Range: 0 to [MaxMoney] thousand.
type MilliSatoshi uint64

// Satoshi is the unit of outputs on-chain. Range: 0 to [MaxMoney].
type Satoshi uint64

// MaxMoney is all the bitcoin there will be, in satoshi.
const MaxMoney Satoshi = 21_000_000 * 100_000_000

// Max is the largest amount of millisatoshi that can exist.
const Max MilliSatoshi = MilliSatoshi(MaxMoney) * 1000

// Errors of parsing and arithmetic.
var (
	ErrSyntax   = errors.New("not an amount: write 1000msat, 10sat, 0.5btc or a number of millisatoshi")
	ErrRange    = errors.New("amount is larger than all the bitcoin there is")
	ErrFraction = errors.New("amount has a fraction of a millisatoshi")
)

// Msat converts to millisatoshi. A value above [MaxMoney] saturates at the
// largest uint64, which every limit refuses.
func (s Satoshi) Msat() MilliSatoshi {
	if s > math.MaxUint64/1000 {
		return math.MaxUint64
	}
	return MilliSatoshi(s) * 1000
}

// Sat rounds down to whole satoshi, as BOLT 3 does for outputs.
func (m MilliSatoshi) Sat() Satoshi { return Satoshi(m / 1000) }

// Add returns m+o, and false when the sum overflows.
func (m MilliSatoshi) Add(o MilliSatoshi) (MilliSatoshi, bool) {
	sum := m + o
	return sum, sum >= m
}

// Sub returns m-o, and false when that is below zero.
func (m MilliSatoshi) Sub(o MilliSatoshi) (MilliSatoshi, bool) {
	return m - o, m >= o
}

// Less0 returns m-o, or zero when o is larger.
func (m MilliSatoshi) Less0(o MilliSatoshi) MilliSatoshi {
	if o > m {
		return 0
	}
	return m - o
}

// String prints the amount with its unit, such as "1500msat".
func (m MilliSatoshi) String() string { return strconv.FormatUint(uint64(m), 10) + "msat" }

// String prints the amount with its unit, such as "15sat".
func (s Satoshi) String() string { return strconv.FormatUint(uint64(s), 10) + "sat" }

// decimals of one millisatoshi in each unit.
var units = []struct {
	suffix string
	digits int // decimal places down to a millisatoshi
}{
	{"msat", 0}, {"sat", 3}, {"btc", 11},
}

// Parse reads "1000", "1000msat", "10sat" or "0.5btc". A bare number is in
// millisatoshi. Errors: [ErrSyntax], [ErrRange], [ErrFraction].
func Parse(s string) (MilliSatoshi, error) {
	number, digits := s, 0
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			number, digits = rest, u.digits
			break
		}
	}
	whole, fraction, point := strings.Cut(number, ".")
	if whole == "" || point && fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return 0, fmt.Errorf("%w: %q", ErrSyntax, s)
	}
	if len(fraction) > digits {
		if strings.Trim(fraction[digits:], "0") != "" {
			return 0, fmt.Errorf("%w: %q", ErrFraction, s)
		}
		fraction = fraction[:digits]
	}
	fraction += strings.Repeat("0", digits-len(fraction))
	v, err := strconv.ParseUint(whole+fraction, 10, 64)
	if err != nil || MilliSatoshi(v) > Max {
		return 0, fmt.Errorf("%w: %q", ErrRange, s)
	}
	return MilliSatoshi(v), nil
}

func isDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// UnmarshalJSON takes an integer of millisatoshi or a string as [Parse] does.
func (m *MilliSatoshi) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	} else {
		s = string(b)
	}
	v, err := Parse(s)
	if err != nil {
		return err
	}
	*m = v
	return nil
}

// OrAny is an amount, or "any" when the payer chooses (then Any is true and the
// amount zero).
type OrAny struct {
	Msat MilliSatoshi
	Any  bool
}

// UnmarshalJSON takes what [MilliSatoshi] takes, or the string "any".
func (a *OrAny) UnmarshalJSON(b []byte) error {
	if string(b) == `"any"` {
		*a = OrAny{Any: true}
		return nil
	}
	*a = OrAny{}
	return a.Msat.UnmarshalJSON(b)
}

// MarshalJSON prints an integer, or "any".
func (a OrAny) MarshalJSON() ([]byte, error) {
	if a.Any {
		return []byte(`"any"`), nil
	}
	return strconv.AppendUint(nil, uint64(a.Msat), 10), nil
}

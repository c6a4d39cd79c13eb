package bolt11

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/amount"
)

// multipliers, largest first, with what one unit of each is in millisatoshi; a
// pico-bitcoin is a tenth of one.
var multipliers = []struct {
	letter string
	msat   uint64
}{
	{"", 100_000_000_000}, {"m", 100_000_000}, {"u", 100_000}, {"n", 100},
}

const picoPerMsat = 10

// humanReadable is an invoice's prefix and amount.
func humanReadable(n Network, a *amount.MilliSatoshi) (string, error) {
	if !slices.Contains(networks, n) {
		return "", fmt.Errorf("%w, not %q", ErrPrefix, n)
	}
	if a == nil {
		return string(n), nil
	}
	text, err := FormatAmount(*a)
	return string(n) + text, err
}

// FormatAmount writes an amount as it stands in an invoice: "20u" for 2,000,000
// millisatoshi. Error: [ErrAmount] when there is no such amount, zero included.
func FormatAmount(a amount.MilliSatoshi) (string, error) {
	if a == 0 || a > amount.Max {
		return "", fmt.Errorf("%w: %v; for any amount, leave it out", ErrAmount, a)
	}
	// BOLT 11: "SHOULD use the shortest representation possible, by using the
	// largest multiplier or omitting the multiplier."
	for _, m := range multipliers {
		if uint64(a)%m.msat == 0 {
			return fmt.Sprintf("%d%s", uint64(a)/m.msat, m.letter), nil
		}
	}
	return fmt.Sprintf("%dp", uint64(a)*picoPerMsat), nil
}

// parseHumanReadable is the reverse of humanReadable. It takes any multiplier that
// gives whole millisatoshi.
func parseHumanReadable(hrp string) (Network, *amount.MilliSatoshi, error) {
	n, of := cutNetwork(hrp)
	if !slices.Contains(networks, n) {
		return "", nil, fmt.Errorf("%w: this one begins with %q", ErrPrefix, n)
	}
	if of == "" {
		return n, nil, nil
	}
	a, err := ParseAmount(of)
	if err != nil {
		return "", nil, err
	}
	return n, &a, nil
}

// cutNetwork is what stands before and from the first digit on.
func cutNetwork(hrp string) (n Network, of string) {
	if digits := strings.IndexAny(hrp, "0123456789"); digits >= 0 {
		return Network(hrp[:digits]), hrp[digits:]
	}
	return Network(hrp), ""
}

// ParseAmount is the reverse of [FormatAmount]. It takes any multiplier that gives
// whole millisatoshi. Error: [ErrAmount].
func ParseAmount(s string) (amount.MilliSatoshi, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	letter := s[len(number):]
	// BOLT 11: "MUST encode `amount` as a positive decimal integer with no leading 0s."
	v, err := strconv.ParseUint(number, 10, 64)
	if err != nil || number[0] == '0' {
		return 0, fmt.Errorf("%w: %q is not a positive number without leading zeros", ErrAmount, number)
	}
	if letter == "p" {
		// BOLT 11: "if multiplier is `p` and the last decimal of `amount` is not
		// 0: - MUST fail the payment."
		if v%picoPerMsat != 0 {
			return 0, fmt.Errorf("%w: %s is a fraction of a millisatoshi", ErrAmount, s)
		}
		return inRange(v/picoPerMsat, 1, s)
	}
	for _, m := range multipliers {
		if letter == m.letter {
			return inRange(v, m.msat, s)
		}
	}
	// BOLT 11: "if `amount` contains a non-digit OR is followed by anything except
	// a `multiplier` (see table above): - MUST fail the payment."
	return 0, fmt.Errorf("%w: %q is no multiplier", ErrAmount, letter)
}

func inRange(v, msat uint64, s string) (amount.MilliSatoshi, error) {
	if v > uint64(amount.Max)/msat {
		return 0, fmt.Errorf("%w: %s is more than all the bitcoin there is", ErrAmount, s)
	}
	return amount.MilliSatoshi(v * msat), nil
}

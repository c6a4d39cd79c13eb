package obolt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
)

// prefixes of the networks. OmniBOLT has none for signet.
var prefixes = []struct {
	text    string
	network bolt11.Network
}{
	{"obo", bolt11.Mainnet}, {"obto", bolt11.Testnet}, {"obort", bolt11.Regtest},
}

// multipliers, largest first, with what one of each is in an asset's units; n is a tenth
// of one.
var multipliers = []struct {
	letter string
	units  uint64
}{
	{"", 100_000_000}, {"m", 100_000}, {"u", 100},
}

// human is what the human-readable part holds.
type human struct {
	network  bolt11.Network
	property amount.Property
	bitcoin  *amount.MilliSatoshi // of property 0; nil: any
	units    amount.Units         // of another; 0: any
}

func (inv *Invoice) humanReadable() (string, error) {
	prefix := ""
	for _, p := range prefixes {
		if p.network == inv.Network {
			prefix = p.text
		}
	}
	if prefix == "" {
		return "", fmt.Errorf("%w: there is none for network %q", ErrPrefix, inv.Network)
	}
	text, err := inv.amountText()
	return fmt.Sprintf("%s%d:%s", prefix, inv.Property, text), err
}

func (inv *Invoice) amountText() (string, error) {
	if inv.Property == 0 {
		if inv.Units != 0 {
			return "", fmt.Errorf("%w: that of bitcoin is in millisatoshi", ErrAmount)
		}
		if inv.Amount == nil {
			return "", nil
		}
		return bolt11.FormatAmount(*inv.Amount)
	}
	if inv.Amount != nil {
		return "", fmt.Errorf("%w: that of an asset is in its units, not in millisatoshi", ErrAmount)
	}
	if inv.Units > amount.MaxUnits {
		return "", fmt.Errorf("%w: %d units are more than there can be", ErrAmount, inv.Units)
	}
	if inv.Units == 0 {
		return "", nil
	}
	for _, m := range multipliers {
		if uint64(inv.Units)%m.units == 0 {
			return strconv.FormatUint(uint64(inv.Units)/m.units, 10) + m.letter, nil
		}
	}
	return strconv.FormatUint(uint64(inv.Units), 10) + "0n", nil
}

// parseHumanReadable is the reverse of humanReadable. It takes any multiplier that gives
// whole units.
func parseHumanReadable(hrp string) (human, error) {
	var h human
	digits := strings.IndexAny(hrp, "0123456789:")
	if digits < 0 {
		digits = len(hrp)
	}
	for _, p := range prefixes {
		if p.text == hrp[:digits] {
			h.network = p.network
		}
	}
	if h.network == "" {
		return h, fmt.Errorf("%w: this one begins with %q", ErrPrefix, hrp[:digits])
	}
	id, text, ok := strings.Cut(hrp[digits:], ":")
	if !ok {
		return h, fmt.Errorf("%w: there is no colon after its id", ErrProperty)
	}
	v, err := strconv.ParseUint(id, 10, 32)
	if err != nil || id != strconv.FormatUint(v, 10) {
		return h, fmt.Errorf("%w: %q is no id of one, 0 to 4294967295", ErrProperty, id)
	}
	h.property = amount.Property(v)
	if text == "" {
		return h, nil
	}
	if h.property == 0 {
		var a amount.MilliSatoshi
		a, err = bolt11.ParseAmount(text)
		h.bitcoin = &a
		return h, err
	}
	h.units, err = parseUnits(text)
	return h, err
}

func parseUnits(s string) (amount.Units, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	letter := s[len(number):]
	if number == "" || strings.Trim(number, "0123456789") != "" || number[0] == '0' {
		return 0, fmt.Errorf("%w: %q is not a positive number without leading zeros", ErrAmount, number)
	}
	one, ok := uint64(1), letter == "n"
	if ok {
		if number, ok = strings.CutSuffix(number, "0"); !ok {
			return 0, fmt.Errorf("%w: %s is a fraction of the smallest unit", ErrAmount, s)
		}
	}
	for _, m := range multipliers {
		if m.letter == letter {
			one, ok = m.units, true
		}
	}
	if !ok {
		return 0, fmt.Errorf("%w: %q is no multiplier", ErrAmount, letter)
	}
	v, err := strconv.ParseUint(number, 10, 64)
	if err != nil || v > uint64(amount.MaxUnits)/one {
		return 0, fmt.Errorf("%w: %s is more than there can be", ErrAmount, s)
	}
	return amount.Units(v * one), nil
}

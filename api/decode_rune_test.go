package api_test

import (
	"encoding/base64"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

// decodedRune is what the tests read of decode.
type decodedRune struct {
	Type         string
	Valid        bool
	ID           string `json:"unique_id"`
	String, Hex  string
	Warning      string `json:"warning_rune_invalid_utf8"`
	Currency     *string
	Restrictions []struct {
		Alternatives []string
		Summary      string
	}
}

func TestARuneIsDecoded(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	n := newNetwork(t).bob
	// The first is of Core Lightning's reference.
	got := ask[decodedRune](t, n, "decode", "7cKJyALVY0_LLVV-AB9oetXjipOdyt0EhOuYrSS42fM9MA==")
	if !got.Valid || got.Type != "rune" || got.ID != "0" || got.Restrictions == nil || len(got.Restrictions) != 0 || got.Currency != nil ||
		got.String != "edc289c802d5634fcb2d557e001f687ad5e38a939dcadd0484eb98ad24b8d9f3:=0" {
		t.Errorf("%+v", got)
	}
	made := ask[runeResult](t, n, "createrune", nil, [][]string{{"method^list", "method=pay"}, {"pnameamount_msat<10000"}, {"rate=3"}, {"parr0!"}}).Rune
	got = ask[decodedRune](t, n, "decode", made)
	equal(t, "restrictions", len(got.Restrictions), 4)
	equal(t, "alternatives", got.Restrictions[0].Alternatives, []string{"method^list", "method=pay"})
	for i, want := range []string{
		"method (of the command) starts with 'list' OR method (of the command) equal to 'pay'", "pnameamount_msat (parameter 'amount_msat') < '10000'",
		"rate (at the most a minute) equal to 3", "parr0 (parameter at position 0) is missing",
	} {
		equal(t, "summary", got.Restrictions[i].Summary, want)
	}
	broken := append(make([]byte, 32), "=0&method=\xff"...)
	got = ask[decodedRune](t, n, "decode", base64.URLEncoding.EncodeToString(broken))
	if got.Valid || got.Type != "rune" || got.Warning == "" || len(got.Hex) != 2*len(broken) {
		t.Errorf("%+v", got)
	}
	for _, wrong := range []string{"", "x", made[:30], made + "?", "lnbcrt1" + made} {
		refused(t, n, command.InvalidParams, "decode", wrong)
	}
}

package web

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/race"
)

// texts are what the groups of each match of an expression say, without tags.
func texts(body, expression string) (all []string) {
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(body, -1) {
		text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(strings.Join(m[1:], " "), "")
		all = append(all, strings.Join(strings.Fields(strings.ReplaceAll(html.UnescapeString(text), "\u202f", "_")), " "))
	}
	return all
}

// Both sides' pages of a payment of 25000 sat over a channel of a million: who pays signs
// first, and who is paid signs the end of the HTLC first.
func TestTheInsideOfAPaymentShowsWhatEachCommitmentLeaves(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := couple(t)
	var made struct {
		Hash string `json:"payment_hash"`
		Text string `json:"bolt11"`
	}
	bob.ask(t, &made, "invoice", "25000sat", "t-shirt", "1 t-shirt, size M")
	alice.ask(t, nil, "pay", made.Text)
	for _, c := range []struct {
		h             *house
		has           amount.MilliSatoshi
		fields, sides []string
	}{
		{alice, 975_000_000, []string{
			"the peer's commitment number 1, after number 0 before 1_000_000 sat, after 975_000 sat 0 sat, as before",
			"our commitment number 1, after number 0 before 1_000_000 sat, after 975_000 sat 0 sat, as before",
			"our commitment number 2, after number 1 975_000 sat, as before before 0 sat, after 25_000 sat",
			"the peer's commitment number 2, after number 1 975_000 sat, as before before 0 sat, after 25_000 sat",
		}, []string{
			"1_000_000 sat", "→ 975_000 sat", "0 sat", "1_000_000 sat", "→ 975_000 sat", "0 sat", "975_000 sat", "0 sat", "→ 25_000 sat", "975_000 sat", "0 sat", "→ 25_000 sat",
		}},
		{bob, 25_000_000, []string{
			"our commitment number 1, after number 0 0 sat, as before before 1_000_000 sat, after 975_000 sat",
			"the peer's commitment number 1, after number 0 0 sat, as before before 1_000_000 sat, after 975_000 sat",
			"the peer's commitment number 2, after number 1 before 0 sat, after 25_000 sat 975_000 sat, as before",
			"our commitment number 2, after number 1 before 0 sat, after 25_000 sat 975_000 sat, as before",
		}, []string{
			"0 sat", "1_000_000 sat", "→ 975_000 sat", "0 sat", "1_000_000 sat", "→ 975_000 sat", "0 sat", "→ 25_000 sat", "975_000 sat", "0 sat", "→ 25_000 sat", "975_000 sat",
		}},
	} {
		in, name := c.h.in(t), c.h.pages.self.Alias
		var body string
		until(t, "the last step was seen by "+name, func() bool {
			body = in.get("/inside/" + made.Hash).body
			return strings.Count(body, ">close HTLC signed</text>") == 1
		})
		if got := texts(body, `(?s)<dt>Signs</dt>(.*?</dd>)\s*<dt>Ours in it</dt>(.*?</dd>)\s*<dt>The peer&#39;s in it</dt>(.*?)</dd>`); !slices.Equal(got, c.fields) {
			t.Errorf("the fields of %s:\n%s", name, strings.Join(got, "\n"))
		}
		if got := texts(body, `<text class="side[^>]*>(.*?)</text>`); !slices.Equal(got, c.sides) {
			t.Errorf("beside the columns of %s: %q", name, got)
		}
		has(t, "the arrows of "+name, body, ">commitment_signed #1</text>", ">commitment_signed #2</text>", ">revoke_and_ack</text>")
		var found struct{ Channels []channelRow }
		if c.h.ask(t, &found, "listpeerchannels"); found.Channels[0].ToUs != c.has {
			t.Errorf("%s has %d in the channel", name, found.Channels[0].ToUs)
		}
		has(t, "the German page of "+name, in.speaking("de").get("/inside/"+made.Hash).body, "unser Commitment Nummer 2, nach Nummer 1", "vorher 1\u202f000\u202f000\u00a0sat, nachher 975\u202f000\u00a0sat")
	}
}

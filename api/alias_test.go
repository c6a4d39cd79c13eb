package api_test

import (
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

// hop is what the tests read of a route hint.
type hop struct {
	Pubkey string
	SCID   string `json:"short_channel_id"`
}

// hints are the route hints of an invoice.
func hints(t *testing.T, w *network, bolt11 string) (out []hop) {
	t.Helper()
	for _, path := range ask[struct{ Routes [][]hop }](t, w.alice, "decode", bolt11).Routes {
		out = append(out, path...)
	}
	return out
}

// paidTo lets Alice pay an invoice of Bob's.
func paidTo(t *testing.T, w *network, label string, amt amount.MilliSatoshi) {
	t.Helper()
	bill := ask[invoiceResult](t, w.bob, "invoice", amt, label, label).Bolt11
	equal(t, label, ask[payResult](t, w.alice, "pay", bill).Status, "complete")
}

// reachable is a network in which Alice has a public channel with Carol, and Carol
// coins to open one with Bob.
func reachable(t *testing.T) *network {
	t.Helper()
	w := newNetwork(t)
	w.fund(t, w.alice, 2_000_000)
	w.fund(t, w.carol, 2_000_000)
	open(t, w.alice, w.carol, 1_000_000)
	w.mine(t, 6)
	until(t, "both directions are known", func() bool {
		return len(ask[graphResult](t, w.alice, "listchannels").Channels) == 2
	})
	ask[struct{}](t, w.carol, "connect", at(w.bob))
	return w
}

// isHinted waits until an invoice of Bob's would tell a way to him.
func isHinted(t *testing.T, w *network) {
	t.Helper()
	until(t, "Bob knows Carol's terms", func() bool {
		c := channels(t, w.bob)
		return len(c) == 1 && slices.ContainsFunc(ask[graphResult](t, w.bob, "listchannels", named{"source": w.carol.ID()}).Channels,
			func(e edge) bool { return e.SCID == c[0].Alias.Local })
	})
}

func TestAPrivateChannelIsPaidThroughByItsAlias(t *testing.T) {
	race.Like(t, TestPaying)
	w := reachable(t)
	ask[struct{}](t, w.carol, "fundchannel", named{"id": w.bob.ID(), "amount": 500_000, "announce": false})
	w.mine(t, 3)
	isHinted(t, w)
	bobs := channels(t, w.bob)[0]
	carols := channels(t, w.carol)[slices.IndexFunc(channels(t, w.carol), func(c channelResult) bool { return c.PeerID == w.bob.ID().String() })]
	equal(t, "type", bobs.Type.Bits, []int{12, 22, 46})
	equal(t, "private", bobs.Private, true)
	equal(t, "Bob's alias of Carol's side", bobs.Alias.Remote, carols.Alias.Local)
	equal(t, "Carol's alias of Bob's side", carols.Alias.Remote, bobs.Alias.Local)

	bill := ask[invoiceResult](t, w.bob, "invoice", 10_000, "tea", "one tea").Bolt11
	equal(t, "hints", hints(t, w, bill), []hop{{w.carol.ID().String(), carols.Alias.Local}})
	equal(t, "paid", ask[payResult](t, w.alice, "pay", bill).Status, "complete")
	for _, name := range []string{bobs.SCID, bobs.Alias.Local, carols.Alias.Local} {
		equal(t, "what Alice knows of "+name, len(ask[graphResult](t, w.alice, "listchannels", named{"short_channel_id": name}).Channels), 0)
	}
	w.idle(t)
	equal(t, "it closes by its alias", ask[struct{ Type string }](t, w.bob, "close", bobs.Alias.Local).Type, "mutual")
}

func TestFundChannelWithMindepthZeroIsUsedAtOnce(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := reachable(t)
	opened := ask[struct {
		MinDepth uint32
		Type     struct{ Bits []int } `json:"channel_type"`
	}](t, w.carol, "fundchannel", named{"id": w.bob.ID(), "amount": 500_000, "mindepth": 0})
	equal(t, "depth", opened.MinDepth, uint32(0))
	equal(t, "type", opened.Type.Bits, []int{12, 22, 50})
	isHinted(t, w)
	bobs := channels(t, w.bob)[0]
	equal(t, "state", bobs.State, "CHANNELD_NORMAL")
	equal(t, "place", bobs.SCID, "")
	// The owner is told on what the money rests.
	if len(bobs.Status) != 2 {
		t.Errorf("the status says %q", bobs.Status)
	}
	paidTo(t, w, "before the block", 10_000_000)
	w.mine(t, 6)
	until(t, "it is announced", func() bool { return len(ask[graphResult](t, w.alice, "listchannels").Channels) == 4 })
	bobs = channels(t, w.bob)[0]
	if bobs.SCID == "" || len(bobs.Status) != 1 {
		t.Errorf("after six blocks: %s, %q", bobs.SCID, bobs.Status)
	}
	paidTo(t, w, "after it", 10_000_000)
	w.idle(t)

	t.Run("a peer that does not trust us refuses", func(t *testing.T) {
		refused(t, w.carol, command.Failed, "fundchannel", named{"id": w.alice.ID(), "amount": 100_000, "mindepth": 0})
		refused(t, w.carol, command.Failed, "fundchannel", named{"id": w.alice.ID(), "amount": 100_000, "mindepth": 1000})
		refused(t, w.carol, command.InvalidParams, "fundchannel", named{"id": w.alice.ID(), "amount": 100_000, "mindepth": -1})
	})
}

func TestALargeChannelIsOpenedAndUsed(t *testing.T) {
	race.Like(t, TestPaying)
	w := newNetwork(t)
	w.fund(t, w.alice, 40_000_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "fundchannel", w.bob.ID(), 30_000_000)
	w.mine(t, 3)
	until(t, "it can be used", func() bool { return channels(t, w.alice)[0].State == "CHANNELD_NORMAL" })
	paidTo(t, w, "more than an ordinary channel holds", 20_000_000_000)
}

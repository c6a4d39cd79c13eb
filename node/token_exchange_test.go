package node_test

import (
	"crypto/sha256"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
)

// between is the link of a node to a peer.
func between(t *testing.T, m, peer *mortal) *link.Link {
	t.Helper()
	for _, l := range m.Links().All() {
		if l.Params().Peer == peer.ID() {
			return l
		}
	}
	t.Fatal("they have no channel")
	return nil
}

// holds is an invoice of somebody's that is held until the preimage is given: in tea, or in
// bitcoin when there are no units.
func (w *world) holds(of *mortal, msat amount.MilliSatoshi, units amount.Units) (invoice.Row, wire.Preimage) {
	w.t.Helper()
	preimage := wire.Preimage{byte(w.number), 11}
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	if units != 0 {
		return w.bill(of, units, &hash), preimage
	}
	w.number++
	row, err := of.NewInvoice(w.t.Context(), invoice.Request{Label: "held", Amount: amount.OrAny{Msat: msat}, Expiry: 3600, Hold: &hash})
	if err != nil {
		w.t.Fatal(err)
	}
	return row, preimage
}

// over pays an invoice over Carol, who exchanges: in is what goes to her, out what goes on.
func (w *world) over(from, to *mortal, row invoice.Row, in, out pay.Hop) {
	w.t.Helper()
	bill, err := obolt.Read(row.Bolt11)
	if err != nil {
		w.t.Fatal(err)
	}
	out.NodeID, out.SCID = to.ID(), between(w.t, w.carol, to).Status().SCID
	out.CLTVExpiry = w.alice.Height() + bill.MinFinalCLTVExpiryDelta + 3
	in.NodeID, in.SCID = w.carol.ID(), between(w.t, from, w.carol).Status().SCID
	in.CLTVExpiry = out.CLTVExpiry + uint32(relay.DefaultPolicy().CLTVExpiryDelta)
	secret := bill.PaymentSecret
	if _, err := from.Sender().SendPay(w.t.Context(), pay.Manual{
		PaymentHash: row.PaymentHash, Route: pay.Route{in, out}, Group: 1, Secret: &secret, Bolt11: row.Bolt11, Property: tea, Total: out.Amount, TotalUnits: out.Units,
	}); err != nil {
		w.t.Fatal(err)
	}
	until(w.t, "it is accepted", func() bool {
		tried, err := from.Store().AttemptsOf(w.t.Context(), row.PaymentHash)
		if err == nil && len(tried) == 1 && tried[0].Result.Failure != nil {
			w.t.Fatalf("it failed: %+v", *tried[0].Result.Failure)
		}
		row, ok, err := to.Store().InvoiceByHash(w.t.Context(), row.PaymentHash)
		return err == nil && ok && row.Status == invoice.Accepted
	})
}

func TestWhatIsBeingExchangedCountsAgainstTheLimitAfterADeathToo(t *testing.T) {
	race.Like(t, TestClosingAChannelWithTokensSurvivesADeathAtEachWrite)
	t.Parallel()
	w := teaWorld(t)
	w.brew(w.carol, w.bob, 1_000_000, 800)
	until(t, "alice and carol are connected", func() bool {
		_, err := w.alice.Connect(t.Context(), w.carol.ID(), w.carol.addr)
		_, back := w.carol.Peers().Get(w.alice.ID())
		return err == nil && back
	})
	if _, err := w.alice.OpenChannel(t.Context(), w.carol.ID(), funding.Request{
		Amount: 1_000_000, Push: 300_000_000, FeePerKw: 1000, Commit: 253, MinConf: 1, Announce: true,
	}); err != nil {
		t.Fatal(err)
	}
	blocks(t, w.chain, 6, w.nodes()...)
	w.named(w.bob)
	until(t, "the channel in bitcoin is open", func() bool {
		s := between(t, w.alice, w.carol).Status()
		_, usable := between(t, w.carol, w.alice).Capacity()
		return s.Status == channel.Open && s.SCID != 0 && usable
	})
	row := rate.Row{InFlight: 60, Rate: rate.Rate{
		Property: tea, Sell: rate.Price{Msat: 1000, Units: 1}, Buy: rate.Price{Msat: 1000, Units: 1}, Least: 1, Most: 50, Blocks: 2000,
	}}
	if _, err := w.carol.SetRate(t.Context(), row, 0); err != nil {
		t.Fatal(err)
	}
	fee := rate.Fee(relay.DefaultPolicy().Fee)
	_, carrier, _ := between(t, w.carol, w.bob).Tokens()
	const sold amount.Units = 25
	ask, _ := row.AskFor(sold, carrier, fee)
	amt := carrier + 10_000
	bought, _ := row.UnitsFor(amt, carrier, fee)

	sale, soldFor := w.holds(w.bob, 0, sold)
	w.over(w.alice, w.bob, sale, pay.Hop{Amount: ask}, pay.Hop{Amount: carrier, Units: sold})
	purchase, boughtFor := w.holds(w.alice, amt, 0)
	w.over(w.bob, w.alice, purchase, pay.Hop{Amount: carrier, Units: bought}, pay.Hop{Amount: amt})

	underWay := func(when string, want amount.Units) {
		t.Helper()
		book := w.carol.Exchange()
		if got := book.UnderWay(tea); got != want {
			t.Errorf("%s: %d units are under way, not %d", when, got, want)
		}
		more := channel.Ref{ID: 1 << 40} // of no channel
		if book.Begin(more, relay.Over{Property: tea, Units: row.InFlight - want + 1}) || !book.Begin(more, relay.Over{Property: tea, Units: row.InFlight - want}) {
			t.Errorf("%s: the limit is not %d with %d under way", when, row.InFlight, want)
		}
		book.End(more)
	}
	dies := func() {
		t.Helper()
		w.carol.Store().SetFault(func(uint64) (bool, bool) { return true, false })
		carol := w.carol.Node
		go func() { _, _ = carol.SetRate(t.Context(), rate.Row{Rate: rate.Rate{Property: tea}}, 0) }() // the write kills it
		until(t, "carol has died", func() bool {
			select {
			case <-w.carol.died:
				return true
			default:
				return false
			}
		})
		w.carol.Store().SetFault(nil)
		w.carol.restart()
	}
	underWay("at first", sold+bought)
	dies()
	underWay("after a death", sold+bought)
	w.reconnectTea()
	underWay("when its peers are back", sold+bought)
	if _, err := w.bob.SettleHeld(t.Context(), soldFor); err != nil {
		t.Fatal(err)
	}
	until(t, "what was sold is settled", func() bool { return w.carol.Exchange().UnderWay(tea) <= bought })
	underWay("when what was sold is settled", bought)
	dies()
	underWay("after another death", bought)
	w.reconnectTea()
	if _, err := w.alice.SettleHeld(t.Context(), boughtFor); err != nil {
		t.Fatal(err)
	}
	until(t, "what was bought is settled", func() bool { return w.carol.Exchange().UnderWay(tea) == 0 })
	underWay("in the end", 0)
	w.settled()
	dies()
	underWay("when all has ended", 0)
}

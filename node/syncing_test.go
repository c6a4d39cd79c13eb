package node_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// ahead is a source with blocks that it does not give yet.
type ahead struct {
	chain.Source
	by *atomic.Uint32
}

func (a ahead) Best(ctx context.Context) (chain.Best, error) {
	best, err := a.Source.Best(ctx)
	best.Height += a.by.Load()
	return best, err
}

// Who reveals a preimage must know how much time is left to claim on-chain.
func TestAHeldInvoiceIsNotSettledWhileTheChainIsStillRead(t *testing.T) {
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 3)
	dir := ready.Dir(t, t.TempDir())
	var by atomic.Uint32
	open := func() *node.Node {
		n, err := node.Open(t.Context(), node.Config{
			Dir: dir, Network: c.Params(), Source: ahead{c, &by}, Listen: "127.0.0.1:0",
			Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := open()
	if why := n.Syncing(); why != nil {
		t.Errorf("a start without a new block: %v", why)
	}
	for blocks, refused := range map[uint32]bool{0: false, 2: false, 3: true} {
		by.Store(blocks)
		if _, err := n.SettleHeld(t.Context(), wire.Preimage{1}); errors.Is(err, node.ErrSyncing) != refused || err == nil {
			t.Errorf("%d blocks behind: %v", blocks, err)
		}
		if _, err := n.PresentHeight(t.Context()); errors.Is(err, node.ErrSyncing) != refused {
			t.Errorf("%d blocks behind: %v", blocks, err)
		}
	}
	n.Close()
	by.Store(50)
	n = open()
	defer n.Close()
	if why := n.Syncing(); !errors.Is(why, present.ErrReading) {
		t.Errorf("a start 50 blocks behind: %v", why)
	}
}

// still is a source that tells the present height and, while it is held, no block.
type still struct {
	chain.Source
	mu   sync.Mutex
	held chan struct{} // nil: blocks come
}

func (s *still) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = make(chan struct{})
}

func (s *still) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.held)
	s.held = nil
}

func (s *still) Follow(ctx context.Context, from chain.BlockRef, each func(chain.Event) error) error {
	return s.Source.Follow(ctx, from, func(e chain.Event) error {
		s.mu.Lock()
		held := s.held
		s.mu.Unlock()
		if held != nil {
			select {
			case <-held:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return each(e)
	})
}

// late is a source that was off for as long as its node: while it is held, its newest block
// is an old one.
type late struct {
	still
	at chain.BlockRef
}

// newLate is a source that is held at the chain's tip.
func newLate(t *testing.T, s chain.Source) *late {
	t.Helper()
	tip, err := s.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := &late{still: still{Source: s}, at: tip}
	l.hold()
	return l
}

func (s *late) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held != nil
}

func (s *late) Tip(ctx context.Context) (chain.BlockRef, error) {
	if s.behind() {
		return s.at, nil
	}
	return s.Source.Tip(ctx)
}

func (s *late) Best(ctx context.Context) (chain.Best, error) {
	if s.behind() {
		return chain.Best{Height: s.at.Height, Time: time.Now().Add(-5 * time.Hour)}, nil
	}
	return s.Source.Best(ctx)
}

// By a height that was right once, an HTLC that is about to expire has plenty of time.
func TestAtAStaleHeightNothingIsTakenForwardedOrSent(t *testing.T) {
	t.Parallel()
	source := &still{}
	w := before(t, func(s chain.Source) chain.Source {
		source.Source = s
		return source
	})
	w.open(true, nil)
	w.mine(6)
	until(t, "alice and carol know both channels", func() bool { return known(w.alice) == 2 && known(w.carol) == 2 })
	const missed = 60
	source.hold()
	mine(t, w.chain, missed, w.alice, w.bob)
	if _, err := w.carol.SettleHeld(t.Context(), wire.Preimage{1}); !errors.Is(err, node.ErrSyncing) {
		t.Fatal(err)
	}
	height := w.alice.Height()
	if lag := height - w.carol.Height(); lag < missed-1 {
		t.Fatalf("carol is only %d blocks behind", lag)
	}

	const amt = amount.MilliSatoshi(1_000_000)
	few := map[*node.Node]uint32{w.carol: 30, w.bob: 1} // blocks: the payee finds them too few, and the forwarder
	const enough = 45
	carols, bobs := onlyLink(t, w.alice, w.carol.ID()), onlyLink(t, w.carol, w.bob.ID())
	send := func(to *node.Node, label string, blocks uint32) *bolt11.Invoice {
		t.Helper()
		inv := w.bill(to, label, amt).Invoice
		last := pay.Hop{NodeID: w.carol.ID(), SCID: carols.Status().SCID, Amount: amt, CLTVExpiry: height + blocks}
		r := pay.Route{last}
		if to == w.bob {
			r[0].Amount += 2000
			r[0].CLTVExpiry += 80
			last.NodeID, last.SCID = w.bob.ID(), bobs.Status().SCID
			r = append(r, last)
		}
		if _, err := w.alice.Sender().SendPay(t.Context(), pay.Manual{
			PaymentHash: inv.PaymentHash, Total: amt, Secret: &inv.PaymentSecret, Group: 1, Route: r,
		}); err != nil {
			t.Fatal(err)
		}
		return inv
	}
	late, intime := map[*node.Node]*bolt11.Invoice{}, map[*node.Node]*bolt11.Invoice{}
	for n, blocks := range few {
		late[n], intime[n] = send(n, "late", blocks), send(n, "in time", enough)
	}
	own := w.bill(w.bob, "of carol", amt)
	paid := make(chan error, 1)
	go func() {
		_, err := w.carol.Sender().Pay(t.Context(), own)
		paid <- err
	}()
	in := onlyLink(t, w.carol, w.alice.ID())
	until(t, "the HTLCs are at carol's", func() bool { return len(in.View().HTLCs) == 4 })
	until(t, "carol's payment is under way", func() bool {
		p, ok, err := w.carol.Store().PaymentByHash(t.Context(), own.Invoice.PaymentHash)
		return err == nil && ok && p.Result.Status == pay.Pending
	})
	in.Sync(t.Context())
	bobs.Sync(t.Context())
	if v := bobs.View(); len(v.HTLCs) != 0 || len(in.View().HTLCs) != 4 {
		t.Errorf("something was decided: %+v, %+v", in.View().HTLCs, v.HTLCs)
	}
	source.release()
	if err := <-paid; err != nil {
		t.Errorf("carol's own payment: %v", err)
	}
	for n := range few {
		if _, err := w.alice.Sender().WaitSendPay(t.Context(), intime[n].PaymentHash, 0, 0); err != nil {
			t.Errorf("%s, in time: %v", n.Alias(), err)
		}
		_, err := w.alice.Sender().WaitSendPay(t.Context(), late[n].PaymentHash, 0, 0)
		want := onion.CodeIncorrectOrUnknownPaymentDetails
		if n == w.bob {
			want = onion.CodeExpiryTooSoon
		}
		var why *pay.Error
		if !errors.As(err, &why) || why.Failure == nil || onion.Code(why.Failure.FailCode) != want || why.Failure.ErringIndex != 1 {
			t.Errorf("%s, late: %v", n.Alias(), err)
		}
		for label, want := range map[string]invoice.Status{"late": invoice.Unpaid, "in time": invoice.Paid} {
			if row, ok, err := n.Store().InvoiceByLabel(t.Context(), label); err != nil || !ok || row.Status != want {
				t.Errorf("the invoice %q of %s is %s: %v", label, n.Alias(), row.Status, err)
			}
		}
	}
}

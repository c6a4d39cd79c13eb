package funding

import (
	"context"
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/store"
)

func TestAFailedWriteEndsTheNodeWithoutAWord(t *testing.T) {
	fault := func(s *store.Store, k uint64) {
		s.SetFault(func(n uint64) (bool, bool) { return n == k, false })
	}
	ends := func(t *testing.T, n *node, p *tape) {
		t.Helper()
		p.silent("after the fault")
		if len(n.faults) == 0 || !errors.Is(n.faults[0], store.ErrFault) || len(n.opened) != 0 || len(n.broadcast) != 0 {
			t.Errorf("%v, %d channels, %d transactions", n.faults, len(n.opened), len(n.broadcast))
		}
	}
	t.Run("the funder's address", func(t *testing.T) {
		alice, p := newNode(t, "alice"), newTape(t, "bob")
		fault(alice.store, 1)
		if _, err := alice.Open(t.Context(), p, wish()); !errors.Is(err, store.ErrFault) {
			t.Error(err)
		}
		ends(t, alice, p)
	})
	for k, name := range []string{"the reservation", "the signer's memory"} {
		t.Run(name, func(t *testing.T) {
			alice, p := newNode(t, "alice"), newTape(t, "bob")
			alice.coins(2_000_000)
			o := alice.open(p, wish())
			_, answer, err := open.Accept(side(t, "bob", 1), next[*wire.OpenChannel](p))
			if err != nil {
				t.Fatal(err)
			}
			fault(alice.store, uint64(k+1))
			alice.Message(t.Context(), p, answer)
			if got := <-o.done; !errors.Is(got.err, store.ErrFault) {
				t.Error(got.err)
			}
			ends(t, alice, p)
		})
	}
	t.Run("the channel and its transaction", func(t *testing.T) {
		h := halfway(t)
		fault(h.store, 1)
		h.Message(t.Context(), h.p, h.signed)
		if got := <-h.o.done; !errors.Is(got.err, store.ErrFault) {
			t.Error(got.err)
		}
		ends(t, h.node, h.p)
	})
	t.Run("the release", func(t *testing.T) {
		h := halfway(t)
		fault(h.store, 1)
		h.Down(h.p)
		if got := <-h.o.done; !errors.Is(got.err, store.ErrFault) {
			t.Error(got.err)
		}
		ends(t, h.node, h.p)
	})
	t.Run("the fundee's address", func(t *testing.T) {
		bob, p := newNode(t, "bob"), newTape(t, "alice")
		fault(bob.store, 1)
		bob.Message(t.Context(), p, newAsker(t, 1).hello)
		ends(t, bob, p)
	})
	t.Run("the fundee's channel", func(t *testing.T) {
		bob, p, a := newNode(t, "bob"), newTape(t, "alice"), newAsker(t, 1)
		bob.Message(t.Context(), p, a.hello)
		answer := next[*wire.AcceptChannel](p)
		fault(bob.store, 1)
		bob.Message(t.Context(), p, a.created(bob, answer, outpoint(1)))
		ends(t, bob, p)
	})
}

// stubborn refuses to sign a commitment.
type stubborn struct{ channel.Signer }

var errStubborn = errors.New("the signer refuses")

func (stubborn) SignCommitment(*script.Commitment) (channel.Signatures, error) {
	return channel.Signatures{}, errStubborn
}

func TestASignerThatRefusesEndsTheNodeWithoutAWord(t *testing.T) {
	refuse := func(s channel.Signer) channel.Signer { return stubborn{s} }
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.signer = refuse
	alice.coins(2_000_000)
	o := alice.open(p, wish())
	_, answer, err := open.Accept(side(t, "bob", 1), next[*wire.OpenChannel](p))
	if err != nil {
		t.Fatal(err)
	}
	alice.Message(t.Context(), p, answer)
	if got := <-o.done; !errors.Is(got.err, errStubborn) {
		t.Error(got.err)
	}
	bob, q, a := newNode(t, "bob"), newTape(t, "alice"), newAsker(t, 1)
	bob.signer = refuse
	bob.Message(t.Context(), q, a.hello)
	bob.Message(t.Context(), q, a.created(bob, next[*wire.AcceptChannel](q), outpoint(1)))
	p.silent("the funder's signer")
	q.silent("the fundee's signer")
	for _, n := range []*node{alice, bob} {
		if len(n.faults) != 1 || !errors.Is(n.faults[0], errStubborn) || len(n.rows()) != 0 {
			t.Errorf("%v, %d rows", n.faults, len(n.rows()))
		}
	}
}

func TestAWishThatComesTooLateLosesNoAddress(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := alice.Open(late, p, wish()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if now, stored := len(alice.wallet.Scripts()), len(alice.reload().Scripts()); now != 1 || stored != now {
		t.Errorf("%d addresses, %d of them on disk", now, stored)
	}
	alice.nothing("at the end")
}

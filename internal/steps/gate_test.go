package steps

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
)

func step(payment byte, name events.Step) []events.Trace {
	return []events.Trace{{PaymentHash: wire.PaymentHash{payment}, Step: name}}
}

// hall is steps that were held, in the order in which they were let go.
type hall struct {
	*Gate
	mu  sync.Mutex
	let []byte
}

func newHall() *hall { return &hall{Gate: New()} }

func (h *hall) hold(n byte, traces []events.Trace) (forget func()) {
	return h.Hold(traces, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.let = append(h.let, n)
	})
}

func (h *hall) gone() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.let)
}

func TestAGateThatIsOffHoldsNothing(t *testing.T) {
	var none *Gate
	if none.On() {
		t.Error("no gate is on")
	}
	none.Block(1)
	none.Wait(t.Context(), events.Trace{})
	h := newHall()
	h.hold(1, step(1, events.AddHTLC))
	if list, _, _ := h.List(); len(list) != 0 || !slices.Equal(h.gone(), []byte{1}) {
		t.Errorf("%v is held, %v gone", list, h.gone())
	}
}

func TestEachStepWaitsForItsWord(t *testing.T) {
	h := newHall()
	h.Set(true)
	for n := byte(1); n <= 3; n++ {
		h.hold(n, step(n, events.AddHTLC))
	}
	list, before, changed := h.List()
	if len(list) != 3 || len(h.gone()) != 0 || !list[1].Of(wire.PaymentHash{2}) || list[1].Of(wire.PaymentHash{1}) {
		t.Fatalf("held: %v, gone: %v", list, h.gone())
	}
	if got, ok := h.Next(list[1].ID); !ok || got.ID != list[1].ID {
		t.Fatal("the second is not there")
	}
	<-changed
	if _, again := h.Next(list[1].ID); again {
		t.Error("it was let go twice")
	}
	if _, ok := h.Next(0); !ok {
		t.Error("none is the oldest")
	}
	if !slices.Equal(h.gone(), []byte{2, 1}) {
		t.Errorf("gone: %v", h.gone())
	}
	if _, after, _ := h.List(); after != before+2 {
		t.Errorf("%d changes", after-before)
	}
}

func TestOffLetsGoOfAllInTheirOrder(t *testing.T) {
	h := newHall()
	h.Set(true)
	for n := byte(1); n <= 3; n++ {
		h.hold(n, step(1, events.AddHTLC))
	}
	h.Set(false)
	if list, _, _ := h.List(); len(list) != 0 || !slices.Equal(h.gone(), []byte{1, 2, 3}) {
		t.Errorf("%v is held, %v gone", list, h.gone())
	}
	if _, ok := h.Next(0); ok {
		t.Error("something is left")
	}
}

func TestWhatIsForgottenIsNotLetGo(t *testing.T) {
	h := newHall()
	h.Set(true)
	forget := h.hold(1, step(1, events.AddHTLC))
	forget()
	forget()
	h.Set(false)
	if len(h.gone()) != 0 {
		t.Errorf("gone: %v", h.gone())
	}
}

func TestAStepGoesOnByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		h.Set(true)
		h.hold(1, step(1, events.AddHTLC))
		time.Sleep(PerStep - time.Second)
		synctest.Wait()
		if len(h.gone()) != 0 {
			t.Fatal("too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !slices.Equal(h.gone(), []byte{1}) {
			t.Fatalf("gone: %v", h.gone())
		}
	})
}

func TestAPaymentIsNotHeldForEverHoweverOftenItIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		h.Set(true)
		begin := time.Now()
		for n := byte(0); time.Since(begin) < 2*PerPayment; n++ {
			synctest.Wait()
			forget := h.hold(n, step(1, events.AddHTLC)) // and again after each disconnect
			synctest.Wait()
			if len(h.gone()) > 0 {
				if time.Since(begin) != PerPayment {
					t.Errorf("it goes on after %s", time.Since(begin))
				}
				before := len(h.gone())
				h.hold(n, step(1, events.FindPath)) // paid anew
				if len(h.gone()) != before {
					t.Error("a new search is not held")
				}
				h.Set(false)
				return
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			forget()
		}
		t.Error("it is held for ever")
	})
}

func TestBlocksEndTheHolding(t *testing.T) {
	h := newHall()
	h.Block(100)
	h.Set(true)
	h.hold(1, step(1, events.AddHTLC))
	h.Block(100 + Blocks - 1)
	h.hold(2, step(2, events.AddHTLC))
	if len(h.gone()) != 0 {
		t.Fatalf("gone: %v", h.gone())
	}
	h.Block(100 + Blocks)
	if !slices.Equal(h.gone(), []byte{1}) {
		t.Errorf("gone: %v", h.gone())
	}
	h.hold(3, step(1, events.SignR))
	if !slices.Equal(h.gone(), []byte{1, 3}) {
		t.Errorf("a later step of it is held: %v", h.gone())
	}
	h.Set(false)
}

func TestWhoWaitsGoesOnWithTheWordOrTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		g.Set(true)
		done := make(chan struct{})
		wait := func(ctx context.Context) {
			g.Wait(ctx, step(1, events.FindPath)[0])
			done <- struct{}{}
		}
		go wait(t.Context())
		synctest.Wait()
		if _, ok := g.Next(0); !ok {
			t.Fatal("nobody waits")
		}
		<-done
		ctx, cancel := context.WithCancel(t.Context())
		go wait(ctx)
		synctest.Wait()
		cancel()
		<-done
		if list, _, _ := g.List(); len(list) != 0 {
			t.Errorf("who has gone is still held: %v", list)
		}
	})
}

func TestOnMainnetThereIsNoGate(t *testing.T) {
	for _, p := range []*chaincfg.Params{&chaincfg.MainNetParams, &chaincfg.TestNet4Params, &chaincfg.SigNetParams, &chaincfg.RegressionNetParams} {
		if g := For(p); (g == nil) != (p.Name == "mainnet") {
			t.Errorf("%s: %v", p.Name, g)
		}
	}
}

func TestOnlySoManyPaymentsAreRemembered(t *testing.T) {
	g := New()
	g.Set(true)
	for n := range 3 * maxBegun {
		g.Hold([]events.Trace{{PaymentHash: wire.PaymentHash{byte(n >> 8), byte(n)}}}, func() {})()
	}
	if len(g.begun) > maxBegun {
		t.Errorf("%d", len(g.begun))
	}
}

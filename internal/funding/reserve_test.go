package funding

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func TestAChannelOfAllThereIsLeavesTheReserve(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.coins(900_000)
	alice.coins(200_000)
	alice.reserve = 30_000
	r := wish()
	r.Amount = wallet.All
	alice.open(p, r)
	hello := next[*wire.OpenChannel](p)
	if hello.FundingSatoshis < 1_068_000 || hello.FundingSatoshis >= 1_070_000 {
		t.Errorf("a channel of %v", hello.FundingSatoshis)
	}
	_, answer, err := open.Accept(side(t, "bob", 1), hello)
	if err != nil {
		t.Fatal(err)
	}
	alice.Message(t.Context(), p, answer)
	next[*wire.FundingCreated](p) // the coins suffice for just that
	if b := alice.wallet.Balance(); b.Confirmed != 0 || b.Reserved != 1_100_000 {
		t.Errorf("%+v", b)
	}
}

func TestAChannelThatWouldTakeTheReserveIsRefused(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.coins(900_000)
	alice.reserve = 30_000
	r := wish()
	r.Amount = 880_000
	o := alice.open(p, r)
	_, answer, err := open.Accept(side(t, "bob", 1), next[*wire.OpenChannel](p))
	if err != nil {
		t.Fatal(err)
	}
	alice.Message(t.Context(), p, answer)
	var short *wallet.InsufficientError
	if got := <-o.done; !errors.As(got.err, &short) || short.Kept != 30_000 {
		t.Error(got.err)
	}
	alice.free("at the end")
}

func TestAllOfALargeWalletIsTheLargestChannel(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.coins(50_000_000)
	p.theirs = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.ChannelType)
	r := wish()
	r.Amount = wallet.All
	alice.open(p, r)
	if hello := next[*wire.OpenChannel](p); hello.FundingSatoshis != open.LargeChannel-1 {
		t.Errorf("a channel of %v", hello.FundingSatoshis)
	}
}

func TestAllOfAnEmptyWalletIsNotEnough(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	r := wish()
	r.Amount = wallet.All
	var short *wallet.InsufficientError
	if _, err := alice.Open(t.Context(), p, r); !errors.As(err, &short) {
		t.Error(err)
	}
	p.silent("nothing is said")
	alice.coins(amount.Satoshi(600))
	if _, err := alice.Open(t.Context(), p, r); err == nil {
		t.Error("opened")
	}
	p.silent("nothing is said")
}

package funding

import (
	"context"
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// many is what a call of OpenMany gives.
type many struct {
	opened []Opened
	failed []*PeerError
	err    error
}

// guest is one of the peers with which a batch is opened.
type guest struct {
	*tape
	alice  *node
	name   string
	hello  *wire.OpenChannel
	answer *wire.AcceptChannel
	side   *open.Accepter
	signed *wire.FundingSigned
}

// hear takes open_channel.
func (g *guest) hear() {
	g.t.Helper()
	g.hello = next[*wire.OpenChannel](g.tape)
	var err error
	if g.side, g.answer, err = open.Accept(side(g.t, g.name, 1), g.hello); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) accept() { g.alice.Message(g.t.Context(), g.tape, g.answer) }

// check takes funding_created.
func (g *guest) check() *wire.FundingCreated {
	g.t.Helper()
	m := next[*wire.FundingCreated](g.tape)
	pending, err := g.side.Created(m, verifier{})
	if err != nil {
		g.t.Fatal(err)
	}
	done, err := pending.Commit(g.t.Context(), nowhere{})
	if err != nil {
		g.t.Fatal(err)
	}
	g.signed = done.A.Send[0].(*wire.FundingSigned)
	return m
}

func (g *guest) sign() { g.alice.Message(g.t.Context(), g.tape, g.signed) }

// party is Alice, who asks Bob and Carol for a channel each.
type party struct {
	alice      *node
	bob, carol *guest
	cancel     context.CancelFunc
	done       chan many
}

func newParty(t *testing.T, coins amount.Satoshi, least int) *party {
	t.Helper()
	alice := newNode(t, "alice")
	alice.coins(coins)
	p := &party{
		alice: alice, bob: &guest{tape: newTape(t, "bob"), alice: alice, name: "bob"},
		carol: &guest{tape: newTape(t, "carol"), alice: alice, name: "carol"}, done: make(chan many, 1),
	}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(t.Context())
	t.Cleanup(p.cancel)
	go func() {
		opened, failed, err := alice.OpenMany(ctx, []Wish{{p.bob.tape, wish()}, {p.carol.tape, wish()}}, least)
		p.done <- many{opened, failed, err}
	}()
	p.bob.hear()
	p.carol.hear()
	return p
}

func TestTwoChannelsHaveOneFundingTransactionOnceBothPeersHaveSigned(t *testing.T) {
	p := newParty(t, 3_000_000, 2)
	p.bob.accept()
	p.bob.silent("before Carol has accepted")
	p.alice.free("before Carol has accepted")
	p.carol.accept()
	a, b := p.bob.check(), p.carol.check()
	if a.FundingTxid != b.FundingTxid || a.FundingOutputIndex == b.FundingOutputIndex {
		t.Fatalf("the outputs are %s:%d and %s:%d", a.FundingTxid, a.FundingOutputIndex, b.FundingTxid, b.FundingOutputIndex)
	}
	p.carol.sign()
	if len(p.alice.rows()) != 0 || len(p.alice.broadcast) != 0 || len(p.alice.opened) != 0 {
		t.Fatal("a channel is there before Bob has signed")
	}
	p.bob.sign()
	got := <-p.done
	if got.err != nil || len(got.opened) != 2 || len(got.failed) != 0 {
		t.Fatalf("%+v", got)
	}
	if len(p.alice.broadcast) != 1 || p.alice.broadcast[0].TxHash() != a.FundingTxid || len(p.alice.rows()) != 2 || len(p.alice.reload().Unconfirmed()) != 1 {
		t.Errorf("%d transactions, %d channels", len(p.alice.broadcast), len(p.alice.rows()))
	}
	for i, g := range []*guest{p.bob, p.carol} {
		o := got.opened[i]
		if o.Channel != g.signed.ChannelID || o.Params.Peer != g.id || o.Tx.TxOut[o.Output].Value != 1_000_000 {
			t.Errorf("%s: %+v", g.name, o)
		}
		g.silent("at the end")
	}
}

// A peer that fails at whatever stage, in whatever way, leaves no channel, and no coin is spent.
func TestOneOfSeveralChannelsThatFailsLeavesNone(t *testing.T) {
	stages := map[string]func(p *party){
		"asked":        func(*party) {},
		"accepted":     func(p *party) { p.carol.accept() },
		"one accepted": func(p *party) { p.bob.accept() },
		"funded":       func(p *party) { p.bob.accept(); p.carol.accept(); p.bob.check(); p.carol.check() },
		"one signed": func(p *party) {
			p.bob.accept()
			p.carol.accept()
			p.bob.check()
			p.carol.check()
			p.bob.sign()
		},
	}
	ways := map[string]struct {
		fail func(p *party, id wire.ChannelID)
		why  error
	}{
		"an error": {func(p *party, id wire.ChannelID) {
			p.alice.Message(t.Context(), p.carol.tape, &wire.Error{ChannelID: id, Data: []byte("no")})
		}, ErrRefused},
		"gone":     {func(p *party, _ wire.ChannelID) { p.alice.Down(p.carol.tape) }, ErrGone},
		"given up": {func(p *party, _ wire.ChannelID) { p.cancel() }, context.Canceled},
	}
	number := 0
	for stage, reach := range stages {
		for way, w := range ways {
			if number++; number%race.Step(4) != 0 { // the maps' order is another one each time
				continue
			}
			t.Run(stage+", "+way, func(t *testing.T) {
				p := newParty(t, 3_000_000, 2)
				reach(p)
				carol, bob := p.carol.hello.TemporaryChannelID, p.bob.hello.TemporaryChannelID
				if p.carol.signed != nil {
					carol, bob = p.carol.signed.ChannelID, p.bob.signed.ChannelID
				}
				w.fail(p, carol)
				got := <-p.done
				if !errors.Is(got.err, w.why) || len(got.opened) != 0 {
					t.Errorf("%+v", got)
				}
				var of *PeerError
				if named := errors.As(got.err, &of); named != (way != "given up") || named && of.Peer != p.carol.id {
					t.Errorf("the error is %v", got.err)
				}
				p.bob.told("Bob", bob)
				p.alice.nothing("at the end")
				p.alice.free("at the end")
			})
		}
	}
}

func TestAWrongSignatureOfOnePeerOpensNoChannelWithAnother(t *testing.T) {
	p := newParty(t, 3_000_000, 2)
	p.bob.accept()
	p.carol.accept()
	p.bob.check()
	p.carol.check()
	p.bob.sign()
	p.carol.signed.Signature[5]++
	p.carol.sign()
	got := <-p.done
	of, named := errors.AsType[*PeerError](got.err)
	var v *channel.Violation
	if !named || of.Peer != p.carol.id || !of.Accepted || !errors.As(got.err, &v) {
		t.Errorf("%+v", got)
	}
	if e := p.bob.told("Bob", p.bob.signed.ChannelID); string(e.Data) == v.Text {
		t.Error("Bob is told what Carol did")
	}
	p.carol.told("Carol", p.carol.signed.ChannelID)
	p.alice.nothing("at the end")
	p.alice.free("at the end")
}

func TestTheOthersAreAskedAnewWithoutAPeerThatFails(t *testing.T) {
	p := newParty(t, 3_000_000, 1)
	p.bob.accept()
	p.carol.accept()
	first := p.bob.check()
	p.carol.check()
	p.bob.sign()
	p.alice.Down(p.carol.tape)
	p.bob.told("Bob", p.bob.signed.ChannelID)
	p.bob.hear()
	p.bob.accept()
	second := p.bob.check()
	if first.FundingTxid == second.FundingTxid {
		t.Error("the transaction still pays Carol")
	}
	p.bob.sign()
	got := <-p.done
	if got.err != nil || len(got.opened) != 1 || got.opened[0].Params.Peer != p.bob.id {
		t.Fatalf("%+v", got)
	}
	if len(got.failed) != 1 || got.failed[0].Peer != p.carol.id || !errors.Is(got.failed[0], ErrGone) {
		t.Errorf("failed are %v", got.failed)
	}
	if len(p.alice.broadcast) != 1 || p.alice.broadcast[0].TxHash() != second.FundingTxid || len(p.alice.rows()) != 1 {
		t.Errorf("%d transactions, %d channels", len(p.alice.broadcast), len(p.alice.rows()))
	}
}

// What the wallet lacks is no peer's fault: nobody is left out for it.
func TestTooFewCoinsForSeveralChannelsAreNoPeersFault(t *testing.T) {
	p := newParty(t, 1_500_000, 1)
	p.bob.accept()
	p.carol.accept()
	got := <-p.done
	_, named := errors.AsType[*PeerError](got.err)
	if _, short := errors.AsType[*wallet.InsufficientError](got.err); !short || named || len(got.failed) != 0 {
		t.Errorf("%+v", got)
	}
	p.bob.told("Bob", p.bob.hello.TemporaryChannelID)
	p.carol.told("Carol", p.carol.hello.TemporaryChannelID)
	p.alice.nothing("at the end")
	p.alice.free("at the end")
}

func TestOneOfSeveralChannelsMayTakeAllThatIsLeft(t *testing.T) {
	alice, bob, carol := newNode(t, "alice"), newTape(t, "bob"), newTape(t, "carol")
	alice.reserve = 50_000
	alice.coins(3_000_000)
	all := wish()
	all.Amount = wallet.All
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan many, 1)
	go func() {
		opened, failed, err := alice.OpenMany(ctx, []Wish{{bob, wish()}, {carol, all}}, 2)
		done <- many{opened, failed, err}
	}()
	next[*wire.OpenChannel](bob)
	if got := next[*wire.OpenChannel](carol).FundingSatoshis; got >= 1_950_000 || got < 1_940_000 {
		t.Errorf("Carol is offered %v", got)
	}
	cancel()
	<-done
}

// A peer with whom the wish cannot be had is found before anybody is asked.
func TestAnIllegalWishAmongSeveralIsThatPeersAlone(t *testing.T) {
	alice, bob, carol := newNode(t, "alice"), newTape(t, "bob"), newTape(t, "carol")
	alice.coins(3_000_000)
	small := wish()
	small.Amount = 100
	_, _, err := alice.OpenMany(t.Context(), []Wish{{bob, wish()}, {carol, small}}, 2)
	of, named := errors.AsType[*PeerError](err)
	if !named || of.Peer != carol.id || of.Accepted || !errors.Is(err, open.ErrRequest) {
		t.Error(err)
	}
	bob.silent("at the end")
	carol.silent("at the end")
	alice.nothing("at the end")
	alice.free("at the end")
}

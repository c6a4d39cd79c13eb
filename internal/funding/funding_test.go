package funding

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// carry hands the next message of a tape to the node that it was sent to.
func carry[M wire.Message](from *tape, to *node, as *tape) M {
	from.t.Helper()
	m := next[M](from)
	if !to.Message(from.t.Context(), as, m) {
		from.t.Fatalf("%s is not taken", wire.Name(m))
	}
	return m
}

func TestTwoNodesOpenAChannel(t *testing.T) {
	alice, bob := newNode(t, "alice"), newNode(t, "bob")
	alice.coins(2_000_000)
	toBob, toAlice := newTape(t, "bob"), newTape(t, "alice")
	// Durable before visible: the row is there when funding_signed leaves, and the
	// row and the transaction when the broadcast begins.
	bob.onOpened = func(ch *channel.Channel) {
		if rows := bob.rows(); len(rows) != 1 || rows[0].Params.Channel != ch.ID() {
			t.Errorf("bob has %d rows when funding_signed may leave", len(rows))
		}
	}
	alice.onTx = func(tx *btcwire.MsgTx) {
		if rows := alice.rows(); len(rows) != 1 || rows[0].Params.Funding.Hash != tx.TxHash() {
			t.Errorf("alice has %d rows at the broadcast", len(rows))
		}
		if own := alice.reload().Unconfirmed(); len(own) != 1 || own[0].TxHash() != tx.TxHash() {
			t.Errorf("alice has stored %d transactions at the broadcast", len(own))
		}
	}
	toBob.onSend = func(m wire.Message) {
		if _, ok := m.(*wire.FundingCreated); !ok {
			return
		}
		if b := alice.reload().Balance(); b.Reserved != 2_000_000 {
			t.Errorf("the coins are not reserved when funding_created leaves: %+v", b)
		}
		if memory, ok, err := alice.store.Signer(t.Context(), 1); err != nil || !ok || memory.Signed != 1 {
			t.Errorf("the signer's memory is %+v when funding_created leaves: %v", memory, err)
		}
	}
	o := alice.open(toBob, wish())
	carry[*wire.OpenChannel](toBob, bob, toAlice)
	carry[*wire.AcceptChannel](toAlice, alice, toBob)
	created := carry[*wire.FundingCreated](toBob, bob, toAlice)
	if len(alice.broadcast) != 0 {
		t.Error("broadcast before funding_signed")
	}
	if len(bob.first) != 1 || len(bob.first[0]) != 1 {
		t.Fatalf("bob has to send %+v", bob.first)
	}
	if !alice.Message(t.Context(), toBob, bob.first[0][0].(*wire.FundingSigned)) {
		t.Fatal("funding_signed is not taken")
	}
	got := <-o.done
	at := btcwire.OutPoint{Hash: created.FundingTxid, Index: uint32(created.FundingOutputIndex)}
	if got.err != nil || got.opened.Channel != script.ChannelID(at) || got.opened.Tx.TxHash() != at.Hash || got.opened.Output != at.Index {
		t.Fatalf("%+v", got)
	}
	_, pkScript := script.FundingScript(got.opened.Params.LocalKeys.Funding, got.opened.Params.RemoteKeys.Funding)
	if out := alice.broadcast[0].TxOut[at.Index]; out.Value != 1_000_000 || string(out.PkScript) != string(pkScript) {
		t.Errorf("the funding transaction pays %+v", out)
	}
	if a, b := alice.opened[0].View(), bob.opened[0].View(); a.ToLocal != 990_000_000 || b.ToLocal != 10_000_000 || a.ToRemote != b.ToLocal {
		t.Errorf("alice has %s, bob %s", a.ToLocal, b.ToLocal)
	}
	for _, n := range []*node{alice, bob} {
		if len(n.talks) != 0 || len(n.faults) != 0 {
			t.Errorf("%d conversations are left; %v", len(n.talks), n.faults)
		}
	}
	toBob.silent("at the end")
	toAlice.silent("at the end")

	// Between funding_signed and channel_ready a connection may end: the channel
	// is no longer a conversation, and nothing is taken back.
	alice.Down(toBob)
	bob.Down(toAlice)
	if len(alice.rows()) != 1 || len(bob.rows()) != 1 || len(alice.reload().Unconfirmed()) != 1 {
		t.Error("the end of the connection took the channel away")
	}
}

// noPoint is not on the curve.
func noPoint() wire.Point {
	p := wire.Point{2, 5: 1}
	for {
		if _, err := p.Key(); err != nil {
			return p
		}
		p[32]++
	}
}

func TestEachIllegalFieldOfOpenChannelIsAnsweredOnce(t *testing.T) {
	bob := newNode(t, "bob")
	for _, c := range []struct {
		name   string
		change func(*wire.OpenChannel)
	}{
		{"another chain", func(m *wire.OpenChannel) { m.ChainHash[0]++ }},
		{"funding too small", func(m *wire.OpenChannel) { m.FundingSatoshis, m.PushMsat = 19_999, 0 }},
		{"funding over all bitcoin", func(m *wire.OpenChannel) { m.FundingSatoshis = 1 << 63 }},
		{"push too big", func(m *wire.OpenChannel) { m.PushMsat = 1_000_000_001 }},
		{"push that would wrap", func(m *wire.OpenChannel) { m.PushMsat = 1<<64 - 1 }},
		{"opener cannot pay the fee", func(m *wire.OpenChannel) { m.PushMsat = 999_999_000 }},
		{"feerate too low", func(m *wire.OpenChannel) { m.FeeratePerKw = 252 }},
		{"feerate too high", func(m *wire.OpenChannel) { m.FeeratePerKw = 100_001 }},
		{"dust limit too small", func(m *wire.OpenChannel) { m.DustLimitSatoshis = 353 }},
		{"dust limit too large", func(m *wire.OpenChannel) { m.DustLimitSatoshis = 1 << 40 }},
		{"dust limit above the reserve", func(m *wire.OpenChannel) { m.DustLimitSatoshis, m.ChannelReserveSatoshis = 1_500, 1_499 }},
		{"reserve too large", func(m *wire.OpenChannel) { m.ChannelReserveSatoshis = 100_001 }},
		{"reserve below our dust limit", func(m *wire.OpenChannel) { m.ChannelReserveSatoshis, m.DustLimitSatoshis = 353, 353 }},
		{"delay too large", func(m *wire.OpenChannel) { m.ToSelfDelay = 2017 }},
		{"too many HTLCs", func(m *wire.OpenChannel) { m.MaxAcceptedHTLCs = 484 }},
		{"no HTLC", func(m *wire.OpenChannel) { m.MaxAcceptedHTLCs = 0 }},
		{"HTLC minimum too large", func(m *wire.OpenChannel) { m.HTLCMinimumMsat = 1 << 50 }},
		{"too little in flight", func(m *wire.OpenChannel) { m.MaxHTLCValueInFlightMsat = 1 }},
		{"no type", func(m *wire.OpenChannel) { m.ChannelType = nil }},
		{"unknown type", func(m *wire.OpenChannel) { m.ChannelType = wire.NewFeatures(100) }},
		{"old type", func(m *wire.OpenChannel) { m.ChannelType = wire.NewFeatures(wire.StaticRemoteKey) }},
		{"zero-conf", func(m *wire.OpenChannel) { m.ChannelType = m.ChannelType.With(wire.ZeroConf) }},
		{"funding key", func(m *wire.OpenChannel) { m.FundingPubkey = noPoint() }},
		{"HTLC key", func(m *wire.OpenChannel) { m.HTLCBasepoint = noPoint() }},
		{"first point", func(m *wire.OpenChannel) { m.FirstPerCommitmentPoint = noPoint() }},
		{"upfront script of no form", func(m *wire.OpenChannel) { m.UpfrontShutdownScript = []byte{0, 1, 2} }},
	} {
		p, a := newTape(t, "alice"), newAsker(t, 1)
		c.change(a.hello)
		bob.Message(t.Context(), p, a.hello)
		if e := p.told(c.name, a.hello.TemporaryChannelID); len(e.Data) == 0 {
			t.Errorf("%s: no reason is given", c.name)
		}
		bob.nothing(c.name)
	}
	// Whoever asks in vain costs us one address and one row for good, not each time.
	if scripts := bob.wallet.Scripts(); len(scripts) != 1 {
		t.Errorf("%d addresses were made", len(scripts))
	}
	p, a := newTape(t, "alice"), newAsker(t, 1)
	bob.Message(t.Context(), p, a.hello)
	if _, err := a.Accepted(next[*wire.AcceptChannel](p)); err != nil {
		t.Errorf("after all that, a legal one: %v", err)
	}
}

func TestEachIllegalFieldOfAcceptChannelFreesTheCoins(t *testing.T) {
	alice := newNode(t, "alice")
	alice.coins(2_000_000)
	for i, c := range []struct {
		name   string
		change func(*wire.AcceptChannel)
	}{
		{"no type", func(m *wire.AcceptChannel) { m.ChannelType = nil }},
		{"another type", func(m *wire.AcceptChannel) { m.ChannelType = m.ChannelType.With(wire.ZeroConf) }},
		{"depth too large", func(m *wire.AcceptChannel) { m.MinimumDepth = 145 }},
		{"dust limit too small", func(m *wire.AcceptChannel) { m.DustLimitSatoshis = 353 }},
		{"dust limit above its reserve", func(m *wire.AcceptChannel) { m.DustLimitSatoshis, m.ChannelReserveSatoshis = 1_500, 1_499 }},
		{"reserve too large", func(m *wire.AcceptChannel) { m.ChannelReserveSatoshis = 100_001 }},
		{"delay too large", func(m *wire.AcceptChannel) { m.ToSelfDelay = 2017 }},
		{"too many HTLCs", func(m *wire.AcceptChannel) { m.MaxAcceptedHTLCs = 484 }},
		{"HTLC minimum too large", func(m *wire.AcceptChannel) { m.HTLCMinimumMsat = 1 << 50 }},
		{"too little in flight", func(m *wire.AcceptChannel) { m.MaxHTLCValueInFlightMsat = 1 }},
		{"funding key", func(m *wire.AcceptChannel) { m.FundingPubkey = noPoint() }},
		{"payment key", func(m *wire.AcceptChannel) { m.PaymentBasepoint = wire.Point{} }},
		{"upfront script of no form", func(m *wire.AcceptChannel) { m.UpfrontShutdownScript = []byte{9} }},
	} {
		p := newTape(t, "bob")
		o := alice.open(p, wish())
		hello := next[*wire.OpenChannel](p)
		_, answer, err := open.Accept(side(t, "bob", uint32(i)), hello)
		if err != nil {
			t.Fatal(err)
		}
		c.change(answer)
		alice.Message(t.Context(), p, answer)
		var v *channel.Violation
		if got := <-o.done; !errors.As(got.err, &v) {
			t.Errorf("%s: %v", c.name, got.err)
		}
		p.told(c.name, hello.TemporaryChannelID)
		alice.nothing(c.name)
		alice.free(c.name)
	}
}

// half is a conversation that alice began, in which funding_created was sent.
type half struct {
	*node
	p       *tape
	o       opening
	hello   *wire.OpenChannel
	created *wire.FundingCreated
	signed  *wire.FundingSigned // what the peer would answer
}

func halfway(t *testing.T) half {
	t.Helper()
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.coins(2_000_000)
	h := half{node: alice, p: p, o: alice.open(p, wish())}
	h.hello = next[*wire.OpenChannel](p)
	a, answer, err := open.Accept(side(t, "bob", 1), h.hello)
	if err != nil {
		t.Fatal(err)
	}
	alice.Message(t.Context(), p, answer)
	h.created = next[*wire.FundingCreated](p)
	pending, err := a.Created(h.created, verifier{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := pending.Commit(t.Context(), nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	h.signed = done.A.Send[0].(*wire.FundingSigned)
	if b := alice.wallet.Balance(); b.Reserved != 2_000_000 {
		t.Fatalf("the coins are not reserved: %+v", b)
	}
	return h
}

func highS(s wire.Signature) wire.Signature {
	var v btcec.ModNScalar
	v.SetByteSlice(s[32:])
	v.Negate()
	v.PutBytesUnchecked(s[32:])
	return s
}

func TestAWrongSignatureInFundingSignedFreesTheCoins(t *testing.T) {
	for name, spoil := range map[string]func(wire.Signature) wire.Signature{
		"another signature": func(s wire.Signature) wire.Signature { s[5]++; return s },
		"high s":            highS,
	} {
		h := halfway(t)
		h.signed.Signature = spoil(h.signed.Signature)
		h.Message(t.Context(), h.p, h.signed)
		var v *channel.Violation
		if got := <-h.o.done; !errors.As(got.err, &v) {
			t.Errorf("%s: %v", name, got.err)
		}
		h.p.told(name, h.signed.ChannelID)
		h.nothing(name)
		h.free(name)
	}
}

func TestAWrongSignatureInFundingCreatedLeavesNothing(t *testing.T) {
	for name, spoil := range map[string]func(wire.Signature) wire.Signature{
		"another signature": func(s wire.Signature) wire.Signature { s[5]++; return s },
		"high s":            highS,
	} {
		bob, p, a := newNode(t, "bob"), newTape(t, "alice"), newAsker(t, 1)
		bob.Message(t.Context(), p, a.hello)
		created := a.created(bob, next[*wire.AcceptChannel](p), outpoint(1))
		created.Signature = spoil(created.Signature)
		bob.Message(t.Context(), p, created)
		// BOLT 1: the fundee's errors bear temporary_channel_id until funding_signed.
		p.told(name, a.hello.TemporaryChannelID)
		bob.nothing(name)
	}
}

func TestAPeerThatGoesAwayLeavesNothing(t *testing.T) {
	t.Run("the fundee, after open_channel", func(t *testing.T) {
		alice, p := newNode(t, "alice"), newTape(t, "bob")
		alice.coins(2_000_000)
		o := alice.open(p, wish())
		next[*wire.OpenChannel](p)
		p.gone = true
		alice.Down(p)
		if got := <-o.done; !errors.Is(got.err, ErrGone) {
			t.Error(got.err)
		}
		alice.nothing("at the end")
		alice.free("at the end")
	})
	t.Run("the fundee, before open_channel", func(t *testing.T) {
		alice, p := newNode(t, "alice"), newTape(t, "bob")
		alice.coins(2_000_000)
		p.gone = true
		if _, err := alice.Open(t.Context(), p, wish()); err == nil {
			t.Error("opened")
		}
		alice.nothing("at the end")
		alice.free("at the end")
	})
	t.Run("the fundee, before funding_created could be sent", func(t *testing.T) {
		alice, p := newNode(t, "alice"), newTape(t, "bob")
		alice.coins(2_000_000)
		o := alice.open(p, wish())
		_, answer, err := open.Accept(side(t, "bob", 1), next[*wire.OpenChannel](p))
		if err != nil {
			t.Fatal(err)
		}
		p.gone = true
		alice.Message(t.Context(), p, answer)
		if got := <-o.done; got.err == nil {
			t.Error("opened")
		}
		alice.nothing("at the end")
		alice.free("at the end")
	})
	t.Run("the fundee, after funding_created", func(t *testing.T) {
		h := halfway(t)
		h.Down(h.p)
		if got := <-h.o.done; !errors.Is(got.err, ErrGone) {
			t.Error(got.err)
		}
		h.nothing("at the end")
		h.free("at the end")
	})
	t.Run("the funder, after accept_channel", func(t *testing.T) {
		bob, p, a := newNode(t, "bob"), newTape(t, "alice"), newAsker(t, 1)
		bob.Message(t.Context(), p, a.hello)
		created := a.created(bob, next[*wire.AcceptChannel](p), outpoint(1))
		bob.Down(p)
		bob.nothing("at the end")
		again := newTape(t, "alice") // the conversation does not go on by another connection
		bob.Message(t.Context(), again, created)
		again.told("on another connection", a.hello.TemporaryChannelID)
		bob.nothing("after funding_created on another connection")
	})
}

func TestAnErrorOfThePeerEndsTheConversation(t *testing.T) {
	for name, id := range map[string]func(h half) wire.ChannelID{
		// BOLT 1 lets the fundee use this id until it has sent funding_signed.
		"with temporary_channel_id": func(h half) wire.ChannelID { return h.hello.TemporaryChannelID },
		"with channel_id":           func(h half) wire.ChannelID { return h.signed.ChannelID },
		"about all channels":        func(half) wire.ChannelID { return wire.ChannelID{} },
	} {
		h := halfway(t)
		if taken := h.Message(t.Context(), h.p, &wire.Error{ChannelID: wire.ChannelID{9}, Data: []byte("x")}); taken {
			t.Errorf("%s: an error about another channel is taken", name)
		}
		taken := h.Message(t.Context(), h.p, &wire.Error{ChannelID: id(h), Data: []byte("no thanks")})
		if all := id(h) == (wire.ChannelID{}); taken == all {
			t.Errorf("%s: taken: %v", name, taken)
		}
		if got := <-h.o.done; !errors.Is(got.err, ErrRefused) {
			t.Errorf("%s: %v", name, got.err)
		}
		h.p.silent(name)
		h.nothing(name)
		h.free(name)
	}
}

func TestMessagesOfNoConversationAreAnswered(t *testing.T) {
	bob, p := newNode(t, "bob"), newTape(t, "alice")
	id := wire.ChannelID{5}
	for _, m := range []wire.Message{
		&wire.AcceptChannel{TemporaryChannelID: id}, &wire.FundingCreated{TemporaryChannelID: id}, &wire.FundingSigned{ChannelID: id},
	} {
		bob.Message(t.Context(), p, m)
		p.told(wire.Name(m), id)
	}
	if bob.Message(t.Context(), p, &wire.CommitmentSigned{}) {
		t.Error("commitment_signed is taken")
	}
	// The asker may not speak for us.
	a := newAsker(t, 1)
	for _, m := range []wire.Message{
		&wire.AcceptChannel{TemporaryChannelID: a.hello.TemporaryChannelID}, &wire.FundingSigned{ChannelID: a.hello.TemporaryChannelID},
	} {
		bob.Message(t.Context(), p, a.hello)
		next[*wire.AcceptChannel](p)
		bob.Message(t.Context(), p, m)
		p.told(wire.Name(m), a.hello.TemporaryChannelID)
	}
	h := halfway(t)
	h.Message(t.Context(), h.p, &wire.FundingCreated{TemporaryChannelID: h.hello.TemporaryChannelID})
	if got := <-h.o.done; got.err == nil {
		t.Error("opened")
	}
	h.p.told("funding_created to the funder", h.signed.ChannelID)
	h.free("funding_created to the funder")
}

func TestATemporaryIDThatIsUsedTwiceEndsBothConversations(t *testing.T) {
	bob, p, a := newNode(t, "bob"), newTape(t, "alice"), newAsker(t, 1)
	bob.Message(t.Context(), p, a.hello)
	answer := next[*wire.AcceptChannel](p)
	bob.Message(t.Context(), p, a.hello)
	p.told("the second open_channel", a.hello.TemporaryChannelID)
	bob.nothing("after the second open_channel")
	bob.Message(t.Context(), p, a.created(bob, answer, outpoint(1)))
	p.told("funding_created", a.hello.TemporaryChannelID)
	bob.nothing("after funding_created")

	// Two peers may use the same id.
	other := newTape(t, "carol")
	for _, c := range []*tape{p, other} {
		bob.Message(t.Context(), c, a.hello)
		next[*wire.AcceptChannel](c)
	}
}

func TestOnePeerOpensOnlySoManyChannelsAtOnce(t *testing.T) {
	bob, p := newNode(t, "bob"), newTape(t, "alice")
	bob.waiting.Of = map[wire.NodeID]int{p.id: 3}
	for i := range byte(maxTalks - 3) {
		bob.Message(t.Context(), p, newAsker(t, 1+i).hello)
		next[*wire.AcceptChannel](p)
	}
	over := newAsker(t, 99).hello
	bob.Message(t.Context(), p, over)
	p.told("one more", over.TemporaryChannelID)
	bob.Down(p)
	bob.Message(t.Context(), p, over)
	next[*wire.AcceptChannel](p)
	bob.Down(p)
	bob.nothing("at the end")
}

func TestOnlyAStrangersFundingOutputIsAwaited(t *testing.T) {
	peers := channel.ParamsRow{MinimumDepth: 3}
	ours, trusted := peers, peers
	ours.LocalIsOpener, trusted.MinimumDepth = true, 0
	if !Awaits(peers, false) || Awaits(peers, true) || Awaits(ours, false) || Awaits(trusted, false) {
		t.Error("another one is awaited")
	}
}

// given is how many addresses a wallet has on disk.
func (n *node) given() (sum uint32) {
	for _, g := range n.reload().Given() {
		sum += g.Next
	}
	return sum
}

func TestAskingInVainCostsNoAddress(t *testing.T) {
	bob := newNode(t, "bob")
	peers := []*tape{newTape(t, "alice"), newTape(t, "carol"), newTape(t, "dave")}
	hello := newAsker(t, 1).hello
	round := func(i int, say wire.Message) {
		for _, p := range peers {
			m := *hello
			for id := range byte(4) {
				m.TemporaryChannelID = wire.ChannelID{id, byte(i), byte(i >> 8)}
				bob.Message(t.Context(), p, &m)
				next[*wire.AcceptChannel](p)
			}
		}
		for _, p := range peers {
			if say == nil {
				bob.Down(p)
				continue
			}
			bob.Message(t.Context(), p, say) // about all channels
		}
		bob.nothing("after a round")
	}
	round(0, nil)
	first := bob.given()
	for i := range 8 / race.Step(4) {
		var say wire.Message
		if i%2 == 1 {
			say = &wire.Error{Data: []byte("no")}
		}
		round(i, say)
	}
	if now := bob.given(); first != 12 || now != first {
		t.Errorf("%d addresses after 12 conversations at once, and %d after all", first, now)
	}

	// No peer sees a key that another one has seen.
	seen := map[wire.Point]bool{}
	for i, p := range peers {
		m := *hello
		m.TemporaryChannelID[5] = byte(i)
		bob.Message(t.Context(), p, &m)
		key := next[*wire.AcceptChannel](p).FundingPubkey
		if seen[key] {
			t.Error("a key is shown twice")
		}
		seen[key] = true
		bob.Down(p)
	}

	// What a funding output of another channel ends costs none either, and what becomes
	// a channel has an address of its own.
	p := newTape(t, "erin")
	for i := range byte(5) {
		a := newAsker(t, 2+i)
		bob.Message(t.Context(), p, a.hello)
		bob.Message(t.Context(), p, a.created(bob, next[*wire.AcceptChannel](p), outpoint(i/3)))
		if i%3 != 0 {
			p.told("the output of another", a.hello.TemporaryChannelID)
		}
	}
	rows := bob.rows()
	if len(rows) != 2 || string(rows[0].Params.LocalScript) == string(rows[1].Params.LocalScript) || bob.given() != first {
		t.Errorf("%d channels, %d addresses", len(rows), bob.given())
	}
}

func TestStrangersTogetherOpenOnlySoManyChannelsAtOnce(t *testing.T) {
	bob := newNode(t, "bob")
	hello := newAsker(t, 1).hello
	ask := func(p *tape, id byte) {
		m := *hello
		m.TemporaryChannelID = wire.ChannelID{id}
		bob.Message(t.Context(), p, &m)
	}
	friend := wire.NodeID{2, 7}
	bob.waiting = Waiting{
		Of:  map[wire.NodeID]int{{2, 1}: 10, {2, 2}: maxStrange - 30, friend: 16},
		Met: map[wire.NodeID]bool{friend: true},
	}
	var crowd []*tape
	for i := range 20 {
		p := newTape(t, fmt.Sprint("stranger ", i))
		ask(p, 1)
		next[*wire.AcceptChannel](p)
		crowd = append(crowd, p)
	}
	late := newTape(t, "alice")
	ask(late, 1)
	if e := late.told("one more", wire.ChannelID{1}); !strings.Contains(string(e.Data), "try again later") {
		t.Errorf("the peer was told %q", e.Data)
	}
	// Who has a channel with us is no stranger.
	bob.waiting.Met[late.id] = true
	ask(late, 2)
	next[*wire.AcceptChannel](late)
	bob.Down(late)
	delete(bob.waiting.Met, late.id)
	// There is room when one has given up.
	bob.Down(crowd[0])
	ask(late, 3)
	next[*wire.AcceptChannel](late)
	ask(crowd[0], 3)
	crowd[0].told("one more again", wire.ChannelID{3})
	for _, p := range append(crowd, late) {
		bob.Down(p)
	}
	bob.nothing("at the end")
}

func TestAFundingOutputOfAnotherChannelIsRefused(t *testing.T) {
	bob, p := newNode(t, "bob"), newTape(t, "alice")
	for i := range byte(2) {
		a := newAsker(t, 1+i)
		bob.Message(t.Context(), p, a.hello)
		bob.Message(t.Context(), p, a.created(bob, next[*wire.AcceptChannel](p), outpoint(1)))
		if i == 1 {
			p.told("the second", a.hello.TemporaryChannelID)
		}
	}
	if len(bob.rows()) != 1 || len(bob.opened) != 1 || len(bob.faults) != 0 {
		t.Errorf("%d rows, %d channels, %v", len(bob.rows()), len(bob.opened), bob.faults)
	}
}

func TestCoinsThatDoNotSufficeAreToldToTheOwnerOnly(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.coins(900_000)
	o := alice.open(p, wish())
	hello := next[*wire.OpenChannel](p)
	_, answer, err := open.Accept(side(t, "bob", 1), hello)
	if err != nil {
		t.Fatal(err)
	}
	alice.Message(t.Context(), p, answer)
	var short *wallet.InsufficientError
	if got := <-o.done; !errors.As(got.err, &short) {
		t.Error(got.err)
	}
	if e := p.told("too little", hello.TemporaryChannelID); string(e.Data) != "the channel cannot be opened now" {
		t.Errorf("the peer was told %q", e.Data)
	}
	alice.nothing("at the end")
	alice.free("at the end")
}

func TestAWishThatIsGivenUpFreesTheCoinsAndIsTold(t *testing.T) {
	h := halfway(t)
	h.o.cancel()
	if got := <-h.o.done; got.err == nil {
		t.Error("opened")
	}
	h.p.told("given up", h.signed.ChannelID)
	h.nothing("at the end")
	h.free("at the end")
	h.Message(t.Context(), h.p, h.signed) // it was on its way
	h.p.told("funding_signed", h.signed.ChannelID)
	h.nothing("after funding_signed")
}

func TestAChannelWhoseBroadcastFailsIsThere(t *testing.T) {
	h := halfway(t)
	h.refuse = errors.New("no peers")
	h.Message(t.Context(), h.p, h.signed)
	if got := <-h.o.done; !errors.Is(got.err, h.refuse) || got.opened.Channel != h.signed.ChannelID {
		t.Errorf("%+v", got)
	}
	if len(h.rows()) != 1 || len(h.reload().Unconfirmed()) != 1 || len(h.opened) != 1 {
		t.Error("the channel or its transaction is not there to be broadcast again")
	}
	h.p.silent("at the end")
}

func TestTheEndOfTheAskersContextDoesNotLoseAWrite(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	alice.coins(2_000_000)
	o := alice.open(p, wish())
	_, answer, err := open.Accept(side(t, "bob", 1), next[*wire.OpenChannel](p))
	if err != nil {
		t.Fatal(err)
	}
	p.onSend = func(m wire.Message) {
		if _, ok := m.(*wire.FundingCreated); ok {
			o.cancel() // in the middle of the step: the coins are reserved
		}
	}
	alice.Message(t.Context(), p, answer)
	if got := <-o.done; got.err == nil {
		t.Error("opened")
	}
	created := next[*wire.FundingCreated](p)
	p.told("given up", script.ChannelID(btcwire.OutPoint{Hash: created.FundingTxid, Index: uint32(created.FundingOutputIndex)}))
	alice.nothing("at the end")
	alice.free("at the end")
}

func TestAChannelWhoseFundingNeverConfirmsIsForgottenAfter2016Blocks(t *testing.T) {
	for _, c := range []struct {
		since, height uint32
		want          bool
	}{{100, 100, false}, {100, 2115, false}, {100, 2116, true}, {100, 50, false}, {1<<32 - 10, 1<<32 - 1, false}} {
		if got := Forget(c.since, c.height); got != c.want {
			t.Errorf("since %d, at %d: %v", c.since, c.height, got)
		}
	}
}

func TestAChannelWhoseCoinsAreSpentOtherwiseIsForgottenAfterADay(t *testing.T) {
	for height, want := range map[uint32]bool{100: false, 243: false, 244: true, 50: false} {
		if got := Stillborn(100, height); got != want {
			t.Errorf("since 100, at %d: %v", height, got)
		}
	}
}

func TestAnIllegalWishIsRefusedBeforeAWordIsSaid(t *testing.T) {
	alice, p := newNode(t, "alice"), newTape(t, "bob")
	for name, change := range map[string]func(*Request){
		"too small": func(r *Request) { r.Amount, r.Push = 1, 0 },
		"too much pushed": func(r *Request) {
			r.Push = amount.MilliSatoshi(r.Amount) * 1000
		},
		"feerate": func(r *Request) { r.Commit = 1 },
	} {
		r := wish()
		change(&r)
		if _, err := alice.Open(t.Context(), p, r); !errors.Is(err, open.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
		p.silent(name)
		alice.nothing(name)
	}
	if scripts := alice.wallet.Scripts(); len(scripts) != 1 {
		t.Errorf("%d addresses were made", len(scripts))
	}
}

func TestAPeerWithoutAnySegwitGetsAScriptThatItTakes(t *testing.T) {
	bob, p := newNode(t, "bob"), newTape(t, "alice")
	p.theirs = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.ChannelType)
	a := newAsker(t, 1)
	bob.Message(t.Context(), p, a.hello)
	bob.Message(t.Context(), p, a.created(bob, next[*wire.AcceptChannel](p), outpoint(1)))
	if rows := bob.rows(); len(rows) != 1 || len(rows[0].Params.LocalScript) != 22 {
		t.Errorf("%d rows", len(rows))
	}
}

//go:build !race

package open

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
)

// conversation is both sides with their disks, as far as it has come.
type conversation struct {
	opener   *Opener
	accepter *Accepter
	disks    [2]disk
	funding  btcwire.OutPoint
	created  *wire.FundingCreated
	signed   *wire.FundingSigned
	done     [2]Result
}

// recode is what the peer reads of a message.
func recode[M wire.Message](t *testing.T, m M) M {
	t.Helper()
	got, err := wire.Decode(wire.Encode(m))
	if err != nil {
		t.Fatal(err)
	}
	return got.(M)
}

// converse goes on until funding_created is sent.
func converse(t *testing.T, a, b Config, r Request) *conversation {
	t.Helper()
	var c conversation
	o, hello, err := Start(a, r)
	if err != nil {
		t.Fatal(err)
	}
	c.opener = o
	acc, answer, err := Accept(b, recode(t, hello))
	if err != nil {
		t.Fatal(err)
	}
	c.accepter = acc
	if _, err := o.Accepted(recode(t, answer)); err != nil {
		t.Fatal(err)
	}
	c.funding = btcwire.OutPoint{Hash: [32]byte{1, 2, 3}, Index: 258}
	pending, err := o.Funded(c.funding)
	if err != nil {
		t.Fatal(err)
	}
	if c.created, err = pending.Commit(t.Context(), &c.disks[0]); err != nil {
		t.Fatal(err)
	}
	c.created = recode(t, c.created)
	return &c
}

func (c *conversation) finish(t *testing.T) {
	t.Helper()
	pending, err := c.accepter.Created(c.created, verifier{})
	if err != nil {
		t.Fatal(err)
	}
	if c.done[1], err = pending.Commit(t.Context(), &c.disks[1]); err != nil {
		t.Fatal(err)
	}
	c.signed = recode(t, c.done[1].A.Send[0].(*wire.FundingSigned))
	pending, err = c.opener.Signed(c.signed, verifier{})
	if err != nil {
		t.Fatal(err)
	}
	if c.done[0], err = pending.Commit(t.Context(), &c.disks[0]); err != nil {
		t.Fatal(err)
	}
}

func TestTwoNodesOpenAChannel(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"anchors":                 func(*Request) {},
		"with alias, unannounced": func(r *Request) { r.UseAlias, r.Announce = true, false },
		"without confirmation":    func(r *Request) { r.ZeroConf = true },
		"nothing pushed":          func(r *Request) { r.Push = 0 },
		"large":                   func(r *Request) { r.Funding = 20_000_000 },
	} {
		t.Run(name, func(t *testing.T) {
			r := wish()
			change(&r)
			a, b := side("alice"), side("bob")
			a.Upfront = true
			b.Policy.DustLimit, b.Policy.MinDelay, b.Policy.HTLCMinimum = 546, 720, 7
			b.Policy.ReservePercent, b.Policy.AcceptedHTLCs, b.Policy.InFlightPercent = 2, 30, 50
			c := converse(t, a, b, r)
			c.finish(t)

			for i, side := range []*terms{&c.opener.terms, &c.accepter.terms} {
				// Each can broadcast its first commitment.
				ours, tx, _, err := c.done[i].A.Channel.OurCommitment(side.cfg.Signer)
				if err != nil {
					t.Fatal(err)
				}
				other := []*terms{&c.accepter.terms, &c.opener.terms}[i]
				if theirs, err := other.first(dance.Remote); err != nil || theirs.Tx.TxHash() != ours.Tx.TxHash() {
					t.Errorf("the sides differ on commitment 0 of side %d: %v", i, err)
				}
				output := btcwire.NewTxOut(int64(r.Funding), fundingScript(t, c))
				vm, err := txscript.NewEngine(output.PkScript, tx, 0, txscript.StandardVerifyFlags, nil,
					txscript.NewTxSigHashes(tx, txscript.NewCannedPrevOutputFetcher(output.PkScript, output.Value)),
					output.Value, txscript.NewCannedPrevOutputFetcher(output.PkScript, output.Value))
				if err == nil {
					err = vm.Execute()
				}
				if err != nil {
					t.Errorf("side %d cannot spend the funding output: %v", i, err)
				}
				if m, ok := has[memoryRow](&c.disks[i]); !ok || m.Signed != 1 {
					t.Errorf("side %d forgot what it signed: %+v", i, m)
				}
			}
			// Both describe the same channel, each from its own side.
			x, _ := has[channel.ParamsRow](&c.disks[0])
			y, _ := has[channel.ParamsRow](&c.disks[1])
			want := x
			want.Peer, want.LocalIsOpener = y.Peer, false
			want.LocalKeys, want.RemoteKeys = x.RemoteKeys, x.LocalKeys
			want.LocalLimits, want.RemoteLimits = x.RemoteLimits, x.LocalLimits
			if !x.LocalUpfront || len(x.RemoteUpfront) > 0 {
				t.Errorf("who has committed to a closing script: %t, %x", x.LocalUpfront, x.RemoteUpfront)
			}
			want.LocalUpfront, want.RemoteUpfront = false, x.LocalScript
			if x.Peer != a.Peer || x.KeyIndex != a.KeyIndex || x.LocalAlias != a.Alias || !x.AnySegwit ||
				x.Format != script.Anchors || x.MaxDustExposure != a.Policy.MaxDustExposure {
				t.Errorf("what the opener brought is not in its row: %+v", x)
			}
			if x.Funding != c.funding || x.Channel != script.ChannelID(c.funding) {
				t.Errorf("the channel is %v at %v", x.Channel, x.Funding)
			}
			if diff := cmp.Diff(want, y); diff != "" {
				t.Error(diff)
			}
			if wantDepth := uint32(3); r.ZeroConf != (x.MinimumDepth == 0) || !r.ZeroConf && x.MinimumDepth != wantDepth {
				t.Errorf("minimum depth %d", x.MinimumDepth)
			}
			for i, local := range []amount.MilliSatoshi{r.Funding.Msat() - r.Push, r.Push} {
				s, _ := has[channel.StateRow](&c.disks[i])
				if s.ToLocal != local {
					t.Errorf("side %d has %v, not %v", i, s.ToLocal, local)
				}
			}
		})
	}
}

func fundingScript(t *testing.T, c *conversation) []byte {
	t.Helper()
	o := *c.opener
	o.stage = hello
	out, err := o.Accepted(answerOf(c))
	if err != nil {
		t.Fatal(err)
	}
	return out.Script
}

// answerOf is the accept_channel of a conversation that has begun.
func answerOf(c *conversation) *wire.AcceptChannel {
	_, m, err := Accept(c.accepter.cfg, c.opener.sent)
	if err != nil {
		panic(err)
	}
	return m
}

func TestNothingIsRememberedBeforeTheLastStep(t *testing.T) {
	c := converse(t, side("alice"), side("bob"), wish())
	if _, ok := has[channel.ParamsRow](&c.disks[0]); ok {
		t.Error("the opener remembers a channel that nobody signed")
	}
	if _, ok := has[memoryRow](&c.disks[0]); !ok {
		t.Error("funding_created was sent before the signer's memory of it was durable")
	}
	pending, err := c.accepter.Created(c.created, verifier{})
	if err != nil {
		t.Fatal(err)
	}
	broken := &disk{err: errors.New("disk full")}
	if got, err := pending.Commit(t.Context(), broken); err == nil || got.A.Send != nil || got.A.Channel != nil {
		t.Errorf("funding_signed is seen although nothing was written: %+v", got)
	}
	if _, err := pending.Commit(t.Context(), &c.disks[1]); err != nil {
		t.Fatal(err)
	}
	// The accepter that may have sent funding_signed can go on from its rows.
	var rows channel.Rows
	rows.Params, _ = has[channel.ParamsRow](&c.disks[1])
	rows.State, _ = has[channel.StateRow](&c.disks[1])
	rows.Status, _ = has[channel.StatusRow](&c.disks[1])
	rows.Commitment, _ = has[channel.CommitmentRow](&c.disks[1])
	if _, err := channel.Load(rows); err != nil {
		t.Error(err)
	}
}

func TestWrongSignaturesFailTheChannel(t *testing.T) {
	highS := func(s wire.Signature) wire.Signature {
		var v btcec.ModNScalar
		v.SetByteSlice(s[32:])
		v.Negate()
		v.PutBytesUnchecked(s[32:])
		return s
	}
	for name, spoil := range map[string]func(wire.Signature) wire.Signature{
		"another signature": func(s wire.Signature) wire.Signature { s[5]++; return s },
		"high s":            highS,
		"zero":              func(wire.Signature) wire.Signature { return wire.Signature{} },
	} {
		c := converse(t, side("alice"), side("bob"), wish())
		wrong := *c.created
		wrong.Signature = spoil(wrong.Signature)
		if _, err := c.accepter.Created(&wrong, verifier{}); err == nil {
			t.Errorf("funding_created, %s: taken", name)
		} else {
			violation(t, err)
		}
		if c.accepter.cfg.Signer.(*signer).signed != 0 {
			t.Errorf("funding_created, %s: signed all the same", name)
		}

		c = converse(t, side("alice"), side("bob"), wish())
		c.finish(t)
		o := converse(t, side("alice"), side("bob"), wish()).opener
		signed := *c.signed
		signed.Signature = spoil(signed.Signature)
		if _, err := o.Signed(&signed, verifier{}); err == nil {
			t.Errorf("funding_signed, %s: taken", name)
		} else {
			violation(t, err)
		}
	}
}

func TestMessagesOutOfOrderAreRefused(t *testing.T) {
	c := converse(t, side("alice"), side("bob"), wish())
	answer := answerOf(c)
	if _, err := c.opener.Accepted(answer); err == nil {
		t.Error("a second accept_channel is taken")
	}
	if _, err := c.opener.Funded(c.funding); !errors.Is(err, ErrRequest) {
		t.Error("a second funding output is taken")
	}
	other := *c.created
	other.TemporaryChannelID[0]++
	if _, err := c.accepter.Created(&other, verifier{}); err == nil {
		t.Error("funding_created of another channel is taken")
	}
	c.finish(t)
	if _, err := c.accepter.Created(c.created, verifier{}); err == nil {
		t.Error("a second funding_created is taken")
	}
	if _, err := c.opener.Signed(c.signed, verifier{}); err == nil {
		t.Error("a second funding_signed is taken")
	}

	o, _, err := Start(side("alice"), wish())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Signed(c.signed, verifier{}); err == nil {
		t.Error("funding_signed is taken before funding_created")
	}
	wrong := *answer
	wrong.TemporaryChannelID[0]++
	if _, err := o.Accepted(&wrong); err == nil {
		t.Error("accept_channel of another channel is taken")
	}
	d := converse(t, side("alice"), side("bob"), wish())
	foreign := *c.signed
	foreign.ChannelID[0]++
	if _, err := d.opener.Signed(&foreign, verifier{}); err == nil {
		t.Error("funding_signed of another channel is taken")
	}
}

func TestASignerThatRefusesIsNotThePeersFault(t *testing.T) {
	c := converse(t, side("alice"), side("bob"), wish())
	c.accepter.cfg.Signer.(*signer).refuses = true
	_, err := c.accepter.Created(c.created, verifier{})
	var v *channel.Violation
	if !errors.Is(err, errRefused) || errors.As(err, &v) {
		t.Errorf("answered %v", err)
	}
	o, hello, err := Start(side("alice"), wish())
	if err != nil {
		t.Fatal(err)
	}
	_, answer, err := Accept(side("bob"), hello)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Accepted(answer); err != nil {
		t.Fatal(err)
	}
	o.cfg.Signer.(*signer).refuses = true
	if _, err := o.Funded(c.funding); !errors.Is(err, errRefused) {
		t.Errorf("funding_created is made all the same: %v", err)
	}
}

func TestFundingOutputIndexHasTwoBytes(t *testing.T) {
	a, b := side("alice"), side("bob")
	o, hello, _ := Start(a, wish())
	_, answer, _ := Accept(b, hello)
	if _, err := o.Accepted(answer); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Funded(btcwire.OutPoint{Index: 65536}); !errors.Is(err, ErrRequest) {
		t.Errorf("got %v", err)
	}
	if _, err := o.Funded(btcwire.OutPoint{Index: 65535}); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestTwoNodesOfOnePolicyAgreeOnAnySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultPolicy()
		capacity := amount.Satoshi(rapid.Uint64Range(uint64(p.MinFunding), uint64(p.MaxFunding)).Draw(t, "capacity"))
		theirs := amount.Satoshi(rapid.Uint64Range(uint64(MinDustLimit), uint64(p.MaxDustLimit)).Draw(t, "dust limit"))
		ours := p.limits(capacity, 0)
		if err := p.checkLimits(ours, capacity, nil); err != nil {
			t.Fatal(err)
		}
		answer := p.limits(capacity, theirs)
		if err := p.checkLimits(answer, capacity, &ours); err != nil {
			t.Fatal(err)
		}
		if answer.ChannelReserve < theirs {
			t.Fatalf("a reserve of %v is dust to the peer", answer.ChannelReserve)
		}
		if ours.ToSelfDelay < p.MinDelay || ours.ToSelfDelay > p.MaxDelay {
			t.Fatalf("to_self_delay %d", ours.ToSelfDelay)
		}
	})
}

func TestAnswerIsAnErrorForTheChannelThatWasToBe(t *testing.T) {
	id := wire.ChannelID{3}
	v := &channel.Violation{Kind: channel.Fail, Text: "no"}
	if diff := cmp.Diff(wire.Message(&wire.Error{ChannelID: id, Data: []byte("no")}), Answer(id, v)); diff != "" {
		t.Error(diff)
	}
	v.Kind = channel.Warn
	if diff := cmp.Diff(wire.Message(&wire.Warning{ChannelID: id, Data: []byte("no")}), Answer(id, v)); diff != "" {
		t.Error(diff)
	}
}

var _ durable.Writer = (*disk)(nil)

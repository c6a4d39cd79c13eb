//go:build !race

package channel

import (
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// names are the names of messages.
func names(list []wire.Message) (out []string) {
	for _, m := range list {
		out = append(out, wire.Name(m))
	}
	return out
}

// situation makes a pair in some state; its first result is the receiver of the
// illegal message.
type situation func(t *testing.T) (*pair, *node)

func working(t *testing.T) (*pair, *node) { p := ready(t, usual()); return p, p.b }

// asOpener is the same, seen from the side that pays fees.
func asOpener(t *testing.T) (*pair, *node) { p := ready(t, usual()); return p, p.a }

func unready(t *testing.T) (*pair, *node) { p := open(t, usual()); return p, p.b }

// flying has HTLC 0 of each side irrevocable, HTLC 1 of b signed by b only.
func flying(t *testing.T) (*pair, *node) {
	p := ready(t, usual())
	p.offer(p.a, 30_000_000)
	p.offer(p.b, 20_000_000)
	p.settle()
	p.offer(p.b, 10_000_000)
	p.take(p.b)
	p.b.out = nil
	return p, p.b
}

func reconnecting(t *testing.T) (*pair, *node) {
	p, n := flying(t)
	p.disconnect()
	p.connect()
	p.take(n)
	return p, n
}

// ending has both shutdowns out and an HTLC left.
func ending(t *testing.T) (*pair, *node) {
	p := ready(t, usual())
	p.offer(p.a, 30_000_000)
	p.settle()
	if err := p.a.ch.Shutdown(nil, 0); err != nil {
		t.Fatal(err)
	}
	p.settle()
	return p, p.b
}

func TestIllegalMessagesAreAnswered(t *testing.T) {
	id := func(p *pair) wire.ChannelID { return p.a.ch.ID() }
	add := func(change func(p *pair, m *wire.UpdateAddHTLC)) func(*pair) wire.Message {
		return func(p *pair) wire.Message {
			a := p.add(1_000_000)
			m := &wire.UpdateAddHTLC{ChannelID: id(p), AmountMsat: a.Amount, PaymentHash: a.PaymentHash, CLTVExpiry: a.CLTVExpiry}
			change(p, m)
			return m
		}
	}
	commit := func(change func(m *wire.CommitmentSigned)) func(*pair) wire.Message {
		return func(p *pair) wire.Message {
			p.offer(p.a, 40_000_000)
			p.take(p.a)
			for len(p.a.out) > 1 {
				p.deliver(p.b)
			}
			m := p.a.out[0].(*wire.CommitmentSigned)
			change(m)
			return m
		}
	}
	reestablish := func(change func(m *wire.ChannelReestablish)) func(*pair) wire.Message {
		return func(p *pair) wire.Message {
			p.take(p.a)
			m := p.a.out[0].(*wire.ChannelReestablish)
			change(m)
			return m
		}
	}
	for _, c := range []struct {
		name string
		in   situation
		m    func(p *pair) wire.Message
		kind ViolationKind
		text string
	}{
		{"add of nothing", working, add(func(_ *pair, m *wire.UpdateAddHTLC) { m.AmountMsat = 0 }), Warn, "above zero"},
		{"add below htlc_minimum_msat", func(t *testing.T) (*pair, *node) {
			terms := usual()
			terms.b.HTLCMinimum = 1_000_001
			p := ready(t, terms)
			return p, p.b
		}, add(func(*pair, *wire.UpdateAddHTLC) {}), Warn, "htlc_minimum_msat"},
		{"add with a time for expiry", working, add(func(_ *pair, m *wire.UpdateAddHTLC) { m.CLTVExpiry = 500_000_000 }), Warn, "cltv_expiry"},
		{"add that skips an id", working, add(func(_ *pair, m *wire.UpdateAddHTLC) { m.ID = 1 }), Warn, "id 1 instead of 0"},
		{"add that repeats an id", flying, add(func(*pair, *wire.UpdateAddHTLC) {}), Warn, "id 0 instead of 1"},
		{"add into the reserve", working, add(func(_ *pair, m *wire.UpdateAddHTLC) { m.AmountMsat = 590_000_001 }), Warn, "reserve"},
		{"add that leaves too little for the fee", working, add(func(_ *pair, m *wire.UpdateAddHTLC) {
			m.AmountMsat = 590_000_000 - 660_000 - (1124+172)*1000 + 1
		}), Warn, "fee"},
		{"add above the value in flight", func(t *testing.T) (*pair, *node) {
			terms := usual()
			terms.b.MaxHTLCValueInFlight = 999_999
			p := ready(t, terms)
			return p, p.b
		}, add(func(*pair, *wire.UpdateAddHTLC) {}), Warn, "in flight"},
		{"add above the number of HTLCs", func(t *testing.T) (*pair, *node) {
			terms := usual()
			terms.b.MaxAcceptedHTLCs = 1
			p := ready(t, terms)
			p.offer(p.a, 5_000_000)
			p.settle()
			return p, p.b
		}, add(func(_ *pair, m *wire.UpdateAddHTLC) { m.ID = 1 }), Warn, "as many HTLCs"},
		{"add after shutdown", ending, add(func(_ *pair, m *wire.UpdateAddHTLC) { m.ID = 1 }), Warn, "after shutdown"},
		{"add before channel_ready", unready, add(func(*pair, *wire.UpdateAddHTLC) {}), Warn, "channel_ready"},
		{"add before channel_reestablish", reconnecting, add(func(*pair, *wire.UpdateAddHTLC) {}), Warn, "channel_reestablish"},

		{"fulfill of an unknown HTLC", working, func(p *pair) wire.Message {
			return &wire.UpdateFulfillHTLC{ChannelID: id(p)}
		}, Fail, "not in the commitment"},
		{"fulfill with a wrong preimage", flying, func(p *pair) wire.Message {
			return &wire.UpdateFulfillHTLC{ChannelID: id(p), PaymentPreimage: wire.Preimage{9}}
		}, Fail, "wrong preimage"},
		{"fulfill of an HTLC that is not irrevocable", flying, func(p *pair) wire.Message {
			return &wire.UpdateFulfillHTLC{ChannelID: id(p), ID: 1, PaymentPreimage: p.preimages[p.b.ch.find(dance.Local, 1).PaymentHash]}
		}, Fail, "not in the commitment"},
		{"fail after fulfill", flying, func(p *pair) wire.Message {
			p.b.ch.Receive(&wire.UpdateFulfillHTLC{ChannelID: id(p), PaymentPreimage: p.preimages[p.b.ch.find(dance.Local, 0).PaymentHash]}, verifier{})
			return &wire.UpdateFailHTLC{ChannelID: id(p)}
		}, Fail, "not in the commitment"},
		{"fail of an unknown HTLC", flying, func(p *pair) wire.Message { return &wire.UpdateFailHTLC{ChannelID: id(p), ID: 7} }, Fail, "HTLC 7"},
		{"malformed without BADONION", flying, func(p *pair) wire.Message {
			return &wire.UpdateFailMalformedHTLC{ChannelID: id(p), FailureCode: 0x4005}
		}, Fail, "BADONION"},

		{"fee of who did not open", asOpener, func(p *pair) wire.Message { return &wire.UpdateFee{ChannelID: id(p), FeeratePerKw: 900} }, Fail, "did not open"},
		{"fee too low", working, func(p *pair) wire.Message { return &wire.UpdateFee{ChannelID: id(p), FeeratePerKw: 252} }, Warn, "252"},
		{"fee too high", working, func(p *pair) wire.Message { return &wire.UpdateFee{ChannelID: id(p), FeeratePerKw: 1_000_001} }, Warn, "1000001"},
		{"fee that its sender cannot pay", working, func(p *pair) wire.Message {
			return &wire.UpdateFee{ChannelID: id(p), FeeratePerKw: (590_000-660)*1000/1124 + 2}
		}, Warn, "afford"},
		{"fee before channel_ready", unready, func(p *pair) wire.Message { return &wire.UpdateFee{ChannelID: id(p), FeeratePerKw: 900} }, Warn, "channel_ready"},

		{"commitment with a wrong signature", working, commit(func(m *wire.CommitmentSigned) { m.Signature[40] ^= 1 }), Fail, "invalid signature"},
		{"commitment with a wrong HTLC signature", working, commit(func(m *wire.CommitmentSigned) { m.HTLCSignatures[0][40] ^= 1 }), Fail, "invalid signature"},
		{"commitment with too few signatures", working, commit(func(m *wire.CommitmentSigned) { m.HTLCSignatures = nil }), Fail, "0 HTLC signatures instead of 1"},
		{"commitment with too many signatures", working, commit(func(m *wire.CommitmentSigned) {
			m.HTLCSignatures = append(m.HTLCSignatures, m.HTLCSignatures[0])
		}), Fail, "2 HTLC signatures instead of 1"},
		{"commitment before channel_ready", unready, func(p *pair) wire.Message { return &wire.CommitmentSigned{ChannelID: id(p)} }, Warn, "channel_ready"},

		{"revocation of nothing", working, func(p *pair) wire.Message { return &wire.RevokeAndAck{ChannelID: id(p)} }, Fail, "without a commitment"},
		{"revocation with a wrong secret", flying, func(p *pair) wire.Message {
			return &wire.RevokeAndAck{ChannelID: id(p), PerCommitmentSecret: [32]byte{1}}
		}, Fail, "not that of commitment"},
		{"revocation with the secret of zero", flying, func(p *pair) wire.Message { return &wire.RevokeAndAck{ChannelID: id(p)} }, Fail, "not that of commitment"},

		{"reestablish twice", working, func(p *pair) wire.Message { return &wire.ChannelReestablish{ChannelID: id(p)} }, Warn, "twice"},
		{"reestablish with commitment 0", reconnecting, reestablish(func(m *wire.ChannelReestablish) { m.NextCommitmentNumber = 0 }), Fail, "next_commitment_number 0"},
		{"reestablish that skips a commitment", reconnecting, reestablish(func(m *wire.ChannelReestablish) { m.NextCommitmentNumber += 2 }), Fail, "expects commitment"},
		{"reestablish that goes back", reconnecting, reestablish(func(m *wire.ChannelReestablish) { m.NextCommitmentNumber-- }), Fail, "expects commitment"},
		{"reestablish with a wrong secret", reconnecting, reestablish(func(m *wire.ChannelReestablish) { m.YourLastCommitmentSecret[0] ^= 1 }), Fail, "secret"},
		{"reestablish that is ahead without proof", reconnecting, reestablish(func(m *wire.ChannelReestablish) { m.NextRevocationNumber += 2 }), Fail, "without proof"},
		{"reestablish without the last revocations", reconnecting, reestablish(func(m *wire.ChannelReestablish) {
			m.NextRevocationNumber, m.YourLastCommitmentSecret = 0, [32]byte{}
		}), Fail, "expects revocation 0"},

		{"shutdown with pending updates", working, func(p *pair) wire.Message {
			p.offer(p.a, 1_000_000)
			p.b.ch.Receive(p.a.ch.pending.out[0].m, verifier{})
			return &wire.Shutdown{ChannelID: id(p), ScriptPubkey: closingScript('a', script.Anchors)}
		}, Warn, "not committed"},
		{"shutdown with a bad script", working, func(p *pair) wire.Message {
			return &wire.Shutdown{ChannelID: id(p), ScriptPubkey: []byte{1, 2, 3}}
		}, Warn, closing.ErrScript.Error()},
		{"shutdown with a script of anysegwit", working, func(p *pair) wire.Message {
			return &wire.Shutdown{ChannelID: id(p), ScriptPubkey: append([]byte{0x51, 32}, make([]byte, 32)...)}
		}, Warn, closing.ErrScript.Error()},
		{"shutdown to another script than upfront", func(t *testing.T) (*pair, *node) {
			terms := usual()
			terms.upfront = true
			p := ready(t, terms)
			return p, p.b
		}, func(p *pair) wire.Message {
			return &wire.Shutdown{ChannelID: id(p), ScriptPubkey: closingScript('x', script.Anchors)}
		}, Warn, "upfront"},
		{"shutdown twice", ending, func(p *pair) wire.Message {
			return &wire.Shutdown{ChannelID: id(p), ScriptPubkey: closingScript('a', script.Anchors)}
		}, Warn, "twice"},
		{"closing_signed with an HTLC left", ending, func(p *pair) wire.Message { return &wire.ClosingSigned{ChannelID: id(p)} }, Warn, "before"},
		{"closing_signed out of nowhere", working, func(p *pair) wire.Message { return &wire.ClosingSigned{ChannelID: id(p)} }, Warn, "before"},
		{"closing_signed with a wrong signature", func(t *testing.T) (*pair, *node) {
			p := ready(t, usual())
			p.b.ch.Shutdown(nil, 0)
			p.take(p.b)
			p.deliver(p.a)
			p.take(p.a)
			p.deliver(p.b)
			p.take(p.b)
			return p, p.b
		}, func(p *pair) wire.Message {
			m := p.a.out[0].(*wire.ClosingSigned)
			m.Signature[3] ^= 1
			return m
		}, Fail, "invalid signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, n := c.in(t)
			m := c.m(p)
			before := *n.ch
			err := n.ch.Receive(m, verifier{})
			v, ok := err.(*Violation)
			if !ok || v.Kind != c.kind || !strings.Contains(v.Text, c.text) {
				t.Fatalf("answered %v, want kind %d with %q", err, c.kind, c.text)
			}
			if before.steps != n.ch.steps || before.points != n.ch.points || before.fundings[0].toLocal.Msat != n.ch.fundings[0].toLocal.Msat {
				t.Error("the message has changed something")
			}
			if err := n.ch.Receive(&wire.RevokeAndAck{}, verifier{}); err != nil {
				t.Errorf("a message after the violation is not ignored: %v", err)
			}
			n.out = nil
			p.take(n)
			if !n.cut {
				t.Error("the connection is not closed")
			}
			last := n.out[len(n.out)-1]
			switch c.kind {
			case Warn:
				if _, ok := last.(*wire.Warning); !ok || n.ch.status.Status != Open {
					t.Errorf("warned by %s, status %d", wire.Name(last), n.ch.status.Status)
				}
				if c.name == "shutdown with pending updates" {
					return
				}
				n.violated = nil
				p.disconnect()
				p.connect()
				p.settle()
				p.sound()
			case Fail:
				if _, ok := last.(*wire.Error); !ok || n.ch.status.Status != Failed || len(raised[Failure](n)) != 1 {
					t.Errorf("failed by %s, status %d", wire.Name(last), n.ch.status.Status)
				}
				n.out = nil
				p.disconnect()
				p.connect()
				p.take(n)
				if got := names(n.out); !slices.Equal(got, []string{"channel_reestablish", "error"}) {
					t.Errorf("on reconnect it sends %v", got)
				}
			}
		})
	}
}

func TestSecretThatDoesNotFitTheEarlierOnesFailsTheChannel(t *testing.T) {
	p := open(t, usual())
	p.b.signer.rogue = 1
	p.a.ch.FundingDepth(42, 1)
	p.b.ch.FundingDepth(42, 1)
	p.settle()
	p.fulfillNext()
	if p.a.ch.status.Status != Failed || !strings.Contains(p.a.ch.status.Failure, "does not fit") || p.a.ch.steps.Revoked[dance.Remote] != 1 {
		t.Errorf("%s: %s", p.a.ch.State(), p.a.ch.status.Failure)
	}
}

package funding

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
)

var aliases = append(wire.Features{}, features...).With(wire.SCIDAlias + 1)

// meet lets two nodes open a channel, and gives the two sides of it.
func meet(t *testing.T, alice, bob *node, toBob, toAlice *tape, r Request) (a, b channel.ParamsRow) {
	t.Helper()
	o := alice.open(toBob, r)
	carry[*wire.OpenChannel](toBob, bob, toAlice)
	carry[*wire.AcceptChannel](toAlice, alice, toBob)
	carry[*wire.FundingCreated](toBob, bob, toAlice)
	first := bob.first[len(bob.first)-1]
	alice.Message(t.Context(), toBob, first[0].(*wire.FundingSigned))
	if got := <-o.done; got.err != nil {
		t.Fatal(got.err)
	}
	return alice.opened[len(alice.opened)-1].Params(), bob.opened[len(bob.opened)-1].Params()
}

// two are nodes with features, and their connection.
func two(t *testing.T, ours, theirs wire.Features) (alice, bob *node, toBob, toAlice *tape) {
	t.Helper()
	alice, bob = newNode(t, "alice"), newNode(t, "bob")
	alice.cfg.Features, bob.cfg.Features = ours, theirs
	toBob, toAlice = newTape(t, "bob"), newTape(t, "alice")
	toBob.theirs, toAlice.theirs = theirs, ours
	alice.coins(2_000_000)
	return alice, bob, toBob, toAlice
}

// BOLT 2: "if `option_scid_alias` was negotiated: - MUST set `short_channel_id` `alias`."
func TestEachSideOfAChannelDrawsAnAliasWhereNoBlockIs(t *testing.T) {
	for name, announce := range map[string]bool{"public": true, "private": false} {
		t.Run(name, func(t *testing.T) {
			alice, bob, toBob, toAlice := two(t, aliases, aliases)
			r := wish()
			r.Announce = announce
			a, b := meet(t, alice, bob, toBob, toAlice, r)
			for who, p := range map[string]channel.ParamsRow{"alice": a, "bob": b} {
				if h := p.LocalAlias.Height(); h < 16_000_000 || h > 1<<24-1 {
					t.Errorf("%s's alias is %s", who, p.LocalAlias)
				}
				if p.ChannelType.Bit(int(wire.SCIDAlias)) == announce {
					t.Errorf("%s's channel is of type %v", who, p.ChannelType)
				}
			}
			if a.LocalAlias == b.LocalAlias {
				t.Error("they drew the same")
			}
		})
	}
}

func TestWithoutAliasesAPrivateChannelIsOfTheOldType(t *testing.T) {
	for name, f := range map[string][2]wire.Features{"the opener": {features, aliases}, "the peer": {aliases, features}} {
		t.Run(name+" has none", func(t *testing.T) {
			alice, bob, toBob, toAlice := two(t, f[0], f[1])
			a, b := meet(t, alice, bob, toBob, toAlice, wish())
			if a.LocalAlias != 0 || b.LocalAlias != 0 || a.ChannelType.Has(wire.SCIDAlias) {
				t.Errorf("aliases %s and %s, type %v", a.LocalAlias, b.LocalAlias, a.ChannelType)
			}
		})
	}
}

// BOLT 2: "MUST NOT send the same `alias` for multiple peers or use an alias which
// collides with a `short_channel_id`  of a channel on the same node."
func TestAnAliasThatIsTakenIsDrawnAgain(t *testing.T) {
	alice := newNode(t, "alice")
	alice.cfg.Features = aliases
	p := newTape(t, "bob")
	p.theirs = aliases
	// draw begins anew with the same random bytes.
	draw := func() wire.ShortChannelID {
		t.Helper()
		alice.cfg.Random = newRandom("once more")
		id, err := alice.alias()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := draw()
	alice.named = func(id wire.ShortChannelID) bool { return id == first }
	second := draw()
	if second == first {
		t.Error("the alias of a channel was drawn again")
	}
	alice.named = nil
	alice.begin(&talk{peer: p, temporary: wire.ChannelID{1}, alias: first})
	if id := draw(); id != second {
		t.Errorf("drew %s beside a conversation that has %s; there is %s", id, first, second)
	}
}

func TestAnUnconfirmedChannelIsTakenFromATrustedPeerOnly(t *testing.T) {
	both := aliases.With(wire.ZeroConf + 1)
	r, none := wish(), uint32(0)
	r.Depth = &none

	alice, bob, toBob, toAlice := two(t, both, both)
	o := alice.open(toBob, r)
	carry[*wire.OpenChannel](toBob, bob, toAlice)
	carry[*wire.Error](toAlice, alice, toBob)
	if got := <-o.done; !errors.Is(got.err, ErrRefused) {
		t.Errorf("a stranger opens it: %v", got.err)
	}
	bob.nothing("after a stranger's wish")
	alice.free("after it was refused")

	bob.trusted = toAlice.id
	a, b := meet(t, alice, bob, toBob, toAlice, r)
	if a.MinimumDepth != 0 || b.MinimumDepth != 0 || !a.ChannelType.Bit(int(wire.ZeroConf)) || a.LocalAlias == 0 || b.LocalAlias == 0 {
		t.Errorf("%+v\n%+v", a, b)
	}
	// That he trusts her changes nothing about an ordinary channel.
	alice.coins(2_000_000)
	if a, b := meet(t, alice, bob, toBob, toAlice, wish()); a.MinimumDepth != 3 || b.MinimumDepth != 3 {
		t.Errorf("depths of %d and %d", a.MinimumDepth, b.MinimumDepth)
	}
}

func TestAnUnconfirmedChannelIsNotAskedOfAPeerThatHasNone(t *testing.T) {
	alice, _, toBob, _ := two(t, aliases.With(wire.ZeroConf+1), aliases)
	r, none := wish(), uint32(0)
	r.Depth = &none
	if _, err := alice.Open(t.Context(), toBob, r); !errors.Is(err, open.ErrFeature) {
		t.Errorf("got %v", err)
	}
	toBob.silent("before a peer that has none")
	alice.nothing("after a wish that cannot be")
}

func TestTheOpenerMayWaitLongerThanThePeerAsksFor(t *testing.T) {
	for wanted, depth := range map[uint32]uint32{1: 3, 6: 6} {
		alice, bob, toBob, toAlice := two(t, features, features)
		r := wish()
		r.Depth = &wanted
		if a, b := meet(t, alice, bob, toBob, toAlice, r); a.MinimumDepth != depth || b.MinimumDepth != 3 {
			t.Errorf("%d wanted: depths of %d and %d", wanted, a.MinimumDepth, b.MinimumDepth)
		}
	}
	alice, _, toBob, _ := two(t, features, features)
	r, years := wish(), uint32(100_000)
	r.Depth = &years
	if _, err := alice.Open(t.Context(), toBob, r); !errors.Is(err, open.ErrRequest) {
		t.Errorf("got %v", err)
	}
}

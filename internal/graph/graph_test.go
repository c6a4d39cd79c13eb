//go:build !race

package graph_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// now is the time in these tests, in unix seconds.
const now = 1_800_000_000

const (
	scid        = wire.ShortChannelID(7)
	capacity    = amount.Satoshi(1_000_000)
	twoWeeks    = 14 * 24 * 3600
	disable     = 2 // bit of channel_flags
	dontForward = 2 // bit of message_flags
	unknownEven = wire.FeatureBit(1000)
	unknownOdd  = wire.FeatureBit(1001)
)

var chain = chainhash.Hash{1}

// who is a node with its keys.
type who struct {
	node, bitcoin *btcec.PrivateKey
	id            wire.NodeID
}

func person(name string) who {
	key := func(role string) *btcec.PrivateKey {
		seed := sha256.Sum256([]byte(role + name))
		k, _ := btcec.PrivKeyFromBytes(seed[:])
		return k
	}
	w := who{node: key("node "), bitcoin: key("bitcoin ")}
	w.id = wire.PointOf(w.node.PubKey())
	return w
}

// alice's node id is less than bob's; carol has no channel.
var alice, bob, carol = func() (a, b, c who) {
	a, b = person("alice"), person("bob")
	if bytes.Compare(a.id[:], b.id[:]) > 0 {
		a, b = b, a
	}
	return a, b, person("carol")
}()

func hash(signed []byte) [32]byte { return chainhash.DoubleHashH(signed) }

func sign(k *btcec.PrivateKey) func([32]byte) wire.Signature {
	return func(h [32]byte) wire.Signature { return script.Sign(k, h) }
}

// announcement is signed by all four keys after the changes.
func announcement(a, b who, changes ...func(*wire.ChannelAnnouncement)) *wire.ChannelAnnouncement {
	m := &wire.ChannelAnnouncement{
		ChainHash: chain, ShortChannelID: scid, NodeID1: a.id, NodeID2: b.id,
		BitcoinKey1: wire.PointOf(a.bitcoin.PubKey()), BitcoinKey2: wire.PointOf(b.bitcoin.PubKey()),
	}
	for _, change := range changes {
		change(m)
	}
	h := hash(m.SignedPart())
	m.NodeSignature1, m.NodeSignature2 = script.Sign(a.node, h), script.Sign(b.node, h)
	m.BitcoinSignature1, m.BitcoinSignature2 = script.Sign(a.bitcoin, h), script.Sign(b.bitcoin, h)
	return m
}

// update is signed by a node after the changes; without one it is direction 0 and
// good.
func update(by who, changes ...func(*wire.ChannelUpdate)) *wire.ChannelUpdate {
	m := &wire.ChannelUpdate{
		ChainHash: chain, ShortChannelID: scid, Timestamp: now, MessageFlags: 1, CLTVExpiryDelta: 40,
		HTLCMinimumMsat: 1, HTLCMaximumMsat: capacity.Msat(), FeeBaseMsat: 1000, FeeProportionalMillionths: 100,
	}
	for _, change := range changes {
		change(m)
	}
	m.Signature = script.Sign(by.node, hash(m.SignedPart()))
	return m
}

func nodeAnnouncement(by who, changes ...func(*wire.NodeAnnouncement)) *wire.NodeAnnouncement {
	m := &wire.NodeAnnouncement{NodeID: by.id, Timestamp: now, Features: wire.NewFeatures(wire.VarOnion)}
	for _, change := range changes {
		change(m)
	}
	return graph.SignNode(m, sign(by.node))
}

func at(t uint32) func(*wire.ChannelUpdate) {
	return func(u *wire.ChannelUpdate) { u.Timestamp = t }
}

// network has one public channel, between alice and bob.
func network(t testing.TB) *graph.Graph {
	t.Helper()
	g := graph.New(chain)
	a := announcement(alice, bob)
	if err := g.Check(a); err != nil {
		t.Fatal(err)
	}
	if v := g.Channel(a, capacity); v.Kind != graph.Accepted {
		t.Fatal(v)
	}
	return g
}

func channel(t testing.TB, g *graph.Graph) *graph.Channel {
	t.Helper()
	c, ok := g.ByID(scid)
	if !ok {
		t.Fatal("the channel is not known")
	}
	return c
}

// usable says whether routes may go from alice to bob.
func usable(t testing.TB, g *graph.Graph) bool {
	t.Helper()
	c := channel(t, g)
	return c.Usable(&c.Policies[0])
}

func TestAChannelIsSignedByAllFourKeys(t *testing.T) {
	type m = *wire.ChannelAnnouncement
	g := graph.New(chain)
	if err := g.Check(announcement(alice, bob)); err != nil {
		t.Fatal(err)
	}
	extra := announcement(alice, bob, func(a m) { a.Extra = []byte{1, 2, 3} })
	if err := g.Check(extra); err != nil {
		t.Errorf("what a later version of the message says is signed too: %v", err)
	}
	for name, spoil := range map[string]func(m){
		"node_signature_1":                        func(a m) { a.NodeSignature1[9] ^= 1 },
		"node_signature_2":                        func(a m) { a.NodeSignature2[9] ^= 1 },
		"bitcoin_signature_1":                     func(a m) { a.BitcoinSignature1[9] ^= 1 },
		"bitcoin_signature_2":                     func(a m) { a.BitcoinSignature2[9] ^= 1 },
		"node_signature_1 of nothing":             func(a m) { a.NodeSignature1 = wire.Signature{} },
		"signatures of the other node":            func(a m) { a.NodeSignature1, a.NodeSignature2 = a.NodeSignature2, a.NodeSignature1 },
		"signatures of the other bitcoin key":     func(a m) { a.BitcoinSignature1, a.BitcoinSignature2 = a.BitcoinSignature2, a.BitcoinSignature1 },
		"another short_channel_id than is signed": func(a m) { a.ShortChannelID++ },
		"other features than are signed":          func(a m) { a.Features = wire.NewFeatures(1) },
		"an extra byte that is not signed":        func(a m) { a.Extra = []byte{0} },
		"a bitcoin key that is no point":          func(a m) { a.BitcoinKey2 = wire.Point{2: 1} },
	} {
		a := announcement(alice, bob)
		spoil(a)
		if err := g.Check(a); err == nil || errors.Is(err, graph.ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAnnouncementOfAnotherChainIsNobodysFault(t *testing.T) {
	a := announcement(alice, bob, func(a *wire.ChannelAnnouncement) { a.ChainHash = chainhash.Hash{2} })
	if err := graph.New(chain).Check(a); !errors.Is(err, graph.ErrChain) {
		t.Error(err)
	}
}

func TestTheLesserNodeIDComesFirst(t *testing.T) {
	g := graph.New(chain)
	if err := g.Check(announcement(bob, alice)); err == nil {
		t.Error("the greater node id came first")
	}
	if err := g.Check(announcement(alice, alice)); err == nil {
		t.Error("a channel of a node with itself")
	}
}

func TestAChannelWithoutAPlaceInTheChainIsRefused(t *testing.T) {
	a := announcement(alice, bob, func(a *wire.ChannelAnnouncement) { a.ShortChannelID = 0 })
	if err := graph.New(chain).Check(a); err == nil {
		t.Error("it is taken")
	}
}

func TestAChannelIsTakenOnce(t *testing.T) {
	g := graph.New(chain)
	a := announcement(alice, bob)
	v := g.Channel(a, capacity)
	want := graph.Verdict{Row: graph.AnnouncementRow{SCID: scid, Capacity: capacity, Raw: wire.Encode(a)}}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Fatal(diff)
	}
	if v := g.Channel(a, capacity); v.Kind != graph.Duplicate || v.Row != nil {
		t.Fatalf("the second time: %+v", v)
	}
	if c := channel(t, g); !c.Public() || c.Capacity != capacity {
		t.Errorf("%+v", c)
	}
	if len(g.Channels()) != 1 || len(g.Nodes()) != 2 {
		t.Errorf("%d channels, %d nodes", len(g.Channels()), len(g.Nodes()))
	}
}

func TestAChannelOfOursBecomesPublicByItsAnnouncement(t *testing.T) {
	g := graph.New(chain)
	g.Local(scid, bob.id, alice.id, capacity)
	g.Local(scid, bob.id, alice.id, capacity)
	if c := channel(t, g); c.Public() || g.Nodes()[c.Nodes[0]].ID != alice.id || len(g.Channels()) != 1 {
		t.Fatalf("%+v", c)
	}
	if v := g.Node(nodeAnnouncement(alice), now); v.Kind != graph.Orphan {
		t.Errorf("a node without a public channel: %+v", v)
	}
	if v := g.Update(update(alice), now); v.Kind != graph.Accepted {
		t.Errorf("the terms of a private channel: %+v", v)
	}
	for _, other := range []*wire.ChannelAnnouncement{announcement(alice, carol), announcement(carol, bob)} {
		if v := g.Channel(other, capacity); v.Kind != graph.Bad {
			t.Errorf("with another node: %+v", v)
		}
	}
	if v := g.Channel(announcement(alice, bob), capacity); v.Kind != graph.Accepted || !channel(t, g).Public() {
		t.Errorf("%+v", v)
	}
	if !channel(t, g).Policies[0].Known() {
		t.Error("its terms are forgotten")
	}
}

func TestEachChannelUpdateGetsItsVerdict(t *testing.T) {
	type m = *wire.ChannelUpdate
	for name, c := range map[string]struct {
		update m
		want   graph.Kind
	}{
		"newer":                       {update(alice, at(now-99)), graph.Accepted},
		"of the other direction":      {update(bob, func(u m) { u.ChannelFlags = 1 }), graph.Accepted},
		"disabled":                    {update(alice, func(u m) { u.ChannelFlags = disable }), graph.Accepted},
		"a little ahead":              {update(alice, at(now+24*3600)), graph.Accepted},
		"with bytes of the future":    {update(alice, func(u m) { u.Extra = []byte{1, 2, 3} }), graph.Accepted},
		"the same again":              {update(alice, at(now-100)), graph.Duplicate},
		"others at the same second":   {update(alice, at(now-100), func(u m) { u.FeeBaseMsat++ }), graph.Duplicate},
		"older":                       {update(alice, at(now-101)), graph.Stale},
		"without a time":              {update(bob, at(0), func(u m) { u.ChannelFlags = 1 }), graph.Stale},
		"from the future":             {update(alice, at(now+24*3600+1)), graph.Stale},
		"two weeks old":               {update(bob, at(now-twoWeeks), func(u m) { u.ChannelFlags = 1 }), graph.Accepted},
		"older than two weeks":        {update(bob, at(now-twoWeeks-1), func(u m) { u.ChannelFlags = 1 }), graph.Stale},
		"of an unknown channel":       {update(alice, func(u m) { u.ShortChannelID++ }), graph.Orphan},
		"of another chain":            {update(alice, func(u m) { u.ChainHash = chainhash.Hash{2} }), graph.Ignored},
		"signed by the other node":    {update(bob), graph.Bad},
		"signed by a stranger":        {update(carol), graph.Bad},
		"of the other node's half":    {update(alice, func(u m) { u.ChannelFlags = 1 }), graph.Bad},
		"maximum above the capacity":  {update(alice, func(u m) { u.HTLCMaximumMsat = capacity.Msat() + 1 }), graph.Accepted},
		"another chain and a channel": {update(alice, func(u m) { u.ChainHash, u.ShortChannelID = chainhash.Hash{2}, 8 }), graph.Ignored},
	} {
		g := network(t)
		if v := g.Update(update(alice, at(now-100)), now); v.Kind != graph.Accepted {
			t.Fatal(v)
		}
		before := *channel(t, g)
		v := g.Update(c.update, now)
		if v.Kind != c.want || (v.Why != nil) != (c.want == graph.Bad) || (v.Row != nil) != (c.want == graph.Accepted) {
			t.Errorf("%s: %+v", name, v)
		}
		after := *channel(t, g)
		if v.Kind != graph.Accepted {
			if !reflect.DeepEqual(before, after) {
				t.Errorf("%s: it is refused, but changed the channel", name)
			}
			continue
		}
		d := c.update.ChannelFlags & 1
		want := graph.UpdateRow{SCID: scid, Direction: d, Raw: wire.Encode(c.update)}
		if diff := cmp.Diff(durable.Row(want), v.Row); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		p := after.Policies[d]
		if p.Timestamp != c.update.Timestamp || p.FeeBaseMsat != c.update.FeeBaseMsat || p.CLTVExpiryDelta != 40 ||
			p.FeeProportionalMillionths != 100 || p.HTLCMinimum != 1 || p.HTLCMaximum != c.update.HTLCMaximumMsat {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestEachByteOfASignedUpdateCounts(t *testing.T) {
	good := wire.Encode(update(alice, func(u *wire.ChannelUpdate) { u.Extra = []byte{9} }))
	for i := 2; i < len(good); i++ {
		raw := bytes.Clone(good)
		raw[i] ^= 1
		m, err := wire.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if v := network(t).Update(m.(*wire.ChannelUpdate), now); v.Kind == graph.Accepted {
			t.Errorf("byte %d was changed on the way", i)
		}
	}
}

func TestATwoWeeksOldUpdateOfAPrivateChannelIsTaken(t *testing.T) {
	g := graph.New(chain)
	g.Local(scid, alice.id, bob.id, capacity)
	if v := g.Update(update(bob, at(1), func(u *wire.ChannelUpdate) { u.ChannelFlags = 1 }), now); v.Kind != graph.Accepted {
		t.Errorf("%+v", v)
	}
}

func TestTheDisableBitClosesOneDirection(t *testing.T) {
	g := network(t)
	g.Update(update(alice, func(u *wire.ChannelUpdate) { u.ChannelFlags = disable }), now)
	g.Update(update(bob, func(u *wire.ChannelUpdate) { u.ChannelFlags = 1 }), now)
	c := channel(t, g)
	if p := &c.Policies[0]; !p.Known() || p.Enabled() || c.Usable(&c.Policies[0]) {
		t.Errorf("alice's: %+v", p)
	}
	if p := &c.Policies[1]; !p.Enabled() || !c.Usable(&c.Policies[1]) {
		t.Errorf("bob's: %+v", p)
	}
	g.Update(update(alice, at(now+1)), now)
	if !c.Usable(&c.Policies[0]) {
		t.Error("it is not opened again")
	}
}

func TestRoutesLeaveOutADirectionWhoseTermsMakeNoSense(t *testing.T) {
	type m = *wire.ChannelUpdate
	for name, c := range map[string]struct {
		update m
		want   bool
	}{
		"maximum is the capacity":    {update(alice), true},
		"maximum above the capacity": {update(alice, func(u m) { u.HTLCMaximumMsat++ }), false},
		"maximum is the minimum":     {update(alice, func(u m) { u.HTLCMinimumMsat = u.HTLCMaximumMsat }), true},
		"maximum below the minimum":  {update(alice, func(u m) { u.HTLCMinimumMsat, u.HTLCMaximumMsat = 2, 1 }), false},
	} {
		g := network(t)
		if usable(t, g) {
			t.Fatal("a direction without terms")
		}
		g.Update(c.update, now)
		if usable(t, g) != c.want {
			t.Errorf("%s: usable is %v", name, !c.want)
		}
	}
}

func TestAChannelThatNeedsSomethingUnknownIsKnownButNotUsable(t *testing.T) {
	for bit, want := range map[wire.FeatureBit]bool{unknownOdd: true, unknownEven: false} {
		a := announcement(alice, bob, func(a *wire.ChannelAnnouncement) { a.Features = wire.NewFeatures(bit) })
		g, loaded := graph.New(chain), graph.New(chain)
		if err := g.Check(a); err != nil {
			t.Fatal(err)
		}
		load(t, loaded, g.Channel(a, capacity).Row, g.Update(update(alice), now).Row)
		for _, g := range []*graph.Graph{g, loaded} {
			if c := channel(t, g); c.Usable(&c.Policies[0]) != want {
				t.Errorf("feature %d: usable is %v", bit, !want)
			}
		}
	}
	private := graph.New(chain)
	private.Local(scid, alice.id, bob.id, capacity)
	private.Channel(announcement(alice, bob, func(a *wire.ChannelAnnouncement) { a.Features = wire.NewFeatures(unknownEven) }), capacity)
	private.Update(update(alice), now)
	if usable(t, private) {
		t.Error("a channel of ours is usable whatever it needs")
	}
}

func TestAnUpdateThatIsNotToBePassedOnSaysSo(t *testing.T) {
	g := network(t)
	v := g.Update(update(alice, func(u *wire.ChannelUpdate) { u.MessageFlags |= dontForward }), now)
	if v.Kind != graph.Accepted || !v.Quiet {
		t.Errorf("%+v", v)
	}
	if v := g.Update(update(alice, at(now+1)), now); v.Kind != graph.Accepted || v.Quiet {
		t.Errorf("%+v", v)
	}
}

func TestEachNodeAnnouncementGetsItsVerdict(t *testing.T) {
	type m = *wire.NodeAnnouncement
	stamp := func(t uint32) func(m) { return func(n m) { n.Timestamp = t } }
	name := []byte{wire.AddressDNS, 1, 'a', 38, 7}
	spoilt := nodeAnnouncement(alice)
	spoilt.Alias[0] = 'x'
	other := nodeAnnouncement(alice)
	other.NodeID = bob.id
	for title, c := range map[string]struct {
		announcement m
		want         graph.Kind
		quiet        bool
	}{
		"newer":                     {nodeAnnouncement(alice), graph.Accepted, false},
		"of the other node":         {nodeAnnouncement(bob), graph.Accepted, false},
		"a little ahead":            {nodeAnnouncement(alice, stamp(now+24*3600)), graph.Accepted, false},
		"with bytes of the future":  {nodeAnnouncement(alice, func(n m) { n.Extra = []byte{1} }), graph.Accepted, false},
		"with an address":           {nodeAnnouncement(alice, func(n m) { n.Addresses = name }), graph.Accepted, false},
		"with two DNS names":        {nodeAnnouncement(alice, func(n m) { n.Addresses = append(name, name...) }), graph.Accepted, true},
		"with half an address":      {nodeAnnouncement(alice, func(n m) { n.Addresses = name[:3] }), graph.Bad, false},
		"the same again":            {nodeAnnouncement(alice, stamp(now-100)), graph.Duplicate, false},
		"older":                     {nodeAnnouncement(alice, stamp(now-101)), graph.Stale, false},
		"from the future":           {nodeAnnouncement(alice, stamp(now+24*3600+1)), graph.Stale, false},
		"of a node without channel": {nodeAnnouncement(carol), graph.Orphan, false},
		"signature of another text": {spoilt, graph.Bad, false},
		"signature of another node": {other, graph.Bad, false},
	} {
		g := network(t)
		if v := g.Node(nodeAnnouncement(alice, stamp(now-100)), now); v.Kind != graph.Accepted {
			t.Fatal(v)
		}
		v := g.Node(c.announcement, now)
		if v.Kind != c.want || v.Quiet != c.quiet || (v.Why != nil) != (c.want == graph.Bad) {
			t.Errorf("%s: %+v", title, v)
		}
		var row durable.Row
		if c.want == graph.Accepted {
			row = graph.NodeRow{Node: c.announcement.NodeID, Raw: wire.Encode(c.announcement)}
		}
		if diff := cmp.Diff(row, v.Row); diff != "" {
			t.Errorf("%s: %s", title, diff)
		}
		i, _ := g.NodeIndex(alice.id)
		if at := g.Nodes()[i].Timestamp; c.want != graph.Accepted && at != now-100 {
			t.Errorf("%s: it is refused, but the time is %d", title, at)
		}
	}
}

func TestANodeThatNeedsSomethingUnknownIsMarked(t *testing.T) {
	for bit, want := range map[wire.FeatureBit]bool{
		unknownOdd: false, unknownEven: true, wire.Splice: false, wire.PaymentSecret: false,
	} {
		n := nodeAnnouncement(alice, func(n *wire.NodeAnnouncement) { n.Features = wire.NewFeatures(bit) })
		g, loaded := network(t), network(t)
		load(t, loaded, g.Node(n, now).Row)
		for _, g := range []*graph.Graph{g, loaded} {
			if i, _ := g.NodeIndex(alice.id); g.Nodes()[i].Strange != want {
				t.Errorf("feature %d: strange is %v", bit, !want)
			}
		}
	}
}

func TestTermsOfAFailureAreTheSendersOwnAndRecent(t *testing.T) {
	type m = *wire.ChannelUpdate
	private := func(u m) { u.ShortChannelID = 8 }
	for name, c := range map[string]struct {
		update m
		want   bool
	}{
		"newer":                    {update(alice), true},
		"what the graph has":       {update(alice, at(now-100)), true},
		"older than the graph":     {update(alice, at(now-101)), false},
		"of a private channel":     {update(alice, private), true},
		"private, by the payee":    {update(bob, private), false},
		"by the other node":        {update(bob), false},
		"of the other direction":   {update(alice, func(u m) { u.ChannelFlags = 1 }), false},
		"of another chain":         {update(alice, func(u m) { u.ChainHash = chainhash.Hash{2} }), false},
		"without a time":           {update(alice, private, at(0)), false},
		"with a spoilt signature":  {func() m { u := update(alice); u.FeeBaseMsat++; return u }(), false},
		"disabled":                 {update(alice, func(u m) { u.ChannelFlags = disable }), true},
		"with bytes of the future": {update(alice, func(u m) { u.Extra = []byte{7} }), true},
	} {
		g := network(t)
		g.Update(update(alice, at(now-100), func(u m) { u.FeeBaseMsat = 1 }), now)
		before := *channel(t, g)
		p, ok := g.Terms(c.update, alice.id, bob.id)
		if ok != c.want {
			t.Errorf("%s: %v", name, ok)
		}
		if ok && (p.FeeBaseMsat != 1000 || p.Enabled() != (c.update.ChannelFlags&disable == 0)) {
			t.Errorf("%s: %+v", name, p)
		}
		if !reflect.DeepEqual(before, *channel(t, g)) {
			t.Errorf("%s: the graph took it", name)
		}
	}
}

// load puts rows into a graph.
func load(t testing.TB, g *graph.Graph, rows ...durable.Row) {
	t.Helper()
	for _, r := range rows {
		if err := g.Load(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatWasWrittenIsLoadedAgain(t *testing.T) {
	g := graph.New(chain)
	rows := []durable.Row{
		g.Channel(announcement(alice, bob), capacity).Row,
		g.Update(update(alice), now).Row,
		g.Update(update(bob, func(u *wire.ChannelUpdate) { u.ChannelFlags = 1 | disable }), now).Row,
		g.Node(nodeAnnouncement(bob), now).Row,
	}
	loaded := graph.New(chain)
	load(t, loaded, rows...)
	load(t, loaded, rows...) // twice does no harm
	if !reflect.DeepEqual(g, loaded) {
		t.Errorf("%+v\n%+v", g, loaded)
	}
	empty := graph.New(chain)
	load(t, empty, rows[1:]...)
	if len(empty.Channels())+len(empty.Nodes()) != 0 {
		t.Error("what has no channel is not left out")
	}
}

func TestAStoredMessageThatIsDamagedIsAnError(t *testing.T) {
	g := network(t)
	a, u, n := wire.Encode(announcement(alice, bob)), wire.Encode(update(alice)), wire.Encode(nodeAnnouncement(alice))
	long := bytes.Clone(a)
	long[1]++ // a node_announcement as long as a channel_announcement
	for name, row := range map[string]durable.Row{
		"announcement cut":       graph.AnnouncementRow{SCID: 8, Raw: a[:len(a)-1]},
		"announcement empty":     graph.AnnouncementRow{SCID: 8},
		"announcement is update": graph.AnnouncementRow{SCID: 8, Raw: u},
		"announcement is node":   graph.AnnouncementRow{SCID: 8, Raw: long},
		"update cut":             graph.UpdateRow{SCID: scid, Raw: u[:len(u)-1]},
		"update is announcement": graph.UpdateRow{SCID: scid, Raw: a},
		"node cut":               graph.NodeRow{Node: alice.id, Raw: n[:90]},
		"node is update":         graph.NodeRow{Node: alice.id, Raw: u},
	} {
		if err := g.Load(row); err == nil {
			t.Errorf("%s: it is loaded", name)
		}
	}
}

func TestASpentChannelTakesItsNodesWithIt(t *testing.T) {
	g := network(t)
	second := announcement(alice, carolAfter(alice), func(a *wire.ChannelAnnouncement) { a.ShortChannelID = 8 })
	if err := g.Check(second); err != nil {
		t.Fatal(err)
	}
	g.Channel(second, capacity)
	g.Node(nodeAnnouncement(bob), now)
	if !g.Remove(scid) || g.Remove(scid) {
		t.Fatal("a channel is removed once")
	}
	if _, ok := g.ByID(scid); ok {
		t.Error("the channel is still there")
	}
	if _, ok := g.NodeIndex(bob.id); ok {
		t.Error("bob has no channel, but is still there")
	}
	i, ok := g.NodeIndex(alice.id)
	if !ok || len(g.Nodes()[i].Channels) != 1 {
		t.Error("alice has another channel")
	}
	if v := g.Update(update(alice, at(now+1)), now); v.Kind != graph.Orphan {
		t.Errorf("its updates: %+v", v)
	}
	if v := g.Node(nodeAnnouncement(bob), now); v.Kind != graph.Orphan {
		t.Errorf("its node: %+v", v)
	}
	g.Channel(announcement(alice, bob), capacity)
	if len(g.Channels()) != 2 || len(g.Nodes()) != 3 {
		t.Errorf("places are not used again: %d channels, %d nodes", len(g.Channels()), len(g.Nodes()))
	}
	if c := channel(t, g); c.Policies[0].Known() {
		t.Error("the new channel has terms of the old one")
	}
	if v := g.Node(nodeAnnouncement(bob), now); v.Kind != graph.Accepted {
		t.Errorf("bob's announcement after he came back: %+v", v)
	}
}

// carolAfter is somebody whose node id is greater than w's.
func carolAfter(w who) who {
	for i := byte(0); ; i++ {
		if c := person("carol" + string(i)); bytes.Compare(c.id[:], w.id[:]) > 0 {
			return c
		}
	}
}

func TestWhatNobodyKeepsUpIsPruned(t *testing.T) {
	type m = *wire.ChannelUpdate
	const long, recent = now - 2*twoWeeks, now - twoWeeks
	back := func(u m) { u.ChannelFlags = 1 }
	for name, c := range map[string]struct {
		updates []m
		us      wire.NodeID
		private bool
		want    bool
	}{
		"both sides silent for two weeks":    {[]m{update(alice, at(recent-1)), update(bob, at(long), back)}, carol.id, false, true},
		"one side, and the other never said": {[]m{update(alice, at(recent-1))}, carol.id, false, true},
		"one side speaks":                    {[]m{update(alice, at(recent)), update(bob, at(long), back)}, carol.id, false, false},
		"the other side speaks":              {[]m{update(alice, at(long)), update(bob, at(now), back)}, carol.id, false, false},
		"nobody has spoken yet":              {nil, carol.id, false, false},
		"it is ours":                         {[]m{update(alice, at(long))}, alice.id, false, false},
		"it is ours, from the other side":    {[]m{update(alice, at(long))}, bob.id, false, false},
		"it is not public":                   {[]m{update(alice, at(long))}, carol.id, true, false},
	} {
		g := network(t)
		if c.private {
			g = graph.New(chain)
			g.Local(scid, alice.id, bob.id, capacity)
		}
		for _, u := range c.updates {
			load(t, g, graph.UpdateRow{SCID: scid, Direction: u.ChannelFlags & 1, Raw: wire.Encode(u)})
		}
		rows := g.Prune(now, c.us)
		if _, there := g.ByID(scid); there == c.want {
			t.Errorf("%s: pruned is %v", name, !c.want)
		}
		var want []durable.Row
		if c.want {
			want = []durable.Row{graph.GoneRow{SCID: scid}}
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if rows := g.Prune(now, c.us); rows != nil {
			t.Errorf("%s: it is pruned twice: %v", name, rows)
		}
	}
}

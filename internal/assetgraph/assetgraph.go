package assetgraph

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
)

// Errors.
var (
	// ErrFalse means that a message breaks a rule, for which whoever sent it is to blame.
	ErrFalse = errors.New("false")
	// ErrChain means that a message is of another chain.
	ErrChain = errors.New("it is of another chain")
	// ErrKnown means that the same, or something newer, is known.
	ErrKnown = errors.New("it is known")
	// ErrUnknown means that a message is about a channel that is not known.
	ErrUnknown = errors.New("its channel is not known")
	// ErrTaken means that another announced channel has the same address, whose tokens
	// count once.
	ErrTaken = errors.New("another announced channel has its address")
	// ErrUseless means that an update is too old, of the future, or cannot be used.
	ErrUseless = errors.New("it is of no use")
)

// MaxAge is after how many seconds an asset_channel_update no longer counts, as BOLT 7's.
const MaxAge = 1209600

// maxAhead is how far in the future a timestamp may lie, in seconds.
const maxAhead = 24 * 3600

// Policy is the terms of one direction.
type Policy struct {
	Timestamp                 uint32 // unix seconds; zero: no update is known
	Flags                     byte
	CLTVExpiryDelta           uint16
	HTLCMinimum, HTLCMaximum  amount.Units
	FeeBaseMsat               uint32 // in bitcoin
	FeeProportionalMillionths uint32 // in tokens
	Carrier                   amount.MilliSatoshi
}

// Known says whether there was an update.
func (p *Policy) Known() bool { return p.Timestamp != 0 }

// Enabled says whether the direction takes HTLCs, as far as its node says.
func (p *Policy) Enabled() bool { return p.Known() && p.Flags&wire.AssetDisabled == 0 }

// Channel is an announced channel. Direction 0 goes from Nodes[0], the lesser node id.
type Channel struct {
	SCID     wire.ShortChannelID
	Property amount.Property
	Capacity amount.Units
	Nodes    [2]wire.NodeID
	Policies [2]Policy // by direction
	Script   []byte    // of its funding output
	Witness  [32]byte  // SHA256 of the script that a spend shows
	Checked  bool      // a ledger has said that the tokens are there
	strange  bool      // it needs features that are not known here
}

// Usable says whether routes may take a direction.
func (c *Channel) Usable(direction int) bool { return c.Policies[direction].Enabled() && !c.strange }

// Graph is the channels. The zero value is not ready: see [New].
type Graph struct {
	chain    chainhash.Hash
	channels map[wire.ShortChannelID]*Channel
	scripts  map[string]wire.ShortChannelID
	members  map[Exchange]int // how many channels a node has with tokens of a property
	rates    map[Exchange]*Rate
}

// New is an empty graph of a chain.
func New(chain chainhash.Hash) *Graph {
	return &Graph{
		chain: chain, channels: map[wire.ShortChannelID]*Channel{}, scripts: map[string]wire.ShortChannelID{},
		members: map[Exchange]int{}, rates: map[Exchange]*Rate{},
	}
}

// ByID finds a channel.
func (g *Graph) ByID(scid wire.ShortChannelID) (*Channel, bool) {
	c, ok := g.channels[scid]
	return c, ok
}

// Len is how many channels there are.
func (g *Graph) Len() int { return len(g.channels) }

// Channels are all, in the order of the chain.
func (g *Graph) Channels() []*Channel {
	return slices.SortedFunc(maps.Values(g.channels), func(a, b *Channel) int { return cmp.Compare(a.SCID, b.SCID) })
}

// Of are those with tokens of a property, in the order of the chain.
func (g *Graph) Of(property amount.Property) (out []Channel) {
	for _, c := range g.channels {
		if c.Property == property {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b Channel) int { return cmp.Compare(a.SCID, b.SCID) })
	return out
}

func falsely(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFalse, fmt.Sprintf(format, args...))
}

// Known says without much work whether an announcement is not worth more. Errors:
// [ErrChain], [ErrKnown], [ErrFalse].
func (g *Graph) Known(a *wire.AssetChannelAnnouncement) error {
	switch {
	case a.ChainHash != g.chain:
		return ErrChain
	case g.channels[a.ShortChannelID] != nil:
		return ErrKnown
	case a.ShortChannelID == 0:
		return falsely("asset_channel_announcement without a short_channel_id")
	case string(a.NodeID1[:]) >= string(a.NodeID2[:]):
		return falsely("asset_channel_announcement %s has its nodes out of order", a.ShortChannelID)
	case a.Property == 0, a.Capacity == 0, a.Capacity > amount.MaxUnits:
		return falsely("asset_channel_announcement %s of %d units of property %d", a.ShortChannelID, a.Capacity, a.Property)
	}
	return nil
}

// Check tells whether an announcement is well formed, and signed by all four keys. Errors:
// those of [Graph.Known], [ErrTaken].
func (g *Graph) Check(a *wire.AssetChannelAnnouncement) error {
	if err := g.Known(a); err != nil {
		return err
	}
	wrong := graph.WrongSignature(a.Digest(), [4]wire.Point{a.NodeID1, a.NodeID2, a.BitcoinKey1, a.BitcoinKey2},
		[4]wire.Signature{a.NodeSignature1, a.NodeSignature2, a.BitcoinSignature1, a.BitcoinSignature2})
	if wrong != "" {
		return falsely("asset_channel_announcement %s: %s is wrong", a.ShortChannelID, wrong)
	}
	if _, taken := g.Rival(a); taken {
		return ErrTaken
	}
	return nil
}

// Rival is the channel that has the address of an announced one.
func (g *Graph) Rival(a *wire.AssetChannelAnnouncement) (scid wire.ShortChannelID, taken bool) {
	scid, taken = g.scripts[string(FundingScript(a))]
	return scid, taken
}

// FundingScript is what the funding output of an announced channel must pay to.
func FundingScript(a *wire.AssetChannelAnnouncement) []byte {
	_, pk := script.Tokens.FundingScript(a.BitcoinKey1, a.BitcoinKey2)
	return pk
}

// Add takes an announcement that [Graph.Check] found good, and whose output is there.
// Errors: [ErrKnown], [ErrTaken].
func (g *Graph) Add(a *wire.AssetChannelAnnouncement) (*Channel, error) {
	witness, pk := script.Tokens.FundingScript(a.BitcoinKey1, a.BitcoinKey2)
	if g.channels[a.ShortChannelID] != nil {
		return nil, ErrKnown
	}
	if _, taken := g.scripts[string(pk)]; taken {
		return nil, ErrTaken
	}
	_, strange := a.Features.UnknownMandatory(nil)
	c := &Channel{
		SCID: a.ShortChannelID, Property: a.Property, Capacity: a.Capacity, Nodes: [2]wire.NodeID{a.NodeID1, a.NodeID2},
		Script: pk, Witness: sha256.Sum256(witness), strange: strange,
	}
	g.channels[c.SCID], g.scripts[string(pk)] = c, c.SCID
	for _, id := range c.Nodes {
		g.members[Exchange{id, c.Property}]++
	}
	return c, nil
}

// Remove forgets a channel; false when there is none. A rate of which no channel is left is
// forgotten by [Graph.RemoveRate].
func (g *Graph) Remove(scid wire.ShortChannelID) bool {
	c, ok := g.channels[scid]
	if ok {
		delete(g.channels, scid)
		delete(g.scripts, string(c.Script))
		for _, id := range c.Nodes {
			of := Exchange{id, c.Property}
			if g.members[of]--; g.members[of] == 0 {
				delete(g.members, of)
			}
		}
	}
	return ok
}

// Fresh says whether an update is worth its signature's check at the time now, in unix
// seconds. Errors: [ErrChain], [ErrUnknown], [ErrKnown], [ErrUseless].
func (g *Graph) Fresh(u *wire.AssetChannelUpdate, now uint32) error {
	c := g.channels[u.ShortChannelID]
	switch {
	case u.ChainHash != g.chain:
		return ErrChain
	case c == nil:
		return ErrUnknown
	case u.Timestamp <= c.Policies[u.ChannelFlags&wire.AssetDirection].Timestamp:
		return ErrKnown
	}
	return useful(u, c.Capacity, now)
}

// useful says whether an update is of its time, and an amount fits. Error: [ErrUseless].
func useful(u *wire.AssetChannelUpdate, capacity amount.Units, now uint32) error {
	if uint64(u.Timestamp) > uint64(now)+maxAhead || Old(u.Timestamp, now) || u.HTLCMaximum > capacity || u.HTLCMinimum > u.HTLCMaximum {
		return ErrUseless
	}
	return nil
}

// Belongs says whether an update is of a channel that was announced and is not in the graph
// yet. Errors: [ErrChain], [ErrUseless], [ErrFalse].
func Belongs(u *wire.AssetChannelUpdate, a *wire.AssetChannelAnnouncement, now uint32) error {
	if u.ChainHash != a.ChainHash || u.ShortChannelID != a.ShortChannelID {
		return ErrChain
	}
	if err := useful(u, a.Capacity, now); err != nil {
		return err
	}
	return signedBy(u, [2]wire.NodeID{a.NodeID1, a.NodeID2})
}

func signedBy(u *wire.AssetChannelUpdate, nodes [2]wire.NodeID) error {
	if !script.Verify(nodes[u.ChannelFlags&wire.AssetDirection], u.Digest(), u.Signature) {
		return falsely("asset_channel_update %s: signature is wrong", u.ShortChannelID)
	}
	return nil
}

// Old says whether an update of that time no longer counts now.
func Old(timestamp, now uint32) bool { return uint64(timestamp)+MaxAge < uint64(now) }

// Update takes an update that [Graph.Fresh] found worth it. Error: [ErrFalse].
func (g *Graph) Update(u *wire.AssetChannelUpdate) error {
	err := signedBy(u, g.channels[u.ShortChannelID].Nodes)
	if err == nil {
		g.load(u)
	}
	return err
}

func (g *Graph) load(u *wire.AssetChannelUpdate) {
	g.channels[u.ShortChannelID].Policies[u.ChannelFlags&wire.AssetDirection] = Policy{
		Timestamp: u.Timestamp, Flags: u.ChannelFlags, CLTVExpiryDelta: u.CLTVExpiryDelta, HTLCMinimum: u.HTLCMinimum, HTLCMaximum: u.HTLCMaximum,
		FeeBaseMsat: u.FeeBaseMsat, FeeProportionalMillionths: u.FeeProportionalMillionths, Carrier: u.Carrier,
	}
}

// Load puts back what was stored, which was checked when it came: announcements before
// updates and rates. What has no channel is left out.
func (g *Graph) Load(m wire.Message) {
	switch m := m.(type) {
	case *wire.AssetChannelAnnouncement:
		_, _ = g.Add(m) // it was known once only
	case *wire.AssetChannelUpdate:
		if g.channels[m.ShortChannelID] != nil {
			g.load(m)
		}
	case *wire.AssetRate:
		if of := ExchangeOf(m); g.Member(of) {
			g.rates[of] = rateOf(m)
		}
	}
}

// NewAnnouncement is the announcement of a channel of ours without signatures.
func NewAnnouncement(chain chainhash.Hash, scid wire.ShortChannelID, property amount.Property, capacity amount.Units, us, peer graph.Half) *wire.AssetChannelAnnouncement {
	a := graph.NewAnnouncement(chain, scid, us, peer)
	return &wire.AssetChannelAnnouncement{
		ChainHash: chain, ShortChannelID: scid, Property: property, Capacity: capacity,
		NodeID1: a.NodeID1, NodeID2: a.NodeID2, BitcoinKey1: a.BitcoinKey1, BitcoinKey2: a.BitcoinKey2,
	}
}

// Signed puts both sides' signatures in place, once the peer's are right. Error:
// [graph.ErrHalf].
func Signed(a *wire.AssetChannelAnnouncement, us wire.NodeID, peer graph.Half, ours, theirs *wire.AssetAnnouncementSignatures) (*wire.AssetChannelAnnouncement, error) {
	hash := a.Digest()
	if theirs.ShortChannelID != a.ShortChannelID || !script.Verify(peer.Node, hash, theirs.NodeSignature) ||
		!script.Verify(peer.Bitcoin, hash, theirs.BitcoinSignature) {
		return nil, graph.ErrHalf
	}
	out := *a
	if us != a.NodeID1 {
		ours, theirs = theirs, ours
	}
	out.NodeSignature1, out.BitcoinSignature1 = ours.NodeSignature, ours.BitcoinSignature
	out.NodeSignature2, out.BitcoinSignature2 = theirs.NodeSignature, theirs.BitcoinSignature
	return &out, nil
}

// SignUpdate sets the direction and the signature of an update of ours.
func SignUpdate(u *wire.AssetChannelUpdate, us, peer wire.NodeID, sign func([32]byte) wire.Signature) *wire.AssetChannelUpdate {
	out := *u
	out.ChannelFlags = u.ChannelFlags&^wire.AssetDirection | graph.Direction(us, peer)
	out.Signature = sign(out.Digest())
	return &out
}

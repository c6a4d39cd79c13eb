package graph

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
)

// AnnouncementRow keeps a channel_announcement.
type AnnouncementRow struct {
	SCID     wire.ShortChannelID
	Capacity amount.Satoshi
	Raw      []byte
}

// UpdateRow keeps the latest channel_update of a direction.
type UpdateRow struct {
	SCID      wire.ShortChannelID
	Direction uint8
	Raw       []byte
}

// NodeRow keeps the latest node_announcement of a node.
type NodeRow struct {
	Node wire.NodeID
	Raw  []byte
}

// GoneRow removes a channel with its updates.
type GoneRow struct{ SCID wire.ShortChannelID }

// Table implements durable.Row.
func (AnnouncementRow) Table() string { return "announcements" }

// Table implements durable.Row.
func (UpdateRow) Table() string { return "updates" }

// Table implements durable.Row.
func (NodeRow) Table() string { return "nodes" }

// Table implements durable.Row.
func (GoneRow) Table() string { return "announcements" }

// Kind is what became of a gossip message.
type Kind uint8

// The verdicts.
const (
	Accepted  Kind = iota // write the row, then pass it on
	Duplicate             // known already
	Stale                 // older than what is known, or from the future
	Orphan                // of a channel or node that is not known
	Ignored               // not for us, or not for this graph; nobody is to blame
	Bad                   // breaks a rule: Why says which
)

// Verdict is what became of a gossip message.
type Verdict struct {
	Kind  Kind
	Row   durable.Row // of an accepted one
	Quiet bool        // an accepted one, which is not to be passed on: its node asks for it
	Why   error       // of a bad one
}

func bad(format string, args ...any) Verdict {
	return Verdict{Kind: Bad, Why: fmt.Errorf(format, args...)}
}

// maxAhead is how far in the future a timestamp may lie, in seconds.
const maxAhead = 24 * 3600

// FundingScript is the scriptPubKey that an announced channel's funding output
// must have (BOLT 7).
func FundingScript(a *wire.ChannelAnnouncement) []byte {
	_, pk := script.FundingScript(a.BitcoinKey1, a.BitcoinKey2)
	return pk
}

func digest(signed []byte) [32]byte { return chainhash.DoubleHashH(signed) }

// Digest is what the four signatures of a channel_announcement sign.
func Digest(a *wire.ChannelAnnouncement) [32]byte { return digest(a.SignedPart()) }

// WrongSignature names the first of an announcement's four signatures that is none of its
// key's: those of the nodes, then those of the funding keys. Empty: all are right.
func WrongSignature(hash [32]byte, keys [4]wire.Point, signatures [4]wire.Signature) string {
	for i, name := range []string{"node_signature_1", "node_signature_2", "bitcoin_signature_1", "bitcoin_signature_2"} {
		if !script.Verify(keys[i], hash, signatures[i]) {
			return name
		}
	}
	return ""
}

// ErrChain means that a channel_announcement is of another chain. It is to be
// ignored, and nobody is to blame.
var ErrChain = errors.New("channel_announcement of another chain")

// Check tells whether a channel_announcement is well formed and signed by all
// four keys (BOLT 7, "The `channel_announcement` Message"). Errors: [ErrChain], and
// others for which the peer is to blame.
func (g *Graph) Check(a *wire.ChannelAnnouncement) error {
	switch {
	case a.ChainHash != g.chain:
		return ErrChain
	case a.ShortChannelID == 0:
		return errors.New("channel_announcement without a short_channel_id")
	case string(a.NodeID1[:]) >= string(a.NodeID2[:]):
		return errors.New("channel_announcement with node ids out of order")
	}
	wrong := WrongSignature(Digest(a), [4]wire.Point{a.NodeID1, a.NodeID2, a.BitcoinKey1, a.BitcoinKey2},
		[4]wire.Signature{a.NodeSignature1, a.NodeSignature2, a.BitcoinSignature1, a.BitcoinSignature2})
	if wrong != "" {
		return fmt.Errorf("channel_announcement %s: %s is wrong", a.ShortChannelID, wrong)
	}
	return nil
}

// Channel takes a channel_announcement that [Graph.Check] found good and whose
// funding output holds capacity. A channel of ours that was not public becomes it.
func (g *Graph) Channel(a *wire.ChannelAnnouncement, capacity amount.Satoshi) Verdict {
	if c, ok := g.ByID(a.ShortChannelID); ok {
		if c.Public() {
			return Verdict{Kind: Duplicate}
		}
		if g.nodes[c.Nodes[0]].ID != a.NodeID1 || g.nodes[c.Nodes[1]].ID != a.NodeID2 {
			return bad("channel_announcement %s names other nodes", a.ShortChannelID)
		}
		c.Capacity = capacity
		c.announced(a.Features)
	} else {
		g.insert(a.ShortChannelID, a.NodeID1, a.NodeID2, capacity).announced(a.Features)
	}
	return Verdict{Row: AnnouncementRow{a.ShortChannelID, capacity, wire.Encode(a)}}
}

// Update takes a channel_update at the time now, in unix seconds (BOLT 7, "The
// `channel_update` Message").
func (g *Graph) Update(u *wire.ChannelUpdate, now uint32) Verdict {
	c, ok := g.ByID(u.ShortChannelID)
	switch {
	case u.ChainHash != g.chain:
		return Verdict{Kind: Ignored}
	case !ok:
		return Verdict{Kind: Orphan}
	}
	direction := u.ChannelFlags & flagDirection
	p := &c.Policies[direction]
	switch {
	case u.Timestamp < p.Timestamp, uint64(u.Timestamp) > uint64(now)+maxAhead, c.Public() && old(u.Timestamp, now):
		return Verdict{Kind: Stale}
	case u.Timestamp == p.Timestamp:
		return Verdict{Kind: Duplicate}
	case !signedBy(u, g.nodes[c.Nodes[direction]].ID):
		return bad("channel_update %s: signature is wrong", u.ShortChannelID)
	}
	*p = policyOf(u)
	return Verdict{Row: UpdateRow{u.ShortChannelID, direction, wire.Encode(u)}, Quiet: u.MessageFlags&flagDontForward != 0}
}

func signedBy(u *wire.ChannelUpdate, node wire.NodeID) bool {
	return script.Verify(node, digest(u.SignedPart()), u.Signature)
}

func policyOf(u *wire.ChannelUpdate) Policy {
	return Policy{
		Timestamp: u.Timestamp, FeeBaseMsat: u.FeeBaseMsat, FeeProportionalMillionths: u.FeeProportionalMillionths,
		CLTVExpiryDelta: u.CLTVExpiryDelta, Flags: u.ChannelFlags,
		HTLCMinimum: u.HTLCMinimumMsat, HTLCMaximum: u.HTLCMaximumMsat,
	}
}

// Terms are those of a channel_update that came with the failure of a payment,
// from a node about its channel to another. They are for the retries of that
// payment only, and the graph does not take them: otherwise the node could tell by
// them who else pays. False: they are not that node's, or are older than what the
// graph has.
//
// BOLT 4: "MUST NOT expose the `channel_update` to third-parties in any other context, including applying the `channel_update` to the local network graph, send the `channel_update` to peers as gossip, etc."
func (g *Graph) Terms(u *wire.ChannelUpdate, from, to wire.NodeID) (Policy, bool) {
	if p, ok := g.Policy(u.ShortChannelID, from); ok && u.Timestamp < p.Timestamp {
		return Policy{}, false
	}
	if u.Timestamp == 0 || u.ChainHash != g.chain || u.ChannelFlags&flagDirection != Direction(from, to) || !signedBy(u, from) {
		return Policy{}, false
	}
	return policyOf(u), true
}

// Node takes a node_announcement at the time now, in unix seconds (BOLT 7, "The
// `node_announcement` Message").
func (g *Graph) Node(n *wire.NodeAnnouncement, now uint32) Verdict {
	i, ok := g.nodeOf[n.NodeID]
	if !ok || !g.hasPublic(i) {
		return Verdict{Kind: Orphan}
	}
	node := &g.nodes[i]
	switch {
	case n.Timestamp < node.Timestamp || uint64(n.Timestamp) > uint64(now)+maxAhead:
		return Verdict{Kind: Stale}
	case n.Timestamp == node.Timestamp:
		return Verdict{Kind: Duplicate}
	case !script.Verify(n.NodeID, digest(n.SignedPart()), n.Signature):
		return bad("node_announcement of %s: signature is wrong", n.NodeID)
	}
	_, err := wire.ParseAddresses(n.Addresses)
	if err != nil && !errors.Is(err, wire.ErrHostnames) {
		return bad("node_announcement of %s: %w", n.NodeID, err)
	}
	node.Timestamp, node.Raw, node.Strange = n.Timestamp, wire.Encode(n), strangeNode(n.Features)
	return Verdict{Row: NodeRow{n.NodeID, node.Raw}, Quiet: err != nil}
}

func (g *Graph) hasPublic(node int32) bool {
	for _, c := range g.nodes[node].Channels {
		if g.channels[c].Public() {
			return true
		}
	}
	return false
}

// Load puts back what was stored, which was checked when it came. The rows come
// in the order announcements, updates, nodes. What no longer has its channel is
// left out.
func (g *Graph) Load(row durable.Row) error {
	switch r := row.(type) {
	case AnnouncementRow:
		a, err := storedAnnouncement(r.Raw)
		if err != nil {
			return err
		}
		if _, ok := g.ByID(r.SCID); !ok {
			g.insert(r.SCID, a.one, a.two, r.Capacity).announced(a.features)
		}
	case UpdateRow:
		u, err := decode[*wire.ChannelUpdate](r.Raw)
		if err != nil {
			return err
		}
		if c, ok := g.ByID(r.SCID); ok {
			c.Policies[u.ChannelFlags&flagDirection] = policyOf(u)
		}
	case NodeRow:
		n, err := decode[*wire.NodeAnnouncement](r.Raw)
		if err != nil {
			return err
		}
		if i, ok := g.nodeOf[r.Node]; ok {
			g.nodes[i].Timestamp, g.nodes[i].Raw, g.nodes[i].Strange = n.Timestamp, r.Raw, strangeNode(n.Features)
		}
	}
	return nil
}

// stored is what the graph needs of a channel_announcement on disk.
type stored struct {
	features wire.Features
	one, two wire.NodeID
}

// storedAnnouncement reads node ids where they stand. wire.Decode would find out
// for all four points whether they are on the curve, which takes seconds for the
// public network, and was done when the message came.
func storedAnnouncement(raw []byte) (a stored, err error) {
	const signatures, length, chain, scid, point = 4 * 64, 2, 32, 8, 33
	b := raw
	take := func(n int) (field []byte) {
		if n > len(b) {
			err = errStored
			return make([]byte, n)
		}
		field, b = b[:n], b[n:]
		return field
	}
	if number := binary.BigEndian.Uint16(take(length)); err == nil && number != (&wire.ChannelAnnouncement{}).Type() {
		return a, errStored
	}
	take(signatures)
	a.features = take(int(binary.BigEndian.Uint16(take(length))))
	take(chain + scid)
	a.one, a.two = wire.NodeID(take(point)), wire.NodeID(take(point))
	take(2 * point)
	return a, err
}

var errStored = errors.New("a stored message is no channel_announcement")

func decode[M wire.Message](raw []byte) (m M, err error) {
	any, err := wire.Decode(raw)
	if err != nil {
		return m, err
	}
	m, ok := any.(M)
	if !ok {
		return m, fmt.Errorf("a stored message is a %s", wire.Name(any))
	}
	return m, nil
}

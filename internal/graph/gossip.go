package graph

import (
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
	Bad                   // breaks a rule: Why says which
)

// Verdict is what became of a gossip message.
type Verdict struct {
	Kind Kind
	Row  durable.Row // of an accepted one
	Why  error       // of a bad one
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

// Check tells whether a channel_announcement is well formed and signed by all
// four keys (BOLT 7, "The `channel_announcement` Message").
func (g *Graph) Check(a *wire.ChannelAnnouncement) error {
	switch {
	case a.ChainHash != g.chain:
		return errors.New("channel_announcement of another chain")
	case string(a.NodeID1[:]) >= string(a.NodeID2[:]):
		return errors.New("channel_announcement with node ids out of order")
	}
	hash := Digest(a)
	for _, s := range []struct {
		name string
		key  wire.Point
		sig  wire.Signature
	}{
		{"node_signature_1", a.NodeID1, a.NodeSignature1},
		{"node_signature_2", a.NodeID2, a.NodeSignature2},
		{"bitcoin_signature_1", a.BitcoinKey1, a.BitcoinSignature1},
		{"bitcoin_signature_2", a.BitcoinKey2, a.BitcoinSignature2},
	} {
		if !script.Verify(s.key, hash, s.sig) {
			return fmt.Errorf("channel_announcement %s: %s is wrong", a.ShortChannelID, s.name)
		}
	}
	return nil
}

// Channel takes a channel_announcement that [Graph.Check] found good and whose
// funding output holds capacity. A channel of ours that was not public becomes it.
func (g *Graph) Channel(a *wire.ChannelAnnouncement, capacity amount.Satoshi) Verdict {
	raw := wire.Encode(a)
	if c, ok := g.ByID(a.ShortChannelID); ok {
		if c.Public() {
			return Verdict{Kind: Duplicate}
		}
		if g.nodes[c.Nodes[0]].ID != a.NodeID1 || g.nodes[c.Nodes[1]].ID != a.NodeID2 {
			return bad("channel_announcement %s names other nodes", a.ShortChannelID)
		}
		c.Raw, c.Capacity = raw, capacity
	} else {
		g.insert(a.ShortChannelID, a.NodeID1, a.NodeID2, capacity, raw)
	}
	return Verdict{Row: AnnouncementRow{a.ShortChannelID, capacity, raw}}
}

// Update takes a channel_update at the time now, in unix seconds (BOLT 7, "The
// `channel_update` Message").
func (g *Graph) Update(u *wire.ChannelUpdate, now uint32) Verdict {
	c, ok := g.ByID(u.ShortChannelID)
	if !ok {
		return Verdict{Kind: Orphan}
	}
	direction := u.ChannelFlags & flagDirection
	p := &c.Policies[direction]
	switch {
	case u.ChainHash != g.chain:
		return bad("channel_update of another chain")
	case u.Timestamp < p.Timestamp || uint64(u.Timestamp) > uint64(now)+maxAhead:
		return Verdict{Kind: Stale}
	case u.Timestamp == p.Timestamp:
		return Verdict{Kind: Duplicate}
	case c.Capacity > 0 && u.HTLCMaximumMsat > c.Capacity.Msat():
		return bad("channel_update %s: htlc_maximum_msat is above the capacity", u.ShortChannelID)
	case !script.Verify(g.nodes[c.Nodes[direction]].ID, digest(u.SignedPart()), u.Signature):
		return bad("channel_update %s: signature is wrong", u.ShortChannelID)
	}
	raw := wire.Encode(u)
	*p = policyOf(u, raw)
	return Verdict{Row: UpdateRow{u.ShortChannelID, direction, raw}}
}

func policyOf(u *wire.ChannelUpdate, raw []byte) Policy {
	return Policy{
		Timestamp: u.Timestamp, FeeBaseMsat: u.FeeBaseMsat, FeeProportionalMillionths: u.FeeProportionalMillionths,
		CLTVExpiryDelta: u.CLTVExpiryDelta, Flags: u.ChannelFlags,
		HTLCMinimum: u.HTLCMinimumMsat, HTLCMaximum: u.HTLCMaximumMsat, Raw: raw,
	}
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
	node.Timestamp, node.Raw = n.Timestamp, wire.Encode(n)
	return Verdict{Row: NodeRow{n.NodeID, node.Raw}}
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
		a, err := decode[*wire.ChannelAnnouncement](r.Raw)
		if err != nil {
			return err
		}
		if _, ok := g.ByID(r.SCID); !ok {
			g.insert(r.SCID, a.NodeID1, a.NodeID2, r.Capacity, r.Raw)
		}
	case UpdateRow:
		u, err := decode[*wire.ChannelUpdate](r.Raw)
		if err != nil {
			return err
		}
		if c, ok := g.ByID(r.SCID); ok {
			c.Policies[u.ChannelFlags&flagDirection] = policyOf(u, r.Raw)
		}
	case NodeRow:
		n, err := decode[*wire.NodeAnnouncement](r.Raw)
		if err != nil {
			return err
		}
		if i, ok := g.nodeOf[r.Node]; ok {
			g.nodes[i].Timestamp, g.nodes[i].Raw = n.Timestamp, r.Raw
		}
	}
	return nil
}

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

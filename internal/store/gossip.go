package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// PeerRow is where a peer with a channel was last reached. An empty address
// forgets it.
type PeerRow struct {
	ID      wire.NodeID
	Address string // host and port
}

// Table implements [durable.Row].
func (PeerRow) Table() string { return "peers" }

// NodeGoneRow forgets the announcement of a node that has no public channel left.
type NodeGoneRow struct{ ID wire.NodeID }

// Table implements [durable.Row].
func (NodeGoneRow) Table() string { return "nodes" }

func (w *writing) gossipRow(r any) (bool, error) {
	switch r := r.(type) {
	case graph.AnnouncementRow:
		return true, w.q.PutAnnouncement(w.ctx, db.PutAnnouncementParams{
			Scid: integer(r.SCID), CapacitySat: integer(r.Capacity), Raw: r.Raw,
		})
	case graph.UpdateRow:
		return true, w.q.PutUpdate(w.ctx, db.PutUpdateParams{Scid: integer(r.SCID), Direction: integer(r.Direction), Raw: r.Raw})
	case graph.NodeRow:
		return true, w.q.PutNode(w.ctx, db.PutNodeParams{ID: r.Node[:], Raw: r.Raw})
	case graph.GoneRow:
		if err := w.q.DeleteAnnouncement(w.ctx, integer(r.SCID)); err != nil {
			return true, err
		}
		return true, w.q.DeleteUpdates(w.ctx, integer(r.SCID))
	case NodeGoneRow:
		return true, w.q.DeleteNode(w.ctx, r.ID[:])
	case PeerRow:
		if r.Address == "" {
			return true, w.q.DeletePeer(w.ctx, r.ID[:])
		}
		return true, w.q.PutPeer(w.ctx, db.PutPeerParams{ID: r.ID[:], Address: r.Address})
	}
	return false, nil
}

// FactGossip is the fact in which a book keeps the channels that are spent.
const FactGossip = "gossip"

// Gossip reads all gossip in the order in which a graph loads it, and last the fact
// that a book keeps of it.
func (s *Store) Gossip(ctx context.Context) ([]durable.Row, error) {
	var out []durable.Row
	err := s.view(ctx, func(q *db.Queries) error {
		announcements, err := q.Announcements(ctx)
		if err != nil {
			return err
		}
		for _, a := range announcements {
			out = append(out, graph.AnnouncementRow{
				SCID: unsigned[wire.ShortChannelID](a.Scid), Capacity: unsigned[amount.Satoshi](a.CapacitySat), Raw: a.Raw,
			})
		}
		updates, err := q.Updates(ctx)
		if err != nil {
			return err
		}
		for _, u := range updates {
			out = append(out, graph.UpdateRow{
				SCID: unsigned[wire.ShortChannelID](u.Scid), Direction: unsigned[uint8](u.Direction), Raw: u.Raw,
			})
		}
		nodes, err := q.Nodes(ctx)
		if err != nil {
			return err
		}
		var c columns
		for _, n := range nodes {
			row := graph.NodeRow{Raw: n.Raw}
			c.fixed(row.Node[:], n.ID)
			out = append(out, row)
		}
		if v, err := q.Fact(ctx, FactGossip); err == nil {
			out = append(out, Fact{Name: FactGossip, Value: v})
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return c.err
	})
	return out, err
}

// ChannelGossip reads a channel's announcement and the latest update of each
// direction as they came; nil for what is not there.
func (s *Store) ChannelGossip(ctx context.Context, scid wire.ShortChannelID) (announcement []byte, updates [2][]byte, err error) {
	rows, err := s.q.ChannelGossip(ctx, integer(scid))
	for _, r := range rows {
		if r.Place < int64(len(updates)) {
			updates[r.Place] = r.Raw
		} else {
			announcement = r.Raw
		}
	}
	return announcement, updates, err
}

// NodeGossip reads a node's announcement; nil when there is none.
func (s *Store) NodeGossip(ctx context.Context, id wire.NodeID) ([]byte, error) {
	return orNone(s.q.NodeGossip(ctx, id[:]))
}

// PeerAddress reads where a peer with a channel was last reached; empty when nowhere.
func (s *Store) PeerAddress(ctx context.Context, id wire.NodeID) (string, error) {
	return orNone(s.q.PeerAddress(ctx, id[:]))
}

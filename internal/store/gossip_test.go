package store_test

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

func TestGossipIsReadAsItCameAndForgotten(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := wire.NodeID{2, 7}
	if err := s.Write(t.Context(),
		graph.AnnouncementRow{SCID: 5, Capacity: 1, Raw: []byte("a")},
		graph.UpdateRow{SCID: 5, Direction: 1, Raw: []byte("old")}, graph.UpdateRow{SCID: 5, Direction: 1, Raw: []byte("u")},
		graph.AnnouncementRow{SCID: 6, Capacity: 1, Raw: []byte("b")},
		graph.NodeRow{Node: id, Raw: []byte("n")}, store.Fact{Name: store.FactGossip, Value: []byte("f")},
	); err != nil {
		t.Fatal(err)
	}
	a, u, err := s.ChannelGossip(t.Context(), 5)
	if string(a) != "a" || u[0] != nil || string(u[1]) != "u" || err != nil {
		t.Errorf("channel 5 has %q, %q: %v", a, u, err)
	}
	if raw, err := s.NodeGossip(t.Context(), id); string(raw) != "n" || err != nil {
		t.Errorf("the node has %q: %v", raw, err)
	}
	rows, err := s.Gossip(t.Context())
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	if f, ok := rows[4].(store.Fact); !ok || string(f.Value) != "f" {
		t.Errorf("the last row is %+v", rows[4])
	}
	if err := s.Write(t.Context(), graph.GoneRow{SCID: 5}, store.NodeGoneRow{ID: id}); err != nil {
		t.Fatal(err)
	}
	if a, u, err := s.ChannelGossip(t.Context(), 5); a != nil || u[1] != nil || err != nil {
		t.Errorf("channel 5 still has %q, %q: %v", a, u, err)
	}
	if raw, err := s.NodeGossip(t.Context(), id); raw != nil || err != nil {
		t.Errorf("the node still has %q: %v", raw, err)
	}
	if a, _, _ := s.ChannelGossip(t.Context(), 6); string(a) != "b" {
		t.Error("another channel went too")
	}
}

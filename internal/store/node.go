package store

import (
	"context"
	"encoding/binary"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/store/compact"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// Fact is a row of the node's own, by name; a later one replaces it.
type Fact struct {
	Name  string
	Value []byte
}

// Table implements [durable.Row].
func (Fact) Table() string { return "facts" }

func (w *writing) nodeRow(r any) (bool, error) {
	switch r := r.(type) {
	case durable.Event:
		w.event = true
		e := compact.Event(r)
		return true, w.q.InsertEvent(w.ctx, db.InsertEventParams{Time: w.now, Kind: e.Kind, Key: []byte(e.Key), State: e.State, Data: e.Data})
	case Fact:
		value := r.Value
		if value == nil {
			value = []byte{} // nothing is a value too
		}
		return true, w.q.PutFact(w.ctx, db.PutFactParams{Name: r.Name, Value: value})
	}
	return false, nil
}

// Fact reads a fact by name.
func (s *Store) Fact(ctx context.Context, name string) ([]byte, bool, error) {
	v, err := s.q.Fact(ctx, name)
	return maybe(v, err, func(v []byte) ([]byte, error) { return v, nil })
}

// Events implements [events.Reader].
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]events.Entry, error) {
	rows, err := s.q.EventsAfter(ctx, db.EventsAfterParams{ID: place(after), Limit: int64(limit)})
	return all(rows, err, func(r db.Event) (events.Entry, error) {
		e, err := compact.ReadEvent(durable.Event{Kind: r.Kind, Key: string(r.Key), State: r.State, Data: r.Data})
		return events.Entry{Index: unsigned[uint64](r.ID), Time: r.Time, Event: e}, err
	})
}

// LastEvent is the index of the newest event; zero: there is none.
func (s *Store) LastEvent(ctx context.Context) (uint64, error) { return s.sequence(ctx, "events") }

// NumberFact is a fact that is a number.
func NumberFact(name string, v uint64) Fact {
	return Fact{Name: name, Value: binary.BigEndian.AppendUint64(nil, v)}
}

// Facts reads facts, as [Store] does.
type Facts interface {
	Fact(ctx context.Context, name string) ([]byte, bool, error)
}

// Number reads a fact that is a number; false: there is none.
func Number(ctx context.Context, f Facts, name string) (uint64, bool, error) {
	b, ok, err := f.Fact(ctx, name)
	if err != nil || !ok || len(b) != 8 {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(b), true, nil
}

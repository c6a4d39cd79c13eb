package uptime

import (
	"context"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// disk is a store, and how often it was written.
type disk struct {
	*store.Store
	writes int
}

func (d *disk) change(ctx context.Context, change func(*store.Store) (durable.Row, error)) error {
	row, err := change(d.Store)
	if err != nil {
		return err
	}
	d.writes++
	return d.Write(ctx, row)
}

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestAPeersTimeIsCountedAndOutlivesTheNode(t *testing.T) {
	d := &disk{Store: open(t)}
	bob, carol := wire.NodeID{2, 1}, wire.NodeID{2, 2}
	there := map[wire.NodeID]bool{bob: true}
	now := time.Unix(1_800_000_000, 0)
	r := New(d.Store, d.change)
	count := func(after time.Duration, peers ...wire.NodeID) {
		t.Helper()
		now = now.Add(after)
		all := map[wire.NodeID]bool{}
		for _, id := range peers {
			all[id] = true
		}
		if err := r.Count(t.Context(), now, all, func(id wire.NodeID) bool { return there[id] }); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when string, id wire.NodeID, connected, counted time.Duration) {
		t.Helper()
		if a, b := r.Of(id); a != connected || b != counted {
			t.Errorf("%s: %s of %s, not %s of %s", when, a, b, connected, counted)
		}
	}
	is("at first", bob, 0, 0)
	count(time.Hour, bob, carol) // nobody knows of the time before
	is("at the first count", bob, 0, 0)
	for range 4 {
		count(30*time.Second, bob, carol)
	}
	is("connected all the time", bob, 2*time.Minute, 2*time.Minute)
	is("never connected", carol, 0, 2*time.Minute)
	count(time.Hour, bob, carol)
	is("after the machine has slept", bob, 2*time.Minute, 2*time.Minute)
	writes := d.writes
	if there[bob] = false; writes != 2 {
		t.Errorf("%d writes for two peers", writes)
	}
	for range 19 {
		count(30*time.Second, bob, carol)
	}
	if is("away", bob, 2*time.Minute, 11*time.Minute+30*time.Second); d.writes != writes {
		t.Error("it was written down too early")
	}
	count(30*time.Second, bob, carol)
	if d.writes != writes+2 {
		t.Errorf("%d writes", d.writes)
	}
	count(30*time.Second, bob) // is lost

	r = New(d.Store, d.change)
	count(time.Second, bob)
	is("after a start", bob, 2*time.Minute, 12*time.Minute)
	is("whose channel is gone", carol, 0, 0)
	count(time.Second, carol)
	is("who is gone", bob, 0, 0)
	is("who has a channel again", carol, 0, 12*time.Minute)
}

func TestWhatIsStoredWrongCountsAsNothing(t *testing.T) {
	for _, wrong := range []string{"", "x", `{"connected":2,"counted":1}`, `{"connected":1,"counted":99999999999}`, `{"counted":-1}`} {
		d := &disk{Store: open(t)}
		id := wire.NodeID{2, 1}
		if err := d.Write(t.Context(), store.DataRow{Key: path(id), Value: []byte(wrong)}); err != nil {
			t.Fatal(err)
		}
		r := New(d.Store, d.change)
		if err := r.Count(t.Context(), time.Now(), map[wire.NodeID]bool{id: true}, func(wire.NodeID) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if a, b := r.Of(id); a != 0 || b != 0 {
			t.Errorf("%q counts as %s of %s", wrong, a, b)
		}
	}
}

package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

// openCopy opens a copy of a database as that of a node.
func openCopy(t *testing.T, path string) *store.Store {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "leyden.sqlite3"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func TestACopyIsTheDatabaseOfOneMomentAndWritesGoOn(t *testing.T) {
	s := open(t, t.TempDir())
	c := stored(1)
	write(t, s, rowsOf(c)...)
	last := 300/race.Step(6) - 1
	for n := range last + 1 {
		write(t, s, row(n))
	}
	var began, ended atomic.Uint64 // writes
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := uint64(1); ; n++ {
			began.Store(n)
			v := binary.BigEndian.AppendUint64(nil, n)
			write(t, s, store.Fact{Name: "one", Value: v}, store.Fact{Name: "other", Value: v})
			ended.Store(n)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	dir, during := t.TempDir(), false
	for i := 0; i < 3 || !during && i < 100; i++ {
		path := filepath.Join(dir, string(rune('a'+i)))
		first, least := began.Load(), ended.Load()
		if err := s.Copy(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		during = during || ended.Load() > first // one that began meanwhile has ended, too
		most := began.Load()
		copied := openCopy(t, path)
		one, _, _ := copied.Fact(t.Context(), "one")
		other, _, _ := copied.Fact(t.Context(), "other")
		if !bytes.Equal(one, other) {
			t.Errorf("half of a write is in the copy: %x, %x", one, other)
		}
		if len(one) == 8 {
			if n := binary.BigEndian.Uint64(one); n < least || n > most {
				t.Errorf("the copy has write %d, not one of %d to %d", n, least, most)
			}
		} else if least > 0 {
			t.Error("the copy has no write")
		}
		if diff := cmp.Diff([]channel.Rows{c}, channels(t, copied)); diff != "" {
			t.Error(diff)
		}
		if _, ok, err := copied.InvoiceByLabel(t.Context(), row(last).Label); err != nil || !ok {
			t.Errorf("an invoice is missing: %v", err)
		}
		write(t, copied, row(1000))
	}
	close(stop)
	<-stopped
	if !during {
		t.Error("no write ends while a copy is made")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) < 3 || len(all[0].Name()) != 1 {
		t.Errorf("files are left behind: %v", all)
	}
}

func TestACopySaysThatItIsOne(t *testing.T) {
	s := open(t, t.TempDir())
	path := filepath.Join(t.TempDir(), "copy")
	if err := s.Copy(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, marked, _ := openCopy(t, path).Fact(t.Context(), store.FactCopy); !marked {
		t.Error("it does not")
	}
	if _, marked, _ := s.Fact(t.Context(), store.FactCopy); marked {
		t.Error("the database itself does")
	}
}

func TestACopyReplacesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	dir := t.TempDir()
	path := filepath.Join(dir, "copy")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Copy(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("%q", b)
	}
	if err := s.Copy(t.Context(), filepath.Join(dir, "missing", "copy")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestWhatPeersStoreComesBackAsItWas(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := wire.NodeID{2, 1}, wire.NodeID{2, 2}
	write(t, s, store.StorageRow{Peer: a, Blob: []byte("old"), Alone: 5}, store.StorageRow{Peer: b, Blob: []byte{}})
	write(t, s, store.StorageRow{Peer: a, Blob: []byte("new")}, store.AloneRow{Peer: b, Alone: 7})
	s.Close()
	s = open(t, dir)
	if got, ok, err := s.PeerStorage(t.Context(), a); err != nil || !ok || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
	if got, ok, err := s.PeerStorage(t.Context(), b); err != nil || !ok || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	list, err := s.PeerStorages(t.Context())
	if diff := cmp.Diff([]store.AloneRow{{Peer: a}, {Peer: b, Alone: 7}}, list); err != nil || diff != "" {
		t.Error(err, diff)
	}
	write(t, s, store.StorageRow{Peer: a})
	if _, ok, err := s.PeerStorage(t.Context(), a); err != nil || ok {
		t.Errorf("it is kept: %v", err)
	}
}

func TestEachCommitmentIsAStep(t *testing.T) {
	s := open(t, t.TempDir())
	steps := func() uint64 {
		n, err := s.Steps(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if steps() != 0 {
		t.Error("steps of nothing")
	}
	one, two := stored(1), stored(2)
	write(t, s, append(rowsOf(one), rowsOf(two)...)...)
	for _, change := range []func(*channel.StateRow){
		func(r *channel.StateRow) { r.Received++ }, func(r *channel.StateRow) { r.Signed++ }, func(r *channel.StateRow) { r.Revoked++ },
	} {
		before := steps()
		change(&two.State)
		write(t, s, two.State)
		if after := steps(); after != before+1 {
			t.Errorf("%d after %d", after, before)
		}
	}
}

// Keys that signed for a channel that was never stored, or is no more, are not given
// to another one.
func TestKeysThatHaveSignedAreNotUsedAgain(t *testing.T) {
	s := open(t, t.TempDir())
	next := func(want uint32) {
		t.Helper()
		if n, err := s.NextKeyIndex(t.Context()); err != nil || n != want {
			t.Errorf("%d, %v", n, err)
		}
	}
	next(1)
	write(t, s, keys.SignerRow{KeyIndex: 7})
	next(8)
	write(t, s, rowsOf(stored(9))...)
	next(10)
}

func TestASettlementThatComesAfterItsIncomingHTLCHasEndedIsNotKept(t *testing.T) {
	s := open(t, t.TempDir())
	c := stored(1)
	write(t, s, rowsOf(c)...)
	id := c.Params.Channel
	in := channel.Ref{Channel: id, ID: 1}
	write(t, s, channel.HTLCStateRow{Channel: id, Incoming: true, ID: 1, HTLCState: channel.HTLCState{Removal: channel.RemovedByFailure, Done: true}})
	write(t, s, channel.SettlementRow{HTLC: channel.Ref{Channel: id, ID: 1}, Origin: channel.Origin{In: &in}, Amount: 5, Preimage: &wire.Preimage{3}})
	if u, err := s.Unfinished(t.Context()); err != nil || len(u.Settlements) != 0 {
		t.Errorf("%+v, %v", u.Settlements, err)
	}
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/atomicfile"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// StorageRow is what a peer gave us to keep. Key: Peer. A nil Blob forgets it.
type StorageRow struct {
	Peer  wire.NodeID
	Blob  []byte
	Alone uint32 // height since which the peer has no channel with us; zero: it has one
}

// Table implements [durable.Row].
func (StorageRow) Table() string { return "peer_storage" }

// AloneRow changes a [StorageRow]'s Alone.
type AloneRow struct {
	Peer  wire.NodeID
	Alone uint32
}

// Table implements [durable.Row].
func (AloneRow) Table() string { return "peer_storage" }

func (w *writing) storageRow(r any) (bool, error) {
	switch r := r.(type) {
	case StorageRow:
		if r.Blob == nil {
			return true, w.q.DeletePeerStorage(w.ctx, r.Peer[:])
		}
		return true, w.q.PutPeerStorage(w.ctx, db.PutPeerStorageParams{ID: r.Peer[:], Blob: r.Blob, Alone: integer(r.Alone)})
	case AloneRow:
		return true, w.q.PutPeerStorageAlone(w.ctx, db.PutPeerStorageAloneParams{ID: r.Peer[:], Alone: integer(r.Alone)})
	}
	return false, nil
}

// PeerStorage reads what a peer gave us to keep.
func (s *Store) PeerStorage(ctx context.Context, id wire.NodeID) ([]byte, bool, error) {
	blob, err := s.q.PeerStorage(ctx, id[:])
	return maybe(blob, err, func(b []byte) ([]byte, error) { return b, nil })
}

// PeerStorages lists whose storage we keep, without what they store.
func (s *Store) PeerStorages(ctx context.Context) ([]AloneRow, error) {
	rows, err := s.q.PeerStorages(ctx)
	return all(rows, err, func(r db.PeerStoragesRow) (AloneRow, error) {
		var c columns
		out := AloneRow{Alone: unsigned[uint32](r.Alone)}
		c.fixed(out.Peer[:], r.ID)
		return out, c.err
	})
}

// Steps grows with each commitment and revocation of any channel: of two copies of a
// database the one with more is newer.
func (s *Store) Steps(ctx context.Context) (uint64, error) {
	n, err := s.q.Steps(ctx)
	return unsigned[uint64](n), err
}

// HasChannel says whether a channel is stored, closed or not.
func (s *Store) HasChannel(ctx context.Context, id wire.ChannelID) (bool, error) {
	n, err := s.q.HasChannel(ctx, id[:])
	return n > 0, err
}

// FactCopy is the fact that a copy made by [Store.Copy] has, and the database that it
// was made of has not: when it was made, in seconds since 1970.
const FactCopy = "copy"

// Copy writes a copy of the database to a file that is not there yet. The copy is the
// database of one moment, whole; reads and writes go on meanwhile. It is marked
// ([FactCopy]): what is written here after that moment is not in it. Error:
// [os.ErrExist], and what the disk says.
func (s *Store) Copy(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	// The name is taken at the end, so that what has it is whole.
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	defer func() { err = errors.Join(err, temp.Close()) }()
	// It reads in one transaction of its own; in WAL mode no writer waits for a reader.
	if _, err := s.read.ExecContext(ctx, "VACUUM INTO ?", temp.Name()); err != nil {
		return explain(err)
	}
	if err := s.mark(ctx, temp.Name()); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// mark writes into a database that it is a copy.
func (s *Store) mark(ctx context.Context, path string) (err error) {
	v := "file:" + fileURL(path) + "?_pragma=journal_mode(DELETE)&_pragma=synchronous(FULL)"
	d, err := sql.Open("sqlite", v)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	now := fmt.Appendf(nil, "%d", s.now().Truncate(time.Second).Unix())
	return explain(db.New(d).PutFact(ctx, db.PutFactParams{Name: FactCopy, Value: now}))
}

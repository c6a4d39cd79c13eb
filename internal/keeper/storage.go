package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
)

// A peer's storage is written once in storeEvery at the most, and storeBurst times
// more after a time without: who opens a few channels in a row has them stored.
//
// BOLT 1: "MAY delay storage to ratelimit peer to no more than one update per minute."
const (
	storeEvery = time.Minute
	storeBurst = 10
)

// keepFor is how many blocks a peer's storage is kept after its last channel.
//
// BOLT 1: "SHOULD wait at least 2016 blocks before deleting the `blob`."
const keepFor = 2016

// theirs is what is known of a peer's storage here, and of ours there.
type theirs struct {
	stored  bool      // something of the peer's is on disk
	alone   uint32    // as in [store.StorageRow]
	budget  time.Time // grows by storeEvery with each write; none while it is ahead of the clock
	waiting []byte    // what the peer sent since; nil: nothing

	ready bool   // what the peer stores for us was heard of, as far as it will be: ours may be sent
	has   uint64 // the counter of the backup that the peer has, as far as we know
}

func (k *Keeper) loadTheirs(ctx context.Context) error {
	rows, err := k.cfg.Store.PeerStorages(ctx)
	for _, r := range rows {
		k.peers[r.Peer] = &theirs{stored: true, alone: r.Alone}
	}
	return err
}

func (k *Keeper) of(id wire.NodeID) *theirs {
	t := k.peers[id]
	if t == nil {
		t = &theirs{}
		k.peers[id] = t
	}
	return t
}

// Up gives a peer back what it stored here. It comes before anything about channels is
// sent: the peer may have lost them.
func (k *Keeper) Up(ctx context.Context, p Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.peers[p.ID()]
	if t == nil {
		return
	}
	t.ready, t.has = false, 0
	k.writeTheirs(ctx, p.ID(), t)
	if !t.stored {
		return
	}
	blob, ok, err := k.cfg.Store.PeerStorage(ctx, p.ID())
	switch {
	case err != nil:
		k.cfg.Log.Warn("a peer's storage cannot be read", "peer", p.ID(), "why", err)
	case ok:
		k.send(p, &wire.PeerStorageRetrieval{Blob: blob})
	}
}

// Down says that a connection is gone.
func (k *Keeper) Down(id wire.NodeID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.peers[id]; t != nil {
		t.ready, t.has = false, 0
		if !t.stored && t.waiting == nil {
			delete(k.peers, id)
		}
	}
}

// Established says that a channel with the peer works again, or is new: what the peer
// stores for us it has said before.
func (k *Keeper) Established(p Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.of(p.ID())
	t.ready = true
	k.give(p)
}

// give has a peer store our last backup, unless it has it.
func (k *Keeper) give(p Peer) {
	t := k.of(p.ID())
	if k.sealed == nil || t.has == k.counter || !p.Features().Has(wire.ProvideStorage) {
		return
	}
	t.has = k.counter
	k.send(p, &wire.PeerStorage{Blob: k.sealed})
}

func (k *Keeper) send(p Peer, m wire.Message) {
	if err := p.Send(m); err != nil {
		k.cfg.Log.Debug("not sent", "peer", p.ID(), "why", err)
	}
}

// Message takes a peer's message; false when it is not about storage.
func (k *Keeper) Message(ctx context.Context, p Peer, m wire.Message) bool {
	switch m := m.(type) {
	case *wire.PeerStorage:
		k.store(ctx, p.ID(), m.Blob)
	case *wire.PeerStorageRetrieval:
		k.returned(ctx, p, m.Blob)
	default:
		return false
	}
	return true
}

// store keeps what a peer with a channel sends: one a peer, the last one.
//
// BOLT 1: "if it has an open channel with the sender: - MUST store the message."
func (k *Keeper) store(ctx context.Context, id wire.NodeID, blob []byte) {
	if len(blob) > backup.PeerStorageSize || !k.cfg.HasChannel(id) {
		k.cfg.Log.Debug("storage refused", "peer", id, "bytes", len(blob))
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.of(id)
	t.waiting = blob
	if t.waiting == nil {
		t.waiting = []byte{}
	}
	k.writeInTime(ctx, id, t)
}

// writeInTime writes what waits unless the peer has had too much written.
func (k *Keeper) writeInTime(ctx context.Context, id wire.NodeID, t *theirs) {
	if now := k.cfg.Now(); t.waiting != nil && !t.budget.After(now) {
		if least := now.Add(-storeBurst * storeEvery); t.budget.Before(least) {
			t.budget = least
		}
		t.budget = t.budget.Add(storeEvery)
		k.writeTheirs(ctx, id, t)
	}
}

// writeTheirs writes what waits.
func (k *Keeper) writeTheirs(ctx context.Context, id wire.NodeID, t *theirs) {
	if t.waiting == nil {
		return
	}
	if k.write(ctx, store.StorageRow{Peer: id, Blob: t.waiting}) {
		t.stored, t.alone, t.waiting = true, 0, nil
	}
}

// write writes a row of a peer's storage. A full disk is no reason to end.
func (k *Keeper) write(ctx context.Context, row durable.Row) bool {
	err := k.cfg.Store.Write(ctx, row)
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrFull) {
		k.cfg.Fatal(err)
	}
	return err == nil
}

// tend writes what has waited long enough, and forgets what was kept long enough.
func (k *Keeper) tend(ctx context.Context, height uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, t := range k.peers {
		k.writeInTime(ctx, id, t)
		if !t.stored {
			continue
		}
		switch has := k.cfg.HasChannel(id); {
		case has && t.alone != 0:
			if k.write(ctx, store.AloneRow{Peer: id}) {
				t.alone = 0
			}
		case !has && t.alone == 0:
			if k.write(ctx, store.AloneRow{Peer: id, Alone: max(height, 1)}) {
				t.alone = max(height, 1)
			}
		case !has && uint64(height) >= uint64(t.alone)+keepFor:
			if k.write(ctx, store.StorageRow{Peer: id}) {
				delete(k.peers, id)
			}
		}
	}
}

// returned takes what a peer has stored for us, and draws the conclusions.
func (k *Keeper) returned(ctx context.Context, p Peer, sealed []byte) {
	b, err := k.open(sealed)
	if err != nil {
		k.cfg.Log.Debug("the peer gives back what we have not stored", "peer", p.ID(), "why", err)
		return
	}
	k.mu.Lock()
	before := len(k.found.Channels)
	err = k.learn(ctx, &b)
	found, counter := len(k.found.Channels), k.counter
	if b.Counter == counter {
		k.of(p.ID()).has = counter
	}
	k.mu.Unlock()
	switch {
	case err != nil:
		if ctx.Err() == nil {
			k.cfg.Fatal(err)
		}
		return
	case b.Counter > counter:
		k.cfg.Log.Error("the peer has a newer backup of this node than the database: the database is old, and its channels are given up",
			"peer", p.ID(), "counter", b.Counter, "ours", counter)
		// Nobody hears of a higher counter before the channels are given up on disk.
		k.cfg.Old(ctx)
		k.mu.Lock()
		k.counter = max(k.counter, b.Counter)
		k.written = nil
		k.mu.Unlock()
	case b.Counter < counter:
		k.cfg.Log.Debug("the peer has an older backup", "peer", p.ID(), "counter", b.Counter, "ours", counter)
	}
	if found > before {
		k.cfg.Log.Warn("the peer has a backup with channels that the database does not know: see restorefrompeer", "peer", p.ID(), "channels", found)
	}
}

package keeper

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/atomicfile"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/store"
)

// errNotDurable is that the database did not take a counter: the process ends.
var errNotDurable = errors.New("the counter of the backup is not on disk")

// Save writes the backup, if the set of channels has changed since the last one. When
// it returns nil, the file has every channel whose rows are on disk.
func (k *Keeper) Save(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, err := k.content(ctx)
	if err != nil {
		return err
	}
	shared := k.shared(b)
	lasting := append(lasting(b), lasting(shared)...)
	if bytes.Equal(lasting, k.written) {
		return nil
	}
	b.Counter, b.Time = k.counter+1, k.seconds()
	shared.Counter, shared.Time = b.Counter, b.Time
	file, err := k.seal(&b, 0)
	if err != nil {
		return err
	}
	fitting, left := shared.Fit(backup.PeerStorageSize - backup.Overhead)
	if left > 0 {
		k.cfg.Log.Warn("peers cannot store all channels: the smallest are in the file alone", "left out", left)
	}
	forPeers, err := k.seal(&fitting, backup.PeerStorageSize)
	if err != nil {
		return err
	}
	// The database goes first: what is on its way is never newer than it.
	if err := k.cfg.Store.Write(ctx, store.NumberFact(factCounter, b.Counter)); err != nil {
		if ctx.Err() == nil && !errors.Is(err, store.ErrFull) {
			k.cfg.Fatal(err)
		}
		return errors.Join(errNotDurable, err)
	}
	k.counter, k.sealed = b.Counter, forPeers
	if err := atomicfile.Replace(filepath.Join(k.cfg.Dir, BackupFile), file); err != nil {
		return err
	}
	k.written = lasting
	for _, p := range k.cfg.Peers() {
		if t := k.peers[p.ID()]; t != nil && t.ready {
			k.give(p)
		}
	}
	return nil
}

// shared is what of a backup peers store. What anybody can have us believe, such as
// that a channel of any size is to come, must not take the room of what is there.
func (k *Keeper) shared(b backup.Backup) backup.Backup {
	b.Channels = slices.DeleteFunc(slices.Clone(b.Channels), func(c backup.Channel) bool { return k.cfg.Awaited(c.ID()) })
	return b
}

// content is what the next backup has: what the node has, and what was found.
func (k *Keeper) content(ctx context.Context) (backup.Backup, error) {
	b, err := k.cfg.Content(ctx)
	if err != nil {
		return b, err
	}
	b.Chain, b.Node = k.cfg.Chain, k.cfg.Node
	if len(k.found.Channels) > 0 {
		merge(&b, &k.found)
	}
	return b, nil
}

// seconds is the time of a backup.
func (k *Keeper) seconds() uint64 { return uint64(max(k.cfg.Now().Unix(), 0)) } //nolint:gosec // not negative

func (k *Keeper) seal(b *backup.Backup, size int) ([]byte, error) {
	var nonce [backup.NonceSize]byte
	if _, err := io.ReadFull(k.cfg.Random, nonce[:]); err != nil {
		return nil, err
	}
	return backup.Seal(k.cfg.Key, nonce, b, size)
}

// addressStep is by how many addresses a branch grows before the backup is written
// for that alone: fewer than are looked for beyond the last one known.
const addressStep = 50

// lasting is what of a backup makes it worth writing when it changes.
func lasting(b backup.Backup) []byte {
	b.Counter, b.Time, b.NextKey = 0, 0, 0
	b.Branches, b.Channels = slices.Clone(b.Branches), slices.Clone(b.Channels)
	for i := range b.Branches {
		b.Branches[i].Next /= addressStep
	}
	for i := range b.Channels {
		b.Channels[i].SCID = 0
	}
	slices.SortFunc(b.Channels, func(x, y backup.Channel) int { return bytes.Compare(x.Funding.Hash[:], y.Funding.Hash[:]) })
	return b.Encode()
}

// merge adds to one backup what another knows beside it.
func merge(b, other *backup.Backup) {
	there := map[btcwire.OutPoint]bool{}
	for i := range b.Channels {
		there[b.Channels[i].Funding] = true
	}
	for _, c := range other.Channels {
		if !there[c.Funding] {
			there[c.Funding] = true
			b.Channels = append(b.Channels, c)
		}
	}
	b.Birthday, b.NextKey = min(b.Birthday, other.Birthday), max(b.NextKey, other.NextKey)
	for _, x := range other.Branches {
		i := slices.IndexFunc(b.Branches, func(y backup.Branch) bool { return x.Kind == y.Kind && x.Branch == y.Branch })
		if i < 0 {
			b.Branches = append(b.Branches, x)
		} else {
			b.Branches[i].Next = max(b.Branches[i].Next, x.Next)
		}
	}
}

// Found is what other backups of the node know and the database does not; without
// channels: nothing.
func (k *Keeper) Found() backup.Backup {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.found
	b.Channels = slices.Clone(b.Channels)
	return b
}

// Recovered says that channels that were found are in the database now.
func (k *Keeper) Recovered(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	rest, err := k.unknown(ctx, &k.found)
	if err != nil || len(rest.Channels) == len(k.found.Channels) {
		return err
	}
	return k.setFound(ctx, rest)
}

// learn remembers the channels of a backup of which the database does not know. It is
// called with mu held, or before anybody else can.
func (k *Keeper) learn(ctx context.Context, b *backup.Backup) error {
	news, err := k.unknown(ctx, b)
	if err != nil || len(news.Channels) == 0 {
		return err
	}
	if len(k.found.Channels) > 0 {
		merge(&news, &k.found)
	}
	if len(news.Channels) == len(k.found.Channels) {
		return nil
	}
	return k.setFound(ctx, news)
}

// unknown is a backup with the channels alone that the database does not have.
func (k *Keeper) unknown(ctx context.Context, b *backup.Backup) (backup.Backup, error) {
	out := *b
	out.Channels = nil
	for _, c := range b.Channels {
		known, err := k.cfg.Store.HasChannel(ctx, c.ID())
		if err != nil {
			return out, err
		}
		if !known {
			out.Channels = append(out.Channels, c)
		}
	}
	return out, nil
}

func (k *Keeper) setFound(ctx context.Context, b backup.Backup) error {
	sealed, err := k.seal(&b, 0)
	if err != nil {
		return err
	}
	if err := k.cfg.Store.Write(ctx, store.Fact{Name: factFound, Value: sealed}); err != nil {
		return err
	}
	k.found = b
	return nil
}

// loadFound reads what was found before the start.
func (k *Keeper) loadFound(ctx context.Context) error {
	sealed, ok, err := k.cfg.Store.Fact(ctx, factFound)
	if err != nil || !ok || len(sealed) == 0 {
		return err
	}
	b, err := k.open(sealed)
	if err != nil {
		return err
	}
	k.found, err = k.unknown(ctx, &b)
	return err
}

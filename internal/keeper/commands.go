package keeper

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
)

// Static gives, for each channel, a sealed backup of it alone.
func (k *Keeper) Static(ctx context.Context) (list [][]byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, err := k.content(ctx)
	if err != nil {
		return nil, err
	}
	b.Counter, b.Time = k.counter, k.seconds()
	for _, c := range b.Channels {
		one := b
		one.Channels = []backup.Channel{c}
		sealed, err := k.seal(&one, 0)
		if err != nil {
			return nil, err
		}
		list = append(list, sealed)
	}
	return list, nil
}

// File is the sealed backup that the data folder has, written anew if it has to be.
func (k *Keeper) File(ctx context.Context) ([]byte, error) {
	if err := k.Save(ctx); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(k.cfg.Dir, BackupFile))
}

// Content is File with the channels that are in it.
func (k *Keeper) Content(ctx context.Context) (sealed []byte, ids []wire.ChannelID, err error) {
	if sealed, err = k.File(ctx); err != nil {
		return nil, nil, err
	}
	b, err := k.open(sealed)
	for i := range b.Channels {
		ids = append(ids, b.Channels[i].ID())
	}
	return sealed, ids, err
}

// Restore recovers the channels of sealed backups of this node. Errors: those of
// package backup, [ErrOtherNode].
func (k *Keeper) Restore(ctx context.Context, list ...[]byte) (ids []wire.ChannelID, err error) {
	all := make([]backup.Backup, len(list))
	for i, sealed := range list {
		if all[i], err = k.open(sealed); err != nil {
			return nil, err
		}
	}
	for i := range all {
		some, err := k.cfg.Recover(ctx, &all[i])
		ids = append(ids, some...)
		if err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// RestoreFromFile recovers the channels of the backup in the data folder, and of what
// peers gave back.
func (k *Keeper) RestoreFromFile(ctx context.Context) ([]wire.ChannelID, error) {
	var list [][]byte
	sealed, err := os.ReadFile(filepath.Join(k.cfg.Dir, BackupFile))
	if err == nil {
		list = append(list, sealed)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ids, err := k.Restore(ctx, list...)
	if err != nil {
		return ids, err
	}
	more, err := k.RestoreFromPeer(ctx)
	return append(ids, more...), err
}

// RestoreFromPeer recovers the channels that other backups of the node know of: those
// that peers gave back, and what lay in the data folder of a new database.
func (k *Keeper) RestoreFromPeer(ctx context.Context) ([]wire.ChannelID, error) {
	b := k.Found()
	return k.cfg.Recover(ctx, &b)
}

package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// mostAddresses is how many addresses of a peer a backup has.
const mostAddresses = 3

// Content is what a backup of a node has but for what the keeper itself knows.
func Content(ctx context.Context, s *store.Store, w *wallet.Wallet, links []*link.Link,
	addresses func(ctx context.Context, id wire.NodeID) ([]string, error)) (b backup.Backup, err error) {
	birthday, _, err := store.Number(ctx, s, FactBirthday)
	if err != nil {
		return b, err
	}
	b.Birthday = uint32(birthday) //nolint:gosec // written from 32 bits
	if b.NextKey, err = s.NextKeyIndex(ctx); err != nil {
		return b, err
	}
	for _, g := range w.Given() {
		b.Branches = append(b.Branches, backup.Branch{Kind: uint32(g.Kind), Branch: g.Branch, Next: g.Next})
	}
	known := map[wire.NodeID][]string{} // a peer with many channels is asked for once
	for _, l := range links {
		p, status := l.Params(), l.Status()
		if status.Status == channel.Closed {
			continue
		}
		list, asked := known[p.Peer]
		if !asked {
			if list, err = addresses(ctx, p.Peer); err != nil {
				return b, err
			}
			known[p.Peer] = list
		}
		b.Channels = append(b.Channels, backup.Of(&p, &status, list[:min(len(list), mostAddresses)]))
	}
	slices.SortFunc(b.Channels, func(x, y backup.Channel) int { return cmp.Compare(x.KeyIndex, y.KeyIndex) })
	return b, nil
}

// ErrNotWritten is that a write failed of which the wallet is ahead: the process ends.
var ErrNotWritten = errors.New("what was recovered is not on disk")

// Import puts the channels of a backup that the database does not have into it, as ones
// that lost their state, and asks for a rescan ([FactRescan]) from the backup's
// birthday. Next is the first key that a new channel may have. Error: [ErrNotWritten]
// among others.
func Import(ctx context.Context, s Store, ring *keys.Ring, w *wallet.Wallet, b *backup.Backup, height uint32) (out []channel.Rows, next uint32, err error) {
	list, err := recovered(ring, b, func(id wire.ChannelID) (bool, error) { return s.HasChannel(ctx, id) })
	if err != nil || len(list) == 0 {
		return nil, 0, err
	}
	birthday, known, err := store.Number(ctx, s, FactBirthday)
	if err != nil {
		return nil, 0, err
	}
	if from := uint64(b.Birthday); !known || from < birthday {
		birthday = from
	}
	addresses, err := w.Extend(given(b))
	if err != nil {
		return nil, 0, err
	}
	if err := w.LookAhead(wallet.Ahead); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	used := FreshKeys(b.NextKey, height)
	rows := []durable.Row{used, store.NumberFact(FactBirthday, birthday), store.NumberFact(FactRescan, uint64(b.Birthday))}
	rows = append(rows, looking()...)
	for _, l := range list {
		rows = append(rows, l.rows...)
		out = append(out, l.channel)
	}
	if _, err := addresses.With(rows...).Commit(ctx, s); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	return out, used.KeyIndex + 1, nil
}

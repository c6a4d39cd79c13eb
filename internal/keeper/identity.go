package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/internal/atomicfile"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/store"
)

// Errors of a seed and a database that do not belong together.
var (
	ErrNoSeed    = errors.New("the seed file is missing: put it back beside the database, or the channels' money is lost")
	ErrOtherSeed = errors.New("the seed file belongs to another node than the database")
)

// Identify reads the seed of a data folder, or makes one for a database that is new as
// well, and binds the database to it. Errors: [ErrNoSeed], [ErrOtherSeed], those of
// package keys, and what the disk says.
func Identify(ctx context.Context, s Store, dir string, network *chaincfg.Params, random io.Reader, how keys.Sealing) (*keys.Ring, error) {
	path := filepath.Join(dir, SeedFile)
	bound, known, err := s.Fact(ctx, FactNode)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); known && errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoSeed
	}
	seed, created, err := keys.LoadOrCreate(path, random, how)
	if err != nil {
		return nil, err
	}
	ring, err := keys.NewRing(seed, network)
	if err != nil {
		return nil, err
	}
	id := ring.Node().ID()
	if known {
		if string(bound) != string(id[:]) {
			return nil, ErrOtherSeed
		}
		return ring, nil
	}
	rows := []durable.Row{store.Fact{Name: FactNode, Value: id[:]}}
	if !created { // the seed had a life before this database
		rows = append(rows, store.NumberFact(FactRestored, 0))
	}
	return ring, s.Write(ctx, rows...)
}

// Begin takes away what deaths have left of files that were being written, and writes
// that the node has started again; with it, in one write, that every
// channel is lost, if that was asked for: why is what the peers hear.
func (k *Keeper) Begin(ctx context.Context, tip func(context.Context) (chain.BlockRef, error), why string) error {
	for _, name := range []string{SeedFile, BackupFile, markFile} {
		if err := atomicfile.Clean(filepath.Join(k.cfg.Dir, name)); err != nil {
			k.cfg.Log.Warn("what a death has left beside a file stays there", "file", name, "why", err)
		}
	}
	rows := k.rows()
	if k.cfg.Lost {
		channels, err := k.cfg.Store.Channels(ctx)
		if err != nil {
			return err
		}
		lost, err := giveUp(channels, why)
		if err != nil {
			return err
		}
		k.cfg.Log.Error("every channel is given up: its peer is asked to close it", "channels", len(lost)/2, "why", k.old)
		rows = append(rows, lost...)
	}
	next, restored, err := store.Number(ctx, k.cfg.Store, FactRestored)
	if err != nil {
		return err
	}
	if restored {
		at, err := tip(ctx)
		if err != nil {
			return fmt.Errorf("the chain's tip: %w", err)
		}
		rows = append(rows, FreshKeys(uint32(next), at.Height), store.Fact{Name: FactRestored}) //nolint:gosec // written from 32 bits
	}
	return k.cfg.Store.Write(ctx, rows...)
}

// giveUp makes the rows, two a channel, by which every channel is lost whose state may
// have changed since its rows were copied. Why is what the peers hear.
func giveUp(channels []channel.Rows, why string) (rows []durable.Row, err error) {
	for i := range channels {
		ch, err := channel.Load(channels[i])
		if err != nil {
			return nil, err
		}
		before := ch.Status().Status
		if ch.Lose(why); ch.Status().Status != before {
			rows = append(rows, ch.Status(), durable.Event{Kind: "channel", Key: ch.ID().String(), State: ch.State()})
		}
	}
	return rows, nil
}

package keeper

import (
	"context"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// A node that came back looks through its blocks for coins of addresses that it does
// not know to be given out. What it finds makes it look further ([wallet.Config.Ahead]);
// when that is so far that blocks already looked through may have paid what is looked
// for since, they are looked through once more, until a pass finds nothing of that kind.
// All of it is facts, which change in the write of what they follow from.
const (
	// factAhead is there when the wallet has come back: it looks for addresses beyond
	// those given out. Its number says whether the chain is being looked through.
	factAhead = "ahead"
	// factAgain asks for one more pass when this one is at its end.
	factAgain = "again"
)

// The numbers of factAhead.
const (
	lookedThrough = iota
	lookingThrough
)

// looking are the rows that begin to look through the chain for coins, when a database
// was restored or a backup was imported.
func looking() []durable.Row {
	return []durable.Row{store.NumberFact(factAhead, lookingThrough), store.Fact{Name: factAgain}}
}

// Wallet loads the wallet of a database: one that looks ahead, if it came back.
func Wallet(ctx context.Context, s *store.Store, cfg wallet.Config) (*wallet.Wallet, error) {
	rows, err := s.Wallet(ctx)
	if err != nil {
		return nil, err
	}
	_, back, err := store.Number(ctx, s, factAhead)
	if err != nil {
		return nil, err
	}
	if back {
		cfg.Ahead = wallet.Ahead
	}
	cfg.Rolled = []durable.Row{store.NumberFact(factAgain, 1)}
	return wallet.Load(cfg, rows)
}

// Looked says what follows from a block being looked through, whether another pass
// does, and the rows that are to be written with the block. While the tip cannot be
// read, nothing does.
func Looked(ctx context.Context, s store.Facts, height uint32, tip func(context.Context) (chain.BlockRef, error)) (rows []durable.Row, again bool, err error) {
	state, _, err := store.Number(ctx, s, factAhead)
	if err != nil || state != lookingThrough {
		return nil, false, err
	}
	if at, err := tip(ctx); err != nil || at.Height > height {
		return nil, false, nil //nolint:nilerr // the next block asks again
	}
	if _, again, err = store.Number(ctx, s, factAgain); err != nil || again {
		return nil, again, err
	}
	return []durable.Row{store.NumberFact(factAhead, lookedThrough)}, false, nil
}

// Back says whether blocks are to be looked through again, and those after which
// height; the rows are to be written with the going back.
func Back(ctx context.Context, s store.Facts) (from uint64, asked bool, rows []durable.Row, err error) {
	from, asked, err = store.Number(ctx, s, FactRescan)
	if err != nil {
		return 0, false, nil, err
	}
	_, again, err := store.Number(ctx, s, factAgain)
	if err != nil || !asked && !again {
		return 0, false, nil, err
	}
	if again {
		birthday, _, err := store.Number(ctx, s, FactBirthday)
		if err != nil {
			return 0, false, nil, err
		}
		if !asked || birthday < from {
			from = birthday
		}
	}
	return from, true, append(looking(), store.Fact{Name: FactRescan}), nil
}

//go:build !race

package chain_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
)

// branch is a chain of blocks without content, which knows no others.
type branch struct {
	hashes []chainhash.Hash
	late   bool // the next block read is of another branch
}

func newBranch(blocks int) *branch {
	b := new(branch)
	for h := range blocks {
		b.hashes = append(b.hashes, chainhash.Hash{byte(h), byte(h >> 8), 1})
	}
	return b
}

func (b *branch) ref(height uint32) chain.BlockRef {
	return chain.BlockRef{Height: height, Hash: b.hashes[height]}
}

func (b *branch) Tip(context.Context) (chain.BlockRef, error) {
	return b.ref(uint32(len(b.hashes)) - 1), nil
}

func (b *branch) At(_ context.Context, height uint32) (chain.BlockRef, error) {
	if int(height) >= len(b.hashes) {
		return chain.BlockRef{}, chain.ErrNoBlock
	}
	return b.ref(height), nil
}

func (b *branch) Parent(_ context.Context, at chain.BlockRef) (chainhash.Hash, bool, error) {
	if int(at.Height) >= len(b.hashes) || b.hashes[at.Height] != at.Hash {
		return chainhash.Hash{}, false, fmt.Errorf("%w %s", chain.ErrUnknownBlock, at.Hash)
	}
	return b.hashes[max(at.Height, 1)-1], true, nil
}

func (b *branch) BlockAt(_ context.Context, height uint32) (chain.Block, bool, error) {
	if int(height) >= len(b.hashes) {
		return chain.Block{}, false, nil
	}
	if b.late {
		b.late = false
		return chain.Block{BlockRef: chain.BlockRef{Height: height}, Prev: chainhash.Hash{0xee}}, true, nil
	}
	return chain.Block{BlockRef: b.ref(height), Prev: b.hashes[height-1]}, true, nil
}

var errTip = errors.New("at the tip")

func (b *branch) Changed(context.Context, chain.BlockRef) error { return errTip }

func TestABlockThatNobodyKnowsIsGoneBackFromAsFarAsAReorgMayReach(t *testing.T) {
	for _, height := range []uint32{1, 50, 100, 130} {
		b := newBranch(140)
		at, back := chain.BlockRef{Height: height, Hash: chainhash.Hash{0xff}}, 0
		err := chain.Walk(t.Context(), b, at, func(e chain.Event) error {
			switch e := e.(type) {
			case chain.Connected:
				if e.Prev != at.Hash || e.Height != at.Height+1 {
					t.Fatalf("block %d does not follow %d", e.Height, at.Height)
				}
				at = e.Ref()
			case chain.Disconnected:
				if e.BlockRef != at {
					t.Fatalf("block %d left, the last one was %d", e.Height, at.Height)
				}
				at = e.Parent()
				back++
			}
			return nil
		})
		if !errors.Is(err, errTip) || at != b.ref(139) || back != int(min(height, chain.MaxReorg)) {
			t.Errorf("from an unknown block at %d: %d back, at %d, %v", height, back, at.Height, err)
		}
	}
}

func TestABlockThatDoesNotFollowIsNotGiven(t *testing.T) {
	b := newBranch(3)
	b.late = true
	at := b.ref(0)
	err := chain.Walk(t.Context(), b, at, func(e chain.Event) error {
		c, ok := e.(chain.Connected)
		if !ok || c.Prev != at.Hash {
			t.Fatalf("the reader is told %v", e)
		}
		at = c.Ref()
		return nil
	})
	if !errors.Is(err, errTip) || at != b.ref(2) {
		t.Errorf("the walk ended at %d: %v", at.Height, err)
	}
}

func TestAChainThatIsTooShortIsNotFollowed(t *testing.T) {
	err := chain.Walk(t.Context(), newBranch(10), chain.BlockRef{Height: 50}, func(e chain.Event) error {
		t.Errorf("the reader is told %v", e)
		return nil
	})
	if !errors.Is(err, chain.ErrNoBlock) {
		t.Errorf("the walk ended with %v", err)
	}
}

func TestOneByOneTheLastTransactionTells(t *testing.T) {
	errNet := errors.New("away")
	for name, c := range map[string]struct {
		answers []error
		want    error
		calls   int
	}{
		"all taken":                        {[]error{nil, nil, nil}, nil, 3},
		"parent in a block, outputs spent": {[]error{chain.ErrMissingInputs, nil, nil}, nil, 3},
		"all inputs missing":               {[]error{chain.ErrMissingInputs, chain.ErrMissingInputs}, chain.ErrMissingInputs, 2},
		"parent too cheap":                 {[]error{chain.ErrFeeTooLow, nil}, chain.ErrFeeTooLow, 1},
		"nobody there":                     {[]error{errNet, nil}, errNet, 1},
	} {
		calls := 0
		err := chain.OneByOne(t.Context(), func(context.Context, *btcwire.MsgTx) error {
			calls++
			return c.answers[calls-1]
		}, slices.Repeat([]*btcwire.MsgTx{btcwire.NewMsgTx(2)}, len(c.answers)))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || calls != c.calls {
			t.Errorf("%s: %v after %d", name, err, calls)
		}
	}
}

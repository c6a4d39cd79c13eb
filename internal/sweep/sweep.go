package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Wallet is what pays fees and receives.
type Wallet interface {
	Top(wallet.Topping) (durable.Pending[wallet.Topped], error)
	Publish(tx *btcwire.MsgTx, label string) durable.Pending[*btcwire.MsgTx]
	Abandon(txid chainhash.Hash) durable.Pending[bool]
	Labelled(prefix string) []*btcwire.MsgTx
	Value(at btcwire.OutPoint) (amount.Satoshi, bool)
	NewAddress(kind wallet.Kind) (durable.Pending[wallet.AddressRow], error)
}

// Chain is where transactions go.
type Chain interface {
	FeeRate(ctx context.Context, blocks uint32) (uint32, error)
	Broadcast(ctx context.Context, tx *btcwire.MsgTx) error
	BroadcastPackage(ctx context.Context, txs ...*btcwire.MsgTx) error
}

// Config is what a sweeper needs.
type Config struct {
	Wallet Wallet
	Chain  Chain
	Signer func(wire.ChannelID) (enforce.Signer, error)
	Writer durable.Writer
	Log    *slog.Logger
	Fatal  func(error)         // a write failed: the process ends
	Done   func(height uint32) // all that can be made at a height is made and broadcast
}

// Sweeper is the loop. It is safe for concurrent use.
type Sweeper struct {
	cfg  Config
	wake chan struct{}

	mu   sync.Mutex
	work *Work // the newest, when it is not done
	// What waits for coins of the wallet, and what of that the log was told.
	shorts map[btcwire.OutPoint]Short
	told   map[btcwire.OutPoint]bool

	last map[uint32]uint32 // estimates, by blocks; of Run's goroutine
}

// New makes a sweeper.
func New(cfg Config) *Sweeper {
	return &Sweeper{cfg: cfg, wake: make(chan struct{}, 1), last: map[uint32]uint32{}, shorts: map[btcwire.OutPoint]Short{}}
}

// Work says what there is to do now, instead of what was said before.
func (s *Sweeper) Work(w Work) {
	s.mu.Lock()
	s.work = &w
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		w := s.work
		s.work = nil
		s.mu.Unlock()
		if w == nil {
			continue
		}
		if err := s.Do(ctx, w); err != nil {
			if ctx.Err() == nil {
				s.cfg.Fatal(fmt.Errorf("sweep: %w", err))
			}
			return
		}
		s.cfg.Done(w.Height)
	}
}

// Do makes what is to be made, and returns when it is broadcast. It is one turn of
// [Sweeper.Run], for who has a loop of his own. Its error is the disk's.
func (s *Sweeper) Do(ctx context.Context, w *Work) error {
	s.begin()
	if err := s.giveUp(ctx, w); err != nil || len(w.Claims) == 0 {
		return err
	}
	s.together(ctx, w)
	estimate := s.estimates(ctx)
	split, err := s.pass(ctx, w, estimate)
	if err == nil && split {
		_, err = s.pass(ctx, w, estimate)
	}
	return err
}

// giveUp abandons claims of outputs that can never be: another commitment was
// confirmed. Their coins are free again.
func (s *Sweeper) giveUp(ctx context.Context, w *Work) error {
	for w.Alive != nil {
		claims := s.cfg.Wallet.Labelled(label)
		own := make(map[chainhash.Hash]bool, len(claims))
		for _, tx := range claims {
			own[tx.TxHash()] = true
		}
		found := false
		for _, tx := range claims {
			if !slices.ContainsFunc(tx.TxIn, func(in *btcwire.TxIn) bool {
				_, coin := s.cfg.Wallet.Value(in.PreviousOutPoint)
				return !coin && !w.Alive[in.PreviousOutPoint.Hash] && !own[in.PreviousOutPoint.Hash]
			}) {
				continue
			}
			s.cfg.Log.Info("a claim is given up: what it spends was never confirmed", "tx", tx.TxHash())
			if _, err := s.cfg.Wallet.Abandon(tx.TxHash()).Commit(ctx, s.cfg.Writer); err != nil {
				return err
			}
			found = true
		}
		if !found { // else what it had replaced is there again
			break
		}
	}
	return nil
}

// together offers commitments again with the children that pay for them: alone they
// may pay too little for any mempool.
func (s *Sweeper) together(ctx context.Context, w *Work) {
	for _, f := range s.flights(w) {
		for _, in := range f.Tx.TxIn {
			if parent, ok := w.Parents[in.PreviousOutPoint.Hash]; ok {
				if err := s.cfg.Chain.BroadcastPackage(ctx, parent.Tx, f.Tx); err != nil {
					s.cfg.Log.Debug("not broadcast", "tx", f.Tx.TxHash(), "why", err)
				}
			}
		}
	}
}

// pass makes the transactions that [Next] tells. Split says that claims were left
// for another pass.
func (s *Sweeper) pass(ctx context.Context, w *Work, estimate Feerates) (split bool, err error) {
	batches := Next(*w, s.flights(w), estimate)
	for len(batches) > 0 {
		b := batches[0]
		batches = batches[1:]
		perKw := b.FeePerKw
		tx, err := s.make(ctx, &b)
		var few *wallet.InsufficientError
		switch {
		case errors.Is(err, errDisk):
			return false, err
		case errors.As(err, &few):
			if b.Replaces > 0 {
				s.cfg.Log.Warn("the fee of a claim cannot be raised", "claims", describe(b.Claims), "feerate", b.FeePerKw, "why", err)
			} else if alone := b.singly(perKw); alone != nil {
				batches = append(alone, batches...)
			} else {
				s.short(&b, few)
			}
			continue
		case err != nil:
			s.cfg.Log.Error("a claim cannot be made", "claims", describe(b.Claims), "why", err)
			continue
		}
		split = split || b.Split
		s.cfg.Log.Info("claimed on-chain", "tx", tx.TxHash(), "claims", describe(b.Claims), "feerate", b.FeePerKw)
		if b.Parent != nil {
			err = s.cfg.Chain.BroadcastPackage(ctx, b.Parent.Tx, tx)
		} else {
			err = s.cfg.Chain.Broadcast(ctx, tx)
		}
		if err != nil { // it is offered again at each block
			s.cfg.Log.Warn("a claim is not taken yet", "tx", tx.TxHash(), "why", err)
		}
	}
	return split, nil
}

// make builds a transaction; when coins are few, one that pays as much as there is.
func (s *Sweeper) make(ctx context.Context, b *Batch) (*btcwire.MsgTx, error) {
	for {
		tx, err := s.build(ctx, b)
		var few *wallet.InsufficientError
		if !errors.As(err, &few) || b.FeePerKw <= b.Floor {
			return tx, err
		}
		b.FeePerKw = max(b.FeePerKw-b.FeePerKw/4, b.Floor)
	}
}

// label begins the names of our claims in the wallet.
const label = "claim "

// errDisk marks errors of the writer.
var errDisk = errors.New("not written")

// build makes a transaction, durable before anybody sees it.
func (s *Sweeper) build(ctx context.Context, b *Batch) (*btcwire.MsgTx, error) {
	draft, err := enforce.Assemble(b.Claims...)
	if err != nil {
		return nil, err
	}
	if b.Claims[0].Whole != nil {
		return draft.Tx, s.publish(ctx, draft)
	}
	if b.Claims[0].Tokens > 0 {
		to, err := s.receiver(ctx, b.Claims[0].OutPoint)
		if err == nil {
			err = draft.Carry(to)
		}
		if err != nil {
			return nil, err
		}
	}
	t := wallet.Topping{
		Tx: draft.Tx, Weight: draft.Weight(), FeePerKw: b.FeePerKw, Replaces: b.Replaces,
		Coins: b.Coins, With: b.With, For: label + b.Claims[0].OutPoint.String(),
	}
	if b.Parent != nil {
		t.Extra = b.Parent.lacks(b.FeePerKw)
	}
	for i := range draft.Claims {
		t.Spent = append(t.Spent, draft.Claims[i].Output())
	}
	pending, err := s.cfg.Wallet.Top(t)
	if err != nil {
		return nil, err
	}
	if _, err := pending.Commit(ctx, s.cfg.Writer); err != nil {
		return nil, fmt.Errorf("%w: %w", errDisk, err)
	}
	return draft.Tx, s.publish(ctx, draft)
}

// publish signs a transaction and makes it one of the wallet's.
func (s *Sweeper) publish(ctx context.Context, d *enforce.Draft) error {
	if err := d.Sign(s.cfg.Signer); err != nil {
		return err
	}
	if _, err := s.cfg.Wallet.Publish(d.Tx, label+describe(d.Claims)).Commit(ctx, s.cfg.Writer); err != nil {
		return fmt.Errorf("%w: %w", errDisk, err)
	}
	return nil
}

// receiver is the address of ours that gets the tokens of an output: that of the
// transaction which is to be replaced, or a new one.
func (s *Sweeper) receiver(ctx context.Context, from btcwire.OutPoint) ([]byte, error) {
	for _, tx := range s.cfg.Wallet.Labelled(label) {
		if tx.TxIn[0].PreviousOutPoint == from && len(tx.TxOut) > 1 {
			return tx.TxOut[1].PkScript, nil
		}
	}
	pending, err := s.cfg.Wallet.NewAddress(wallet.Token)
	if err != nil {
		return nil, err
	}
	a, err := pending.Commit(ctx, s.cfg.Writer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDisk, err)
	}
	return a.Script, nil
}

// describe names claims for logs and labels.
func describe(claims []enforce.Claim) string {
	text := claims[0].Kind.String() + " of " + claims[0].OutPoint.String()
	if n := len(claims) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// flights are the transactions of ours on their way that take any of the claims.
func (s *Sweeper) flights(w *Work) (list []Flight) {
	claims := make(map[btcwire.OutPoint]*enforce.Claim, len(w.Claims))
	for i := range w.Claims {
		claims[w.Claims[i].OutPoint] = &w.Claims[i]
	}
	for _, tx := range s.cfg.Wallet.Labelled(label) {
		f := Flight{Tx: tx, Weight: Weight(tx)}
		var in, out amount.Satoshi
		takes := false
		for _, i := range tx.TxIn {
			if c := claims[i.PreviousOutPoint]; c != nil {
				in += c.Value
				takes = true
			} else if v, ok := s.cfg.Wallet.Value(i.PreviousOutPoint); ok {
				in += v
				f.Coins = append(f.Coins, i.PreviousOutPoint)
			}
		}
		for _, o := range tx.TxOut {
			out += amount.Satoshi(o.Value) //nolint:gosec // not negative
		}
		if takes && in >= out {
			f.Fee = in - out
			list = append(list, f)
		}
	}
	return list
}

// Weight is BIP 141's weight of a transaction.
func Weight(tx *btcwire.MsgTx) uint64 {
	return uint64(3*tx.SerializeSizeStripped() + tx.SerializeSize()) //nolint:gosec // not negative
}

// unknown is a feerate for a chain that has no estimate yet: 10 satoshi for a
// virtual byte.
const unknown = 2500

// estimates asks for each feerate once. Where there is no answer the last one counts.
func (s *Sweeper) estimates(ctx context.Context) Feerates {
	known := map[uint32]uint32{}
	return func(blocks uint32) uint32 {
		if v, ok := known[blocks]; ok {
			return v
		}
		v, err := s.cfg.Chain.FeeRate(ctx, blocks)
		if err != nil {
			if v = s.last[blocks]; v == 0 {
				v = unknown
			}
			s.cfg.Log.Warn("no estimate of feerates", "blocks", blocks, "instead", v, "why", err)
		}
		known[blocks], s.last[blocks] = v, v
		return v
	}
}

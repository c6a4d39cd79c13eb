package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Errors.
var (
	// ErrOff means that the node keeps no ledger.
	ErrOff = errors.New("the node keeps no ledger of tokens: start it with --assets")
	// ErrBehind means that the ledger has not read the chain to its end yet.
	ErrBehind = errors.New("the ledger of tokens has not read the whole chain yet")
	// ErrNetwork means that a network has no Omni Layer.
	ErrNetwork = errors.New("the Omni Layer is on mainnet and on a regtest of one's own, not on this network")
)

// Wish is what the operator of a node asks for.
type Wish struct {
	On bool // whether the ledger is kept; what it wrote before is heeded in any case
	// From is the first block that is read when the ledger is new; nil: where the Omni
	// Layer begins. A later one gives right balances only where nothing was before it.
	From *uint32
	// Freezable are managed properties that channels may carry all the same, at the
	// operator's risk: their issuers can freeze a channel's address.
	Freezable []amount.Property
	// Private leaves channels with tokens unannounced that others open.
	Private bool
	// Server is asked for what is shown, where no ledger is kept; nil: the rows of a
	// ledger that was.
	Server ledger.View
}

// Config is what a service needs.
type Config struct {
	Wish
	Network bolt11.Network
	Source  chain.Source
	Store   *store.Store
	// Publish makes a signed transaction one of the wallet's and broadcasts it.
	Publish func(ctx context.Context, tx *btcwire.MsgTx, name string) error
	Reserve func() amount.Satoshi // what must stay in the wallet
	Again   time.Duration         // how long after a failure the ledger is tried again; zero: five seconds
	Random  io.Reader
	Log     *slog.Logger
	Fatal   func(error) // ends the process: the wallet is ahead of the disk
	// Executed is told that the ledger is at the end of the chain; nil: nobody waits for it.
	Executed func()
}

// Service keeps the ledger. It is safe for concurrent use.
type Service struct {
	cfg    Config
	params *asset.Params
	wallet *wallet.Wallet
	held   atomic.Pointer[map[string]bool] // scripts of ours whose addresses have tokens

	making sync.Mutex // one transaction after the other: each is tried behind those before it

	lock   chan struct{}                 // has a token while nobody has the ledger
	ledger *ledger.Ledger                // nil: it is not loaded
	moved  atomic.Pointer[chan struct{}] // closed when the ledger has moved
	why    string                        // what the log said last
	tip    uint32                        // of the chain, when it was asked for last
}

// begins is where the Omni Layer's transactions begin, by network.
var begins = map[bolt11.Network]struct {
	params func() *asset.Params
	from   uint32
}{
	bolt11.Mainnet: {asset.Mainnet, 249_498},
	bolt11.Regtest: {asset.Regtest, 0},
}

// Open reads what the wallet's addresses hold. Errors, when the ledger is to be kept:
// [ErrNetwork], [chain.ErrLight].
func Open(ctx context.Context, cfg Config) (*Service, error) {
	s := &Service{cfg: cfg, lock: make(chan struct{}, 1)}
	s.lock <- struct{}{}
	first := make(chan struct{})
	s.moved.Store(&first)
	if cfg.On {
		network, ok := begins[cfg.Network]
		if !ok {
			return nil, ErrNetwork
		}
		s.params = network.params()
		if s.cfg.From == nil {
			s.cfg.From = &network.from
		}
		// A light client says so whatever it is asked for; others do not begin to look.
		ended, end := context.WithCancel(ctx)
		end()
		if _, err := cfg.Source.Spent(ended, chain.BlockRef{}); errors.Is(err, chain.ErrLight) {
			return nil, fmt.Errorf("the ledger of tokens: %w", err)
		}
	}
	if err := s.recount(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Use gives the service the wallet whose addresses are ours, before anything is sent.
func (s *Service) Use(w *wallet.Wallet) { s.wallet = w }

// On says whether the ledger is kept.
func (s *Service) On() bool { return s.cfg.On }

// Kept says where what is known of tokens comes from: on (the ledger), server or off.
func (s *Service) Kept() string {
	switch {
	case s.cfg.On:
		return "on"
	case s.cfg.Server != nil:
		return "server"
	}
	return "off"
}

// From is the first block that a new ledger reads; false when none is kept.
func (s *Service) From() (uint32, bool) {
	if !s.cfg.On {
		return 0, false
	}
	return *s.cfg.From, true
}

// Judge tells what became of a channel's tokens, by the transactions that came of it: what
// the ledger says, or nothing without one or of a channel of bitcoin, whose property is 0.
func (s *Service) Judge(ctx context.Context, property amount.Property, spends map[btcwire.OutPoint]enforce.Spend) (enforce.Ledger, error) {
	if !s.cfg.On || property == 0 {
		return enforce.Ledger{}, nil
	}
	return ledger.Judge(ctx, s.cfg.Store, s.params, property, spends)
}

// View has what is shown of tokens, up to a block. Error: [ErrOff] when nothing was ever
// known.
func (s *Service) View(ctx context.Context) (v ledger.View, height uint32, err error) {
	v = s.cfg.Store
	if s.cfg.Server != nil {
		v = s.cfg.Server
	}
	height, ok, err := v.AssetHeight(ctx)
	if err == nil && !ok && !s.cfg.On {
		err = ErrOff
	}
	return v, height, err
}

// Holds says whether the address of a script of ours has tokens.
func (s *Service) Holds(script []byte) bool { return (*s.held.Load())[string(script)] }

// recount reads which addresses of ours have tokens.
func (s *Service) recount(ctx context.Context) error {
	own, err := s.cfg.Store.OwnAssets(ctx)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, o := range own {
		held[string(o.Script)] = true
	}
	s.held.Store(&held)
	return nil
}

// Run keeps the ledger at the end of the chain until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for s.cfg.On && ctx.Err() == nil {
		err := s.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if s.why != err.Error() {
			s.why = err.Error()
			s.cfg.Log.Warn("the ledger of tokens cannot go on; it is tried again every few seconds", "why", err)
		}
		select {
		case <-time.After(cmp.Or(s.cfg.Again, 5*time.Second)):
		case <-ctx.Done():
		}
	}
}

// enter waits for the ledger. Who has it calls leave.
func (s *Service) enter(ctx context.Context) error {
	select {
	case <-s.lock:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) leave() { s.lock <- struct{}{} }

// follow loads the ledger and reads the chain until something fails.
func (s *Service) follow(ctx context.Context) error {
	l, err := s.load(ctx)
	if err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.ledger, s.tip = l, 0
	s.leave()
	s.tell()
	if s.why == "" {
		s.cfg.Log.Info("the ledger of tokens reads the chain", "from", l.Seen().Height)
	}
	defer func() {
		<-s.lock
		s.ledger = nil
		s.leave()
	}()
	return s.cfg.Source.Follow(ctx, l.Seen(), func(e chain.Event) error { return s.block(ctx, l, e) })
}

// load reads the ledger, or begins one.
func (s *Service) load(ctx context.Context) (*ledger.Ledger, error) {
	rows, ok, err := s.cfg.Store.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if ok {
		return ledger.Load(s.params, rows), nil
	}
	at, err := s.cfg.Source.At(ctx, max(*s.cfg.From, 1)-1)
	if err != nil {
		return nil, err
	}
	return ledger.New(s.params, at).Commit(ctx, s.cfg.Store)
}

// markEvery is after how many blocks that did nothing the ledger writes where it is, while
// it reads what is old.
const markEvery = 1000

// block applies a change of the chain. After an error the ledger is not used any more.
func (s *Service) block(ctx context.Context, l *ledger.Ledger, e chain.Event) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.tell()
	defer s.leave()
	outcome, err := l.Apply(ctx, e, s.cfg.Source, s.cfg.Store)
	if err != nil {
		return err
	}
	entries, err := outcome.Commit(ctx, s.cfg.Store)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Alarm != "" {
			s.cfg.Log.Error("tokens", "alarm", e.Alarm, "block", e.Height, "tx", e.TxID)
		}
	}
	_, back := e.(chain.Disconnected)
	if back {
		s.tip = 0 // the chain may be shorter than it was
	}
	if back || len(entries) > 0 {
		if err := s.recount(ctx); err != nil {
			return err
		}
	}
	if height := l.Seen().Height; height%markEvery != 0 {
		if height >= s.tip {
			tip, err := s.cfg.Source.Tip(ctx)
			if err != nil {
				return err
			}
			s.tip = tip.Height
		}
		if height < s.tip {
			return nil
		}
	}
	if s.why != "" {
		s.why = ""
		s.cfg.Log.Info("the ledger of tokens goes on", "block", l.Seen().Height)
	}
	if _, err = l.Mark().Commit(ctx, s.cfg.Store); err == nil && s.cfg.Executed != nil {
		s.cfg.Executed()
	}
	return err
}

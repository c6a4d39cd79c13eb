package neutrino

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/walletdb"
	_ "github.com/btcsuite/btcwallet/walletdb/bdb" // the driver of the header database
	light "github.com/lightninglabs/neutrino"
	"github.com/lightninglabs/neutrino/blockntfns"

	"github.com/leyden-ln/leyden/internal/chain"
)

// Config says which chain it is and who is asked for it.
type Config struct {
	Dir     string // for headers, filters and addresses; one process at a time
	Network *chaincfg.Params
	// Peers are host[:port] of the only peers to connect to; empty: whoever the
	// network's seeds name, except on a regtest, where nobody is.
	Peers []string
	// FeePerKw is the feerate while no block was seen to learn one from, in
	// satoshi for 1000 units of weight; zero: [chain.DefaultFeePerKw].
	FeePerKw uint32
	Log      *slog.Logger
}

// Source is a light client. It implements [chain.Source] and is safe for
// concurrent use.
type Source struct {
	cfg    Config
	client *light.ChainService
	db     walletdb.DB
	trail  *trail
	outbox *outbox
	rates  rates

	ctx  context.Context // of everything that runs here
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	scripts [][]byte
	watched map[string]bool
	changed chan struct{} // closed at the next change of the tip
}

const (
	lockTimeout = time.Second      // for another process that has the folder
	recheck     = 10 * time.Second // the tip is looked at again, whatever was told
	retryEvery  = time.Second      // what no peer could answer is asked again
)

// Open starts a light client; its first connection, and the headers, come later.
func Open(cfg Config) (*Source, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.FeePerKw == 0 {
		cfg.FeePerKw = chain.DefaultFeePerKw
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	db, err := openDB(filepath.Join(cfg.Dir, "neutrino.db"))
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, db: db, watched: map[string]bool{}, changed: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.stop()
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func openDB(path string) (walletdb.DB, error) {
	args := []any{path, true, lockTimeout, false} // no free list on disk; to read and write
	db, err := walletdb.Open("bdb", args...)
	if errors.Is(err, walletdb.ErrDbDoesNotExist) {
		db, err = walletdb.Create("bdb", args...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w (is it in use by another process?)", path, err)
	}
	return db, nil
}

func (s *Source) start() (err error) {
	if s.trail, err = openTrail(s.db); err != nil {
		return err
	}
	s.client, err = light.NewChainService(light.Config{
		DataDir: s.cfg.Dir, Database: s.db, ChainParams: *s.cfg.Network, ConnectPeers: s.cfg.Peers, PersistToDisk: true,
	})
	if err != nil {
		return fmt.Errorf("light client: %w", err)
	}
	if err := s.client.Start(s.ctx); err != nil {
		return errors.Join(fmt.Errorf("light client: %w", err), s.client.Stop())
	}
	sub, err := (&light.RescanChainSource{ChainService: s.client}).Subscribe(0)
	if err != nil {
		return errors.Join(fmt.Errorf("light client: %w", err), s.client.Stop())
	}
	peers, cancel, err := s.client.ConnectedPeers()
	if err != nil {
		return errors.Join(fmt.Errorf("light client: %w", err), s.client.Stop())
	}
	s.outbox = newOutbox(s.cfg.Log, len(s.cfg.Peers))
	s.wg.Go(func() { s.listen(sub) })
	s.wg.Go(func() {
		defer cancel()
		s.outbox.run(s.ctx, peers, s.height)
	})
	return nil
}

// listen wakes those who wait for a change of the tip.
func (s *Source) listen(sub *blockntfns.Subscription) {
	again := time.NewTicker(recheck)
	defer again.Stop()
	for {
		select {
		case _, ok := <-sub.Notifications:
			if !ok {
				sub.Notifications = nil // the client has stopped; the ticker goes on
			}
		case <-again.C:
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	}
}

// next is closed at the next change of the tip, or a little later.
func (s *Source) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Close stops the client and closes its files.
func (s *Source) Close() error {
	s.stop()
	err := s.client.Stop()
	s.wg.Wait()
	return errors.Join(err, s.db.Close())
}

// Ready waits until the client has the headers of the best chain, as far as its
// peers know it.
func (s *Source) Ready(ctx context.Context) error {
	again := time.NewTicker(readyEvery)
	defer again.Stop()
	var told time.Time
	for !s.client.IsCurrent() || s.client.ConnectedCount() == 0 {
		if now := time.Now(); now.Sub(told) >= tellEvery {
			told = now
			s.cfg.Log.Info("the light client is catching up; waiting for it",
				"peers", s.client.ConnectedCount(), "height", s.height())
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errClosed
		}
	}
	s.cfg.Log.Info("the light client has the headers", "peers", s.client.ConnectedCount(), "height", s.height())
	return nil
}

const (
	readyEvery = 100 * time.Millisecond
	tellEvery  = 30 * time.Second
)

var errClosed = errors.New("the light client is closed")

func (s *Source) height() uint32 {
	best, err := s.client.BestBlock()
	if err != nil {
		return 0
	}
	return uint32(best.Height) //nolint:gosec // not negative
}

// Tip implements [chain.Source]: the last block whose filter's header is there.
func (s *Source) Tip(context.Context) (chain.BlockRef, error) {
	best, err := s.client.BestBlock()
	if err != nil {
		return chain.BlockRef{}, err
	}
	return chain.BlockRef{Height: uint32(best.Height), Hash: best.Hash}, nil //nolint:gosec // not negative
}

// Best implements [chain.Source]. Without a peer nobody tells of new blocks.
func (s *Source) Best(context.Context) (chain.Best, error) {
	best, err := s.client.BestBlock()
	if err != nil {
		return chain.Best{}, err
	}
	out := chain.Best{Height: uint32(best.Height)} //nolint:gosec // not negative
	if peers := s.client.ConnectedCount(); peers == 0 || !s.client.IsCurrent() {
		return chain.Best{}, fmt.Errorf("%w: the light client has block %d, and %d peers", chain.ErrBehind, out.Height, peers)
	}
	if !chain.Timeless(s.cfg.Network.Name) {
		out.Time = best.Timestamp
	}
	return out, nil
}

// At implements [chain.Source].
func (s *Source) At(_ context.Context, height uint32) (chain.BlockRef, error) {
	h, ok := s.header(height)
	if !ok {
		return chain.BlockRef{}, fmt.Errorf("%w %d", chain.ErrNoBlock, height)
	}
	return chain.BlockRef{Height: height, Hash: h.BlockHash()}, nil
}

// header is that of the best chain's block at a height.
func (s *Source) header(height uint32) (*btcwire.BlockHeader, bool) {
	best, err := s.client.BestBlock()
	if err != nil || int64(height) > int64(best.Height) {
		return nil, false
	}
	h, err := s.client.BlockHeaders.FetchHeaderByHeight(height)
	return h, err == nil
}

// Parent implements [chain.Reader]. A client that has fewer blocks than at is
// behind, because its folder was lost or it is between the two sides of a reorg,
// and is waited for.
func (s *Source) Parent(ctx context.Context, at chain.BlockRef) (prev chainhash.Hash, best bool, err error) {
	for waits := 0; ; waits++ {
		next := s.next()
		if h, ok := s.header(at.Height); ok {
			if h.BlockHash() == at.Hash {
				return h.PrevBlock, true, nil
			}
			if prev, ok := s.trail.parent(at); ok {
				return prev, false, nil
			}
			return prev, false, fmt.Errorf("%w %s", chain.ErrUnknownBlock, at.Hash)
		}
		if waits == 1 {
			s.cfg.Log.Warn("the light client has fewer blocks than were processed; waiting for it",
				"height", s.height(), "processed", at.Height)
		}
		if err := s.wait(ctx, next, recheck); err != nil {
			return prev, false, err
		}
	}
}

// Changed implements [chain.Reader].
func (s *Source) Changed(ctx context.Context, tip chain.BlockRef) error {
	for {
		next := s.next()
		if now, err := s.Tip(ctx); err != nil || now != tip {
			return err
		}
		if err := s.wait(ctx, next, recheck); err != nil {
			return err
		}
	}
}

// wait waits for a change of the tip, or for d.
func (s *Source) wait(ctx context.Context, next <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-next:
		return nil
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return errClosed
	}
}

// Follow implements [chain.Source].
func (s *Source) Follow(ctx context.Context, from chain.BlockRef, each func(chain.Event) error) error {
	return chain.Walk(ctx, s, from, each)
}

// Watch implements [chain.Source].
func (s *Source) Watch(scripts ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, script := range scripts {
		if len(script) > 0 && !s.watched[string(script)] {
			s.watched[string(script)] = true
			s.scripts = append(s.scripts, script)
		}
	}
}

var _ chain.Source = (*Source)(nil)

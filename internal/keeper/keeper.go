package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
)

// Store is what the keeper needs of the database.
type Store interface {
	durable.Writer
	Fact(ctx context.Context, name string) ([]byte, bool, error)
	Steps(ctx context.Context) (uint64, error)
	HasChannel(ctx context.Context, id wire.ChannelID) (bool, error)
	PeerStorage(ctx context.Context, id wire.NodeID) ([]byte, bool, error)
	PeerStorages(ctx context.Context) ([]store.AloneRow, error)
	Channels(ctx context.Context) ([]channel.Rows, error)
}

// Peer is a connection.
type Peer interface {
	ID() wire.NodeID
	Features() wire.Features
	Send(msgs ...wire.Message) error
}

// Config is what a keeper needs.
type Config struct {
	Dir    string // the data folder
	Key    [32]byte
	Chain  chainhash.Hash
	Node   wire.NodeID
	Store  Store
	Random io.Reader
	Now    func() time.Time
	// Lost takes an old database, whose channels are lost.
	Lost bool
	// Content is what a backup has but for counter and time.
	Content func(ctx context.Context) (backup.Backup, error)
	// HasChannel says whether a node has a channel with us that is not closed for good,
	// and whose funding transaction is no mere promise of the node.
	HasChannel func(id wire.NodeID) bool
	// Awaited says whether a channel waits for the funding transaction that its peer
	// has promised: the file has it, what peers store has not.
	Awaited func(id wire.ChannelID) bool
	// Peers are the connections.
	Peers func() []Peer
	// Old hears that a peer has proved that the database is old. When it returns, no
	// channel's commitment may be broadcast any more.
	Old func(ctx context.Context)
	// Recover puts the channels of a backup that the database does not have into it.
	Recover func(ctx context.Context, b *backup.Backup) ([]wire.ChannelID, error)
	Log     *slog.Logger
	Fatal   func(error) // a write failed: must end the process
}

// Facts in which a keeper stores what it knows.
const (
	factGeneration = "generation"
	factCounter    = "backup counter"
	factFound      = "backup found"
)

// Keeper is made by [Open]. It is safe for concurrent use.
type Keeper struct {
	cfg   Config
	fresh bool   // the database is new
	old   string // why the database is old; empty: it is not

	mu         sync.Mutex
	generation uint64
	marked     mark
	counter    uint64 // of the last backup
	written    []byte // the content of the file and of what peers store, without what changes all the time
	sealed     []byte // the last backup, for peers
	found      backup.Backup
	peers      map[wire.NodeID]*theirs
}

// OldError is that a database is older than the node that it is of.
type OldError struct{ Why string }

// Error says what is to be done.
func (e *OldError) Error() string {
	return "the database is older than this node: " + e.Why + ". A state of a channel that is no longer the last one must " +
		"not be broadcast: its peer could take all that is in it. If there is a newer copy of the data folder, use that. If " +
		"there is none, start once with --channels-lost: every channel is given up, its peer is asked to close it, and what is yours in it " +
		"comes home on-chain"
}

// Open looks at what is beside the database, and says whether it is old: an
// [*OldError], unless Lost. It changes nothing: that is for [Keeper.Begin].
func Open(ctx context.Context, cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, peers: map[wire.NodeID]*theirs{}}
	generation, known, err := store.Number(ctx, k.cfg.Store, factGeneration)
	if err != nil {
		return nil, err
	}
	counter, counted, err := store.Number(ctx, k.cfg.Store, factCounter)
	if err != nil {
		return nil, err
	}
	k.fresh = !known && !counted
	if err := k.loadFound(ctx); err != nil {
		return nil, err
	}
	if err := k.loadTheirs(ctx); err != nil {
		return nil, err
	}
	m, err := k.readMark()
	if err != nil {
		return nil, err
	}
	file, err := k.readFile(generation)
	if err != nil {
		return nil, err
	}
	if err := k.compare(ctx, generation, counter, m, file); err != nil {
		return nil, err
	}
	if k.old != "" && !cfg.Lost {
		return nil, &OldError{k.old}
	}
	if file != nil {
		if err := k.learn(ctx, file); err != nil {
			return nil, err
		}
		counter = max(counter, file.Counter)
	}
	// A database that begins anew counts from the clock: its counters are above those
	// of an earlier life that peers still have, which must not make it look old.
	if k.fresh {
		counter = max(counter, first(cfg.Now()))
	}
	k.generation, k.counter = max(generation, m.generation)+1, counter
	return k, nil
}

// first is the counter with which a database begins: no node writes backups so often
// that it overtakes the clock.
func first(now time.Time) uint64 { return uint64(max(now.UnixMilli(), 0)) } //nolint:gosec // not negative

// readMark reads the mark. One that cannot be read says nothing.
func (k *Keeper) readMark() (mark, error) {
	m, err := readMark(k.cfg.Dir)
	switch {
	case errors.Is(err, errMark):
		k.cfg.Log.Warn("the file is ignored", "file", markFile, "why", err)
		return mark{}, nil
	case err == nil && m != (mark{}) && m.node != k.cfg.Node:
		k.cfg.Log.Warn("the file is ignored: it is of another node", "file", markFile)
		return mark{}, nil
	}
	return m, err
}

// readFile reads the backup in the data folder; nil: there is none of this node. What
// cannot be read, or is of another one, is put aside: it may be dear to somebody.
func (k *Keeper) readFile(generation uint64) (*backup.Backup, error) {
	path := filepath.Join(k.cfg.Dir, BackupFile)
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := k.open(sealed)
	if err != nil {
		aside := fmt.Sprintf("%s.%d", path, generation)
		k.cfg.Log.Warn("the backup in the data folder is not this database's: it is put aside", "file", aside, "why", err)
		return nil, os.Rename(path, aside)
	}
	return &b, nil
}

// ErrOtherNode is the refusal of a backup of another node, or on another chain.
var ErrOtherNode = errors.New("the backup is of another node or chain")

// open opens a backup of this node. Errors: those of package backup, [ErrOtherNode].
func (k *Keeper) open(sealed []byte) (backup.Backup, error) {
	return Unseal(k.cfg.Key, k.cfg.Node, k.cfg.Chain, sealed)
}

// Unseal opens a backup of a node. Errors: those of package backup, [ErrOtherNode].
func Unseal(key [32]byte, node wire.NodeID, chain chainhash.Hash, sealed []byte) (backup.Backup, error) {
	b, err := backup.Open(key, sealed)
	if err == nil && (b.Node != node || b.Chain != chain) {
		err = ErrOtherNode
	}
	return b, err
}

// compare looks for what is newer than the database. With a fresh one a backup may
// lie there to be recovered: nothing of the database could be broadcast.
func (k *Keeper) compare(ctx context.Context, generation, counter uint64, m mark, file *backup.Backup) error {
	copied, _, err := k.cfg.Store.Fact(ctx, store.FactCopy)
	if err != nil {
		return err
	}
	steps, err := k.cfg.Store.Steps(ctx)
	if err != nil {
		return err
	}
	var why []string
	if len(copied) > 0 {
		why = append(why, "it is a copy that was made while the node was running")
	}
	if m.generation > generation {
		if k.fresh {
			why = append(why, fmt.Sprintf("it is new, and by %s the node was started %d times", markFile, m.generation))
		} else {
			why = append(why, fmt.Sprintf("it has seen %d starts of the node, and %s %d", generation, markFile, m.generation))
		}
	}
	if m.steps > steps && !k.fresh {
		why = append(why, fmt.Sprintf("its channels have made %d steps, and by %s %d", steps, markFile, m.steps))
	}
	if file != nil && file.Counter > counter && !k.fresh {
		why = append(why, fmt.Sprintf("it has seen %d backups, and %s is number %d", counter, BackupFile, file.Counter))
	}
	k.old = strings.Join(why, "; ")
	return nil
}

// Old says why the database is old; empty: it is not, as far as can be seen.
func (k *Keeper) Old() string { return k.old }

// rows are to be written, with those that give up every channel of an old database in
// the same write, before anything else is.
func (k *Keeper) rows() []durable.Row {
	k.mu.Lock()
	defer k.mu.Unlock()
	rows := []durable.Row{store.NumberFact(factGeneration, k.generation), store.NumberFact(factCounter, k.counter)}
	if k.old != "" {
		rows = append(rows, store.Fact{Name: store.FactCopy})
	}
	return rows
}

// Generation is how often the node was started.
func (k *Keeper) Generation() uint64 { return k.generation }

// Run keeps everything up to date until ctx ends. Changed wakes it.
func (k *Keeper) Run(ctx context.Context, every time.Duration, changed <-chan struct{}, height func() uint32) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := k.Save(ctx); err != nil && ctx.Err() == nil {
			k.cfg.Log.Error("the backup of the channels is not written: copy it elsewhere or make room", "file", BackupFile, "why", err)
		}
		k.writeMark(ctx)
		k.tend(ctx, height())
		select {
		case <-ctx.Done():
			k.writeMark(context.WithoutCancel(ctx))
			return
		case <-changed:
		case <-tick.C:
		}
	}
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Facts of a database that was restored, which the node's start goes on from.
const (
	// FactNode is the node id: it binds the database to the seed.
	FactNode = "node_id"
	// FactBirthday is the height of the block after which the node's first coin came.
	FactBirthday = "birthday"
	// FactRescan is the height of a block: those after it are to be looked at again.
	FactRescan = "rescan"
	// FactRestored says that more keys may have been used than the database knows.
	FactRestored = "restored"
)

// SeedFile is the seed's file in a data folder.
const SeedFile = "seed"

// addressesFact has where else than in the peers' table a peer may be reached, a line
// each.
func addressesFact(id wire.NodeID, list []string) store.Fact {
	return store.Fact{Name: "addresses/" + id.String(), Value: []byte(strings.Join(list, "\n"))}
}

// Addresses reads where a peer of a backup may be reached.
func Addresses(ctx context.Context, s Store, id wire.NodeID) ([]string, error) {
	b, ok, err := s.Fact(ctx, addressesFact(id, nil).Name)
	if err != nil || !ok || len(b) == 0 {
		return nil, err
	}
	return strings.Split(string(b), "\n"), nil
}

// lost are the rows that put a backup's channel into the database, as one that lost
// its state.
type lost struct {
	channel channel.Rows
	rows    []durable.Row // with those of channel
}

// recovered makes the rows of the channels of a backup that known does not say to have.
func recovered(ring *keys.Ring, b *backup.Backup, known func(id wire.ChannelID) (bool, error)) (out []lost, err error) {
	done := map[wire.ChannelID]bool{}
	for i := range b.Channels {
		c := &b.Channels[i]
		id := c.ID()
		there, err := known(id)
		if err != nil {
			return nil, err
		}
		if there || done[id] {
			continue
		}
		done[id] = true
		if c.Format != script.Anchors && c.Format != script.Tokens {
			return nil, fmt.Errorf("channel %s has a form of commitments that this version does not know", id)
		}
		signer, err := ring.Channel(c.KeyIndex)
		if err != nil {
			return nil, err
		}
		rows := c.Rows(signer.Basepoints())
		l := lost{channel: rows, rows: []durable.Row{
			rows.Params, rows.Status, rows.State, rows.Commitment, keys.Spent(c.KeyIndex),
			durable.Event{Kind: "channel", Key: id.String(), State: "AWAITING_UNILATERAL"},
		}}
		if len(c.Addresses) > 0 {
			l.rows = append(l.rows, store.PeerRow{ID: c.Peer, Address: c.Addresses[0]}, addressesFact(c.Peer, c.Addresses))
		}
		out = append(out, l)
	}
	return out, nil
}

// given are the addresses that a backup knows of.
func given(b *backup.Backup) (list []wallet.Given) {
	for _, x := range b.Branches {
		list = append(list, wallet.Given{Kind: wallet.Kind(x.Kind), Branch: x.Branch, Next: x.Next})
	}
	return list
}

// FreshKeys is a memory beyond which no key of a channel was ever used, by a database
// that knows of those before next and sees the chain at a height: a node that was
// restored does not know what it opened after its backup. No node opens so many
// channels that a thousand for each block are too few.
func FreshKeys(next, height uint32) keys.SignerRow {
	const perBlock, most = 1000, 1 << 30
	return keys.Spent(max(next, min(height, most/perBlock)*perBlock))
}

// Restoration makes a data folder from a seed and, if there is one, a backup.
type Restoration struct {
	Dir     string
	Network *chaincfg.Params
	Seed    keys.Seed
	Sealing keys.Sealing // how the seed is stored
	Backup  []byte       // sealed; nil: none
	From    *uint32      // height of the block after which coins are looked for; nil: as the backup says, or the first
	Random  io.Reader
	Now     func() time.Time
}

// Prospect is what a seed and a backup bring back.
type Prospect struct {
	Node   wire.NodeID
	Backup backup.Backup // zero when there is none
	From   uint32
}

// ErrNotEmpty is the refusal to restore into a folder that has something in it.
var ErrNotEmpty = errors.New("the folder is not empty: restore into an empty one")

// Check says what would be restored, without touching anything. Errors: those of
// package backup, [ErrOtherNode].
func (r *Restoration) Check() (Prospect, error) {
	p, _, err := r.check()
	return p, err
}

func (r *Restoration) check() (p Prospect, ring *keys.Ring, err error) {
	if ring, err = keys.NewRing(r.Seed, r.Network); err != nil {
		return p, nil, err
	}
	p.Node = ring.Node().ID()
	if r.Backup != nil {
		key, err := ring.BackupKey()
		if err != nil {
			return p, nil, err
		}
		if p.Backup, err = Unseal(key, p.Node, *r.Network.GenesisHash, r.Backup); err != nil {
			return p, nil, err
		}
		p.From = p.Backup.Birthday
	}
	if r.From != nil {
		p.From = *r.From
	}
	return p, ring, nil
}

// restoredAhead is by how much the counter of a restored database is above that of its
// backup: peers may have newer ones.
const restoredAhead = 1 << 20

// Do restores. The seed is written last: what is left by a crash before that is no
// data folder, and is refused. Errors: [ErrNotEmpty], and those of [Restoration.Check].
func (r *Restoration) Do(ctx context.Context) (p Prospect, err error) {
	p, ring, err := r.check()
	if err != nil {
		return p, err
	}
	if list, err := os.ReadDir(r.Dir); err == nil && len(list) > 0 {
		return p, fmt.Errorf("%w (%s)", ErrNotEmpty, r.Dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return p, err
	}
	s, err := store.Open(ctx, r.Dir)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	list, err := recovered(ring, &p.Backup, func(wire.ChannelID) (bool, error) { return false, nil })
	if err != nil {
		return p, err
	}
	w, err := wallet.Load(wallet.Config{Network: r.Network, Keys: ring}, wallet.Rows{})
	if err != nil {
		return p, err
	}
	addresses, err := w.Extend(given(&p.Backup))
	if err != nil {
		return p, err
	}
	counter := max(p.Backup.Counter+restoredAhead, first(r.Now()))
	rows := []durable.Row{
		store.Fact{Name: FactNode, Value: p.Node[:]}, store.NumberFact(factCounter, counter),
		store.NumberFact(FactBirthday, uint64(p.From)), store.NumberFact(FactRescan, uint64(p.From)),
		store.NumberFact(FactRestored, uint64(p.Backup.NextKey)),
	}
	rows = append(rows, looking()...)
	for _, l := range list {
		rows = append(rows, l.rows...)
	}
	if _, err := addresses.With(rows...).Commit(ctx, s); err != nil {
		return p, err
	}
	return p, keys.CreateSeed(filepath.Join(r.Dir, SeedFile), r.Seed, r.Random, r.Sealing)
}

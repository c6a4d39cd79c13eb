package keeper

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

func point(n byte) wire.Point {
	key, _ := btcec.PrivKeyFromBytes(append(make([]byte, 31), n))
	return wire.PointOf(key.PubKey())
}

func channelOf(n byte, peer wire.NodeID) backup.Channel {
	p := point(n)
	return backup.Channel{
		Peer: peer, KeyIndex: uint32(n), Funding: btcwire.OutPoint{Hash: [32]byte{n}}, Capacity: 100_000, Format: script.Anchors,
		RemoteKeys: script.Basepoints{Funding: p, Revocation: p, Payment: p, DelayedPayment: p, HTLC: p},
	}
}

// friend is a peer.
type friend struct {
	id       wire.NodeID
	features wire.Features
	got      []wire.Message
}

func (f *friend) ID() wire.NodeID         { return f.id }
func (f *friend) Features() wire.Features { return f.features }
func (f *friend) Send(msgs ...wire.Message) error {
	f.got = append(f.got, msgs...)
	return nil
}

// gave is what was given to a friend to store.
func (f *friend) gave() (blobs [][]byte) {
	for _, m := range f.got {
		if s, ok := m.(*wire.PeerStorage); ok {
			blobs = append(blobs, s.Blob)
		}
	}
	return blobs
}

func newFriend(n byte) *friend {
	return &friend{id: point(n), features: wire.NewFeatures(wire.ProvideStorage + 1)}
}

// home is a keeper with all around it.
type home struct {
	*Keeper
	t        *testing.T
	dir      string
	store    *store.Store
	now      time.Time
	channels []backup.Channel
	given    uint32 // addresses
	friends  []*friend
	with     map[wire.NodeID]bool // who has a channel
	awaited  []wire.ChannelID     // that wait for their peers' funding transactions
	olds     int
	recover  bool
	dies     bool
}

func newHome(t *testing.T) *home {
	h := &home{t: t, dir: ready.Dir(t, t.TempDir()), now: time.Unix(1_800_000_000, 0), with: map[wire.NodeID]bool{}}
	h.open()
	return h
}

func (h *home) try() error {
	h.t.Helper()
	s, err := store.Open(h.t.Context(), h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	k, err := Open(h.t.Context(), Config{
		Dir: h.dir, Key: [32]byte{1}, Chain: *chaincfg.RegressionNetParams.GenesisHash, Node: point(1), Store: s, Random: rand.Reader,
		Now: func() time.Time { return h.now }, Lost: h.recover,
		Content: func(context.Context) (backup.Backup, error) {
			return backup.Backup{
				Birthday: 100, NextKey: 9, Branches: []backup.Branch{{Kind: 84, Next: h.given}}, Channels: slices.Clone(h.channels),
			}, nil
		},
		HasChannel: func(id wire.NodeID) bool { return h.with[id] },
		Awaited:    func(id wire.ChannelID) bool { return slices.Contains(h.awaited, id) },
		Peers: func() (list []Peer) {
			for _, f := range h.friends {
				list = append(list, f)
			}
			return list
		},
		Old: func(context.Context) { h.olds++ },
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) {
			if !h.dies {
				h.t.Error(err)
			}
		},
	})
	if err != nil {
		s.Close()
		return err
	}
	tip := func(context.Context) (chain.BlockRef, error) { return chain.BlockRef{Height: 100}, nil }
	if err := k.Begin(h.t.Context(), tip, "for a test"); err != nil {
		h.t.Fatal(err)
	}
	h.Keeper, h.store = k, s
	h.t.Cleanup(func() { s.Close() })
	return nil
}

func (h *home) open() {
	h.t.Helper()
	if err := h.try(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) close() {
	h.t.Helper()
	if err := h.store.Close(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) save() {
	h.t.Helper()
	if err := h.Save(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// file is the backup that the folder has.
func (h *home) file() backup.Backup {
	h.t.Helper()
	sealed, err := os.ReadFile(h.path(BackupFile))
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := h.Keeper.open(sealed)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *home) seal0(b *backup.Backup) ([]byte, error) { return h.Keeper.seal(b, 0) }

func (h *home) seal(b backup.Backup) []byte {
	h.t.Helper()
	b.Node, b.Chain = point(1), *chaincfg.RegressionNetParams.GenesisHash
	sealed, err := h.seal0(&b)
	if err != nil {
		h.t.Fatal(err)
	}
	return sealed
}

func TestABackupIsWrittenAtEachChangeOfTheSetOfChannels(t *testing.T) {
	h := newHome(t)
	h.save()
	first := h.file()
	if first.Counter <= uint64(h.now.Unix()) || len(first.Channels) != 0 || first.Node != point(1) || first.Birthday != 100 {
		t.Errorf("%+v", first)
	}
	h.save()
	if h.file().Counter != first.Counter {
		t.Error("written though nothing has changed")
	}
	h.channels = append(h.channels, channelOf(2, point(2)))
	h.save()
	second := h.file()
	if second.Counter != first.Counter+1 || len(second.Channels) != 1 {
		t.Errorf("%+v", second)
	}
	h.channels[0].SCID = 7
	h.given = addressStep - 1
	h.save()
	if h.file().Counter != second.Counter {
		t.Error("written for what changes all the time")
	}
	h.channels[0].Addresses = []string{"192.0.2.1:9735"}
	h.save()
	h.given = addressStep
	h.save()
	if got := h.file(); got.Counter != second.Counter+2 || got.Branches[0].Next != addressStep {
		t.Errorf("%+v", got)
	}
	h.channels = nil
	h.save()
	if got := h.file(); got.Counter != second.Counter+3 || len(got.Channels) != 0 {
		t.Errorf("%+v", got)
	}
	h.close()
	h.open()
	h.save()
	if got := h.file(); got.Counter != second.Counter+4 {
		t.Errorf("a start writes no backup: %+v", got)
	}
}

// snapshot copies files of a folder.
func snapshot(t *testing.T, dir string, names ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		out[name] = b
	}
	return out
}

func put(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if b != nil {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A node lives; at each moment its database and the files beside it are copied. A
// database with files that are as old or older (a crash came between two writes, or a
// disk forgot a file) is good; with newer ones it is refused.
func TestADatabaseIsOldExactlyWhenSomethingBesideItIsNewer(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	h := newHome(t)
	var databases, files []map[string][]byte
	moment := func() {
		h.close() // all of the database is in one file then
		databases = append(databases, snapshot(t, h.dir, "leyden.sqlite3"))
		files = append(files, snapshot(t, h.dir, BackupFile, markFile))
		h.open()
	}
	files = append(files, map[string][]byte{BackupFile: nil, markFile: nil}) // none yet
	databases = append(databases, nil)
	h.save()
	h.writeMark(t.Context())
	moment()
	h.save()
	moment() // the database has seen a start more than the mark
	h.writeMark(t.Context())
	moment()
	h.channels = append(h.channels, channelOf(2, point(2)))
	h.save()
	moment()
	h.save()
	h.writeMark(t.Context())
	moment()
	h.close()
	for i, database := range databases {
		for j, beside := range files {
			if database == nil {
				continue
			}
			put(t, h.dir, database)
			put(t, h.dir, beside)
			err := h.try()
			var old *OldError
			if j <= i && err != nil || j > i && !errors.As(err, &old) {
				// Between two moments a file may be the same.
				if j > i && err == nil && bytes.Equal(files[i][BackupFile], beside[BackupFile]) && bytes.Equal(files[i][markFile], beside[markFile]) {
					continue
				}
				t.Errorf("the database of moment %d with the files of moment %d: %v", i, j, err)
			}
			if err == nil {
				h.close()
			}
		}
	}
}

// A copy that was made since the last start has seen as many starts and backups.
func TestADatabaseWhoseChannelsHaveGoneOnIsOld(t *testing.T) {
	h := newHome(t)
	c := channelOf(2, point(2))
	rows := c.Rows(script.Basepoints{})
	write := func() {
		if err := h.store.Write(t.Context(), rows.State); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.store.Write(t.Context(), rows.Params, rows.Status, rows.State, rows.Commitment); err != nil {
		t.Fatal(err)
	}
	h.save()
	h.writeMark(t.Context())
	copied := filepath.Join(t.TempDir(), "copy")
	if err := h.store.Copy(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	rows.State.Signed++
	write()
	h.writeMark(t.Context())
	rows.State.Signed++
	write() // the mark has not seen this one
	h.close()
	h.open()
	h.close()
	now := snapshot(t, h.dir, markFile)
	m, err := decodeMark(now[markFile])
	if err != nil || m.steps != 1 || m.generation != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	put(t, h.dir, map[string][]byte{"leyden.sqlite3": b, "leyden.sqlite3-wal": nil})
	s, err := store.Open(t.Context(), h.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), store.Fact{Name: store.FactCopy}); err != nil { // as if it were a plain copy
		t.Fatal(err)
	}
	s.Close()
	var old *OldError
	if err := h.try(); !errors.As(err, &old) {
		t.Errorf("%v", err)
	}
}

func TestSomebodyWhoKnowsBetterCanUseAnOldDatabase(t *testing.T) {
	h := newHome(t)
	h.save()
	h.writeMark(t.Context())
	h.close()
	old := snapshot(t, h.dir, "leyden.sqlite3")
	h.open()
	h.channels = append(h.channels, channelOf(2, point(2)))
	h.save()
	h.writeMark(t.Context())
	newest := h.file()
	h.close()
	put(t, h.dir, old)
	if err := h.try(); err == nil {
		t.Fatal("it is not refused")
	}
	h.recover, h.channels = true, nil
	h.open()
	if h.Old() == "" || h.Generation() < 3 {
		t.Errorf("%q, generation %d", h.Old(), h.Generation())
	}
	if found := h.Found(); len(found.Channels) != 1 {
		t.Errorf("the channel that only the backup knows is forgotten: %+v", found)
	}
	h.save()
	if got := h.file(); got.Counter <= newest.Counter || len(got.Channels) != 1 {
		t.Errorf("%+v", got)
	}
	h.writeMark(t.Context())
	h.close()
	h.recover = false
	h.open() // from now on it is the newest
}

func TestAMissingDatabaseIsNotReplacedByAnEmptyOne(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	h := newHome(t)
	h.save()
	h.writeMark(t.Context())
	h.close()
	put(t, h.dir, map[string][]byte{"leyden.sqlite3": nil, "leyden.sqlite3-wal": nil})
	var old *OldError
	if err := h.try(); !errors.As(err, &old) {
		t.Errorf("%v", err)
	}
}

func TestABackupThatLiesInANewFolderIsNotOverwritten(t *testing.T) {
	h := newHome(t)
	h.channels = []backup.Channel{channelOf(2, point(2)), channelOf(3, point(3))}
	h.save()
	file := snapshot(t, h.dir, BackupFile)
	h.close()
	other := &home{t: t, dir: ready.Dir(t, t.TempDir()), now: h.now, with: map[wire.NodeID]bool{}}
	put(t, other.dir, file)
	other.open()
	other.channels = []backup.Channel{channelOf(4, point(4))} // opened before anything is recovered
	other.save()
	if got := other.file(); len(got.Channels) != 3 || got.Counter <= h.file().Counter {
		t.Errorf("%+v", got)
	}
	if len(other.Found().Channels) != 2 {
		t.Errorf("%+v", other.Found())
	}
	other.close()
	other.open()
	if len(other.Found().Channels) != 3 { // this database has no rows of the third either
		t.Errorf("%+v", other.Found())
	}
}

func TestABackupThatCannotBeReadIsPutAside(t *testing.T) {
	for name, content := range map[string]func(h *home) []byte{
		"of another node": func(h *home) []byte {
			b := backup.Backup{Node: point(7), Chain: *chaincfg.RegressionNetParams.GenesisHash}
			sealed, _ := h.seal0(&b)
			return sealed
		},
		"of another chain": func(h *home) []byte {
			sealed, _ := h.seal0(&backup.Backup{Node: point(1)})
			return sealed
		},
		"damaged": func(*home) []byte { return []byte("LEYDENB\x01, and no more") },
	} {
		h := newHome(t)
		bad := content(h)
		h.close()
		put(t, h.dir, map[string][]byte{BackupFile: bad})
		h.open()
		h.save()
		list, err := filepath.Glob(h.path(BackupFile + ".*"))
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		if b, err := os.ReadFile(list[0]); err != nil || !bytes.Equal(b, bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMarkThatSaysNothingIsIgnored(t *testing.T) {
	other := mark{node: point(2), generation: 1000, steps: 1000}
	for _, bad := range [][]byte{{}, []byte("leyden-mark 2\n"), other.encode(), append(other.encode(), 'x')} {
		h := newHome(t)
		h.close()
		put(t, h.dir, map[string][]byte{markFile: bad})
		h.open()
		h.close()
	}
}

func FuzzMark(f *testing.F) {
	f.Add([]byte("leyden-mark 1\nnode " + point(1).String() + "\ngeneration 5\nsteps 7\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeMark(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Errorf("%q is %+v", b, m)
		}
	})
}

func TestOurBackupIsGivenToPeersThatOfferToStoreIt(t *testing.T) {
	h := newHome(t)
	h.channels = []backup.Channel{channelOf(2, point(2))}
	a, b, c := newFriend(2), newFriend(3), newFriend(4)
	b.features = nil
	h.friends = []*friend{a, b, c}
	h.save()
	for _, f := range h.friends {
		h.Up(t.Context(), f)
	}
	if len(a.got) != 0 {
		t.Error("given before it was heard what the peer stores")
	}
	h.Established(a)
	h.Established(b)
	h.Established(a) // a second channel
	h.channels = append(h.channels, channelOf(3, point(3)))
	h.save()
	blobs := a.gave()
	if len(blobs) != 2 || len(b.got) != 0 || len(c.got) != 0 {
		t.Fatalf("%d, %d, %d messages", len(blobs), len(b.got), len(c.got))
	}
	for i, blob := range blobs {
		got, err := h.Keeper.open(blob)
		if err != nil || len(got.Channels) != i+1 || len(blob) != backup.PeerStorageSize {
			t.Errorf("%d bytes, %+v, %v", len(blob), got, err)
		}
	}
	// On the next connection it is given again, unless the peer has it.
	for again, blob := range [][]byte{blobs[1], blobs[0], nil} {
		h.Down(a.id)
		a.got = nil
		h.Up(t.Context(), a)
		if blob != nil {
			h.Message(t.Context(), a, &wire.PeerStorageRetrieval{Blob: blob})
		}
		h.Established(a)
		if n := len(a.gave()); n != min(again, 1) {
			t.Errorf("case %d: given %d times", again, n)
		}
	}
	if h.olds != 0 {
		t.Error("an old backup makes the database old")
	}
}

func TestAChannelThatItsPeerOnlyPromisesIsInTheFileAlone(t *testing.T) {
	h := newHome(t)
	promised := channelOf(3, point(3))
	promised.Capacity *= 1000
	h.channels = []backup.Channel{channelOf(2, point(2)), promised}
	h.awaited = []wire.ChannelID{promised.ID()}
	f := newFriend(2)
	h.friends = []*friend{f}
	h.Up(t.Context(), f)
	h.save()
	h.Established(f)
	if n := len(h.file().Channels); n != 2 {
		t.Errorf("the file has %d channels", n)
	}
	h.awaited = nil // its funding output is in a block
	h.save()
	for i, blob := range f.gave() {
		got, err := h.Keeper.open(blob)
		if err != nil || len(got.Channels) != i+1 || got.Channels[0].Peer != point(2) {
			t.Errorf("backup %d has %+v: %v", i, got.Channels, err)
		}
	}
	if n := len(f.gave()); n != 2 {
		t.Errorf("given %d times", n)
	}
}

func TestAPeersNewerBackupMakesTheDatabaseOld(t *testing.T) {
	h := newHome(t)
	h.save()
	counter := h.file().Counter
	f := newFriend(2)
	h.friends = []*friend{f}
	for _, nonsense := range [][]byte{nil, []byte("x"), make([]byte, 65531)} {
		if !h.Message(t.Context(), f, &wire.PeerStorageRetrieval{Blob: nonsense}) || h.olds != 0 {
			t.Error("nonsense is believed")
		}
	}
	newer := h.seal(backup.Backup{Counter: counter + 5, Channels: []backup.Channel{channelOf(2, point(2))}})
	h.Message(t.Context(), f, &wire.PeerStorageRetrieval{Blob: newer})
	if h.olds != 1 || len(h.Found().Channels) != 1 {
		t.Fatalf("%d times old, found %+v", h.olds, h.Found())
	}
	h.save()
	if got := h.file(); got.Counter != counter+6 || len(got.Channels) != 1 {
		t.Errorf("%+v", got)
	}
	h.Message(t.Context(), f, &wire.PeerStorageRetrieval{Blob: newer})
	if h.olds != 1 {
		t.Error("old again, by the same")
	}
	h.close()
	h.open()
	if len(h.Found().Channels) != 1 {
		t.Error("what was found is forgotten")
	}
}

func TestWhatAPeerStoresIsGivenBackFirst(t *testing.T) {
	h := newHome(t)
	a, b := newFriend(2), newFriend(3)
	h.with[a.id] = true
	for _, f := range []*friend{a, b} {
		h.Up(t.Context(), f)
		h.Message(t.Context(), f, &wire.PeerStorage{Blob: []byte("precious")})
	}
	h.Message(t.Context(), a, &wire.PeerStorage{Blob: make([]byte, backup.PeerStorageSize+1)})
	h.close()
	h.open()
	for _, f := range []*friend{a, b} {
		h.Up(t.Context(), f)
	}
	if len(a.got) != 1 || len(b.got) != 0 {
		t.Fatalf("%v, %v", a.got, b.got)
	}
	if m, ok := a.got[0].(*wire.PeerStorageRetrieval); !ok || string(m.Blob) != "precious" {
		t.Errorf("%v", a.got[0])
	}
}

func TestAPeerThatStoresAllTheTimeIsWrittenOnceAMinute(t *testing.T) {
	h := newHome(t)
	a := newFriend(2)
	h.with[a.id] = true
	stored := func() string {
		b, _, err := h.store.PeerStorage(t.Context(), a.id)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	n := 0
	send := func() string {
		n++
		blob := fmt.Sprint(n)
		h.Message(t.Context(), a, &wire.PeerStorage{Blob: []byte(blob)})
		return blob
	}
	writes := 0
	for range 100 {
		if send() == stored() {
			writes++
		}
	}
	if writes < storeBurst || writes > storeBurst+1 {
		t.Errorf("%d writes at once", writes)
	}
	h.now = h.now.Add(storeEvery)
	h.tend(t.Context(), 100)
	if stored() != fmt.Sprint(n) {
		t.Errorf("%s is stored, %d was the last", stored(), n)
	}
	// What waits is given back all the same.
	last := send()
	h.Down(a.id)
	h.Up(t.Context(), a)
	if m, ok := a.got[len(a.got)-1].(*wire.PeerStorageRetrieval); !ok || string(m.Blob) != last {
		t.Errorf("%v instead of %s", a.got, last)
	}
}

func TestAPeersStorageIsKeptForTwoWeeksAfterItsLastChannel(t *testing.T) {
	h := newHome(t)
	a := newFriend(2)
	h.with[a.id] = true
	h.Message(t.Context(), a, &wire.PeerStorage{Blob: []byte("x")})
	there := func() bool {
		_, ok, err := h.store.PeerStorage(t.Context(), a.id)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	h.tend(t.Context(), 100)
	h.with[a.id] = false
	h.tend(t.Context(), 100)
	h.close()
	h.open() // since when is on disk
	h.tend(t.Context(), 2000)
	h.with[a.id] = true
	h.tend(t.Context(), 2500) // there was a new one
	h.with[a.id] = false
	h.tend(t.Context(), 3000)
	h.tend(t.Context(), 3000+keepFor-1)
	if !there() {
		t.Error("it is forgotten too early")
	}
	h.tend(t.Context(), 3000+keepFor)
	if there() {
		t.Error("it is kept for ever")
	}
	h.Message(t.Context(), a, &wire.PeerStorage{Blob: []byte("x")})
	if there() {
		t.Error("a peer without a channel stores")
	}
}

func TestAFolderThatCannotBeWrittenIsAnErrorAndNoEnd(t *testing.T) {
	h := newHome(t)
	h.save()
	h.cfg.Dir = filepath.Join(h.dir, "missing")
	h.channels = []backup.Channel{channelOf(2, point(2))}
	if err := h.Save(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	h.cfg.Dir = h.dir
	h.save()
	if len(h.file().Channels) != 1 {
		t.Error("it is not tried again")
	}
}

func restoration(t *testing.T, dir string, sealed []byte) Restoration {
	t.Helper()
	seed, err := keys.NewSeed(bytes.NewReader(bytes.Repeat([]byte{5}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return Restoration{
		Dir: dir, Network: &chaincfg.RegressionNetParams, Seed: seed, Backup: sealed, Random: rand.Reader,
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	}
}

// sealedFor seals a backup under the seed of a restoration.
func sealedFor(t *testing.T, r Restoration, b backup.Backup) []byte {
	t.Helper()
	ring, err := keys.NewRing(r.Seed, r.Network)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ring.BackupKey()
	if err != nil {
		t.Fatal(err)
	}
	b.Node, b.Chain = ring.Node().ID(), *r.Network.GenesisHash
	sealed, err := backup.Seal(key, [backup.NonceSize]byte{1}, &b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestACheckTouchesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r := restoration(t, dir, nil)
	r.Backup = sealedFor(t, r, backup.Backup{Birthday: 77, Channels: []backup.Channel{channelOf(2, point(2))}})
	p, err := r.Check()
	if err != nil || len(p.Backup.Channels) != 1 || p.From != 77 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a folder: %v", err)
	}
	r.Network = &chaincfg.MainNetParams
	if _, err := r.Check(); !errors.Is(err, backup.ErrKey) {
		t.Errorf("of another network: %v", err)
	}
	r.Network = &chaincfg.SigNetParams // the keys are the same
	if _, err := r.Check(); !errors.Is(err, ErrOtherNode) {
		t.Errorf("of another test network: %v", err)
	}
}

func TestARestorationNeedsAnEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "precious")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := restoration(t, dir, nil)
	if _, err := r.Do(t.Context()); !errors.Is(err, ErrNotEmpty) {
		t.Error(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestARestorationEndsWithTheSeed(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	dir := filepath.Join(t.TempDir(), "new")
	r := restoration(t, dir, nil)
	r.Random = io.LimitReader(rand.Reader, 0)
	r.Sealing = keys.Sealing{Passphrase: func(bool) (string, error) { return "x", nil }}
	if _, err := r.Do(t.Context()); err == nil {
		t.Fatal("there is no randomness")
	}
	if _, err := os.Stat(filepath.Join(dir, SeedFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a folder looks whole: %v", err)
	}
	r.Dir, r.Random = filepath.Join(dir, "again"), rand.Reader
	r.Backup = sealedFor(t, r, backup.Backup{Counter: 7, NextKey: 8, Channels: []backup.Channel{channelOf(2, point(2)), channelOf(2, point(2))}})
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadSeed(filepath.Join(r.Dir, SeedFile), r.Sealing); err != nil {
		t.Error(err)
	}
	s, err := store.Open(t.Context(), r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rows, err := s.Channels(t.Context()); err != nil || len(rows) != 1 {
		t.Errorf("%d channels, %v", len(rows), err)
	}
	if n, ok, err := store.Number(t.Context(), s, factCounter); err != nil || !ok || n < 1_800_000_000 {
		t.Errorf("counter %d, %v", n, err)
	}
}

func TestKeysOfANodeThatWasRestoredAreThoseOfNoChannel(t *testing.T) {
	for _, x := range []struct{ next, height, want uint32 }{
		{5, 0, 5}, {5, 110, 110_000}, {200_000, 110, 200_000}, {5, 900_000, 900_000_000}, {5, 1 << 31, 1_073_741_000},
	} {
		if got := FreshKeys(x.next, x.height); got.KeyIndex != x.want || got != keys.Spent(x.want) {
			t.Errorf("%d at %d: %+v", x.next, x.height, got)
		}
	}
}

func TestACopySaysThatItIsOld(t *testing.T) {
	h := newHome(t)
	copied := filepath.Join(t.TempDir(), "copy")
	if err := h.store.Copy(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	h.close()
	put(t, h.dir, map[string][]byte{"leyden.sqlite3": b, "leyden.sqlite3-wal": nil})
	var old *OldError
	if err := h.try(); !errors.As(err, &old) {
		t.Errorf("%v", err)
	}
	h.recover = true
	h.open()
	h.close()
	h.recover = false
	h.open() // it is the database now
}

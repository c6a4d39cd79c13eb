package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/prepared"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func opened(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTheDatabaseIsAsDurableAsItCanBe(t *testing.T) {
	s := opened(t, t.TempDir())
	for name, d := range map[string]prepared.On{"writer": s.conn, "readers": s.read} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			if err := d.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %s, %v", name, pragma, got, err)
			}
		}
	}
}

func TestADatabaseThatCannotBeOpenedIsAnError(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(file, "below")); err == nil {
		t.Error("a folder below a file")
	}
	if err := os.WriteFile(filepath.Join(dir, "leyden.sqlite3"), []byte("this is no database, it is a text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the lock is given back
		if _, err := Open(t.Context(), dir); err == nil || errors.Is(err, ErrLocked) {
			t.Error(err)
		}
	}
}

func TestAWriteWhoseCallerHasLeftIsNotBegun(t *testing.T) {
	s := opened(t, ready.Dir(t, t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, Fact{Name: "a", Value: []byte{1}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, ok, err := s.Fact(t.Context(), "a"); ok || err != nil {
		t.Errorf("written: %v", err)
	}
}

func TestDamageIsSeenAndNotLoaded(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	id, hash := wire.ChannelID{1}, wire.PaymentHash{1}
	in := channel.HTLCRow{Channel: id, Incoming: true, Onion: new([wire.OnionPacketSize]byte), PathKey: &wire.Point{2}}
	in.Preimage, in.Malformed = &wire.Preimage{3}, &channel.Malformed{}
	rows := []durable.Row{
		channel.ParamsRow{Channel: id, KeyIndex: 1, ChannelType: wire.Features{1}, LocalScript: []byte{1}},
		channel.StatusRow{Channel: id, Closing: &channel.Agreement{}}, channel.StateRow{Channel: id},
		channel.CommitmentRow{Channel: id, Signatures: channel.Signatures{HTLCSignatures: make([]wire.Signature, 1), DelaySignatures: make([]wire.Signature, 1)}}, channel.SecretRow{Channel: id}, in,
		channel.HTLCRow{Channel: id, Origin: channel.Origin{In: &channel.Ref{Channel: id}}},
		relay.DecisionRow{In: channel.Ref{Channel: id}, Kind: relay.Fulfil},
		channel.SettlementRow{HTLC: channel.Ref{Channel: id}, Origin: channel.Origin{Attempt: 9}, Preimage: &wire.Preimage{3}},
		pay.PaymentRow{PaymentHash: hash, Group: 1}, pay.AttemptRow{ID: 1, PaymentHash: hash, Group: 1, Hops: []pay.Hop{{}}},
		pay.PaymentResultRow{PaymentHash: hash, Status: pay.Complete}, pay.AttemptResultRow{ID: 1, Status: pay.Complete, Failure: &pay.Failure{}},
		pay.AttemptRow{ID: 2, PaymentHash: hash, Group: 1, Hops: []pay.Hop{{}}},
		keys.SignerRow{KeyIndex: 1}, wallet.CoinRow{Script: []byte{1}}, wallet.TxRow{Raw: []byte{1}},
		ledger.SeenRow{}, ledger.BlockRow{}, ledger.Entry{Moves: []asset.BalanceChange{{}}}, ledger.PropertyRow{ID: 1, Property: &asset.Property{}},
		ledger.SaleRow{Issuer: "a", Sale: &asset.Crowdsale{}},
		graph.NodeRow{Node: wire.NodeID{2}, Raw: []byte{1}}, PeerRow{ID: wire.NodeID{2}, Address: "a:1"},
	}
	whole := t.TempDir()
	s, err := Open(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Write(t.Context(), rows...), s.Close()); err != nil {
		t.Fatal(err)
	}
	channels := func(s *Store) error { _, err := s.Channels(t.Context()); return err }
	unfinished := func(s *Store) error { _, err := s.Unfinished(t.Context()); return err }
	payment := func(s *Store) error { _, _, err := s.PaymentByHash(t.Context(), hash); return err }
	attempts := func(s *Store) error { _, err := s.Attempts(t.Context(), 1, 10); return err }
	coins := func(s *Store) error { _, err := s.Wallet(t.Context()); return err }
	tokens := func(s *Store) error { _, _, err := s.Ledger(t.Context()); return err }
	block := func(s *Store) error { _, _, err := s.AssetBlock(t.Context(), 0); return err }
	for damage, read := range map[string]func(s *Store) error{
		"UPDATE channels SET peer = x'00'":                          channels,
		"UPDATE channels SET local_keys = x'00'":                    channels,
		"UPDATE channels SET remote_keys = x'00'":                   channels,
		"UPDATE channels SET closing_signature = x'00'":             channels,
		"UPDATE states SET current_point = x'00'":                   channels,
		"UPDATE states SET next_point = x'00'":                      channels,
		"UPDATE commitments SET signature = x'00'":                  channels,
		"UPDATE commitments SET htlc_signatures = x'00'":            channels,
		"UPDATE secrets SET secret = x'00'":                         channels,
		"UPDATE onions SET onion = x'00'":                           channels,
		"UPDATE htlcs SET payment_hash = x'00'":                     channels,
		"UPDATE htlcs SET path_key = x'00' WHERE incoming":          channels,
		"UPDATE htlcs SET preimage = x'00' WHERE incoming":          channels,
		"UPDATE htlcs SET malformed = x'00' WHERE incoming":         channels,
		"UPDATE htlcs SET in_channel = 9":                           channels,
		"DELETE FROM states":                                        channels,
		"DELETE FROM commitments":                                   channels,
		"UPDATE decisions SET preimage = x'00'":                     unfinished,
		"UPDATE settlements SET preimage = x'00'":                   unfinished,
		"UPDATE settlements SET malformed = x'00'":                  unfinished,
		"UPDATE payments SET destination = x'00'":                   payment,
		"UPDATE payments SET preimage = x'00'":                      payment,
		"UPDATE payments SET bolt11 = x'02'":                        payment,
		"UPDATE payments SET payment_hash = x'00'":                  attempts,
		"UPDATE attempts SET session = x'00' WHERE id = 2":          attempts,
		"UPDATE payments SET preimage = x'00', status = 'complete'": attempts,
		"UPDATE attempts SET failure = x'00' WHERE id = 1":          attempts,
		"UPDATE attempts SET hops = x'00'":                          attempts,
		"UPDATE wallet_coins SET txid = x'00'":                      coins,
		"UPDATE wallet_coins SET spent_by = x'00'":                  coins,
		"UPDATE wallet_txs SET txid = x'00'":                        coins,
		"UPDATE asset_seen SET hash = x'00'":                        tokens,
		"UPDATE asset_properties SET property = x'00'":              tokens,
		"UPDATE asset_sales SET sale = x'00'":                       tokens,
		"UPDATE asset_blocks SET hash = x'00'":                      block,
		"UPDATE asset_blocks SET changes = x'00'":                   block,
		"UPDATE asset_entries SET txid = x'00'":                     func(s *Store) error { _, err := s.AssetHistory(t.Context(), "", 0, 0, 10); return err },
		"UPDATE nodes SET id = x'00'":                               func(s *Store) error { _, err := s.Gossip(t.Context()); return err },
		"UPDATE signers SET signed_hash = x'00'":                    func(s *Store) error { _, _, err := s.Signer(t.Context(), 1); return err },
	} {
		t.Run(damage, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := read(s); err != nil {
				t.Fatal("before:", err)
			}
			if _, err := s.conn.ExecContext(t.Context(), "PRAGMA foreign_keys = OFF"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.conn.ExecContext(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			if err := read(s); !errors.Is(err, errColumn) && !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("loaded: %v", err)
			}
		})
	}
}

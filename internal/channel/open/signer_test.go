//go:build !race

package open

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
)

// signer is one side's keys, made from a name.
type signer struct {
	name    string
	signed  int
	refuses bool
}

type memoryRow struct {
	Name   string
	Signed int
}

func (memoryRow) Table() string { return "signers" }

func (s *signer) key(what string) *btcec.PrivateKey {
	h := sha256.Sum256([]byte(s.name + " " + what))
	k, _ := btcec.PrivKeyFromBytes(h[:])
	return k
}

func (s *signer) point(what string) wire.Point { return wire.PointOf(s.key(what).PubKey()) }

func (s *signer) seed() [32]byte { return sha256.Sum256([]byte(s.name)) }

func (s *signer) PerCommitmentPoint(number uint64) wire.Point {
	secret := script.PerCommitmentSecret(s.seed(), number)
	k, _ := btcec.PrivKeyFromBytes(secret[:])
	return wire.PointOf(k.PubKey())
}

func (s *signer) Basepoints() script.Basepoints {
	return script.Basepoints{
		Funding: s.point("funding"), Revocation: s.point("revocation"), Payment: s.point("payment"),
		DelayedPayment: s.point("delayed"), HTLC: s.point("htlc"),
	}
}

func (s *signer) SignCommitment(c *script.Commitment) (channel.Signatures, error) {
	if s.refuses {
		return channel.Signatures{}, errRefused
	}
	s.signed++
	sigs := channel.Signatures{Signature: script.Sign(s.key("funding"), c.SigHash())}
	for _, d := range c.Delays() {
		sigs.DelaySignatures = append(sigs.DelaySignatures, script.Sign(script.DerivePrivKey(s.key("htlc"), s.point("htlc"), c.Keys.PerCommitment), d.SigHash()))
	}
	return sigs, nil
}

func (s *signer) Revoke(number uint64) ([32]byte, error) {
	return script.PerCommitmentSecret(s.seed(), number), nil
}

func (s *signer) SignClosing(tx *btcwire.MsgTx, capacity amount.Satoshi, fundingScript []byte) (wire.Signature, error) {
	return script.Sign(s.key("funding"), script.ClosingSigHash(tx, fundingScript, capacity)), nil
}

func (s *signer) SignOurs(c *script.Commitment) (wire.Signature, error) {
	return script.Sign(s.key("funding"), c.SigHash()), nil
}

func (s *signer) Memory() durable.Row { return memoryRow{s.name, s.signed} }

var errRefused = errors.New("signer refuses")

// verifier checks signatures one after the other.
type verifier struct{}

func (verifier) Verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}

// disk keeps rows in the order in which they were written.
type disk struct {
	rows []durable.Row
	err  error
}

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	if d.err != nil {
		return d.err
	}
	d.rows = append(d.rows, rows...)
	return nil
}

// has tells whether a row like r was written.
func has[R durable.Row](d *disk) (last R, ok bool) {
	for _, r := range d.rows {
		if is, yes := r.(R); yes {
			last, ok = is, true
		}
	}
	return last, ok
}

var allFeatures = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.LargeChannels,
	wire.ShutdownAnySegwit, wire.UpfrontShutdownScript, wire.SCIDAlias, wire.ZeroConf, wire.ChannelType)

func side(name string) Config {
	return Config{
		Policy: DefaultPolicy(), Chain: [32]byte{6}, Peer: (&signer{name: "peer of " + name}).point("node"),
		Ours: allFeatures, Theirs: allFeatures, KeyIndex: 7, Signer: &signer{name: name},
		Script: append([]byte{0, 20}, make([]byte, 20)...), Alias: 99, TrustPeer: true,
	}
}

func wish() Request {
	return Request{TemporaryID: wire.ChannelID{1}, Funding: 1_000_000, Push: 100_000_000, FeePerKw: 1000, Announce: true}
}

// violation is err as the answer to a peer.
func violation(t *testing.T, err error) *channel.Violation {
	t.Helper()
	var v *channel.Violation
	if !errors.As(err, &v) || v.Kind != channel.Fail {
		t.Fatalf("%v is not a violation that fails the channel", err)
	}
	return v
}

//go:build !race

package script

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// side is the private keys of one side of the channel of BOLT 3's appendices.
type side struct {
	Funding    bytes32 `json:"funding_privkey"`
	Payment    bytes32 `json:"payment_basepoint_secret"`
	HTLC       bytes32 `json:"htlc_basepoint_secret"`
	Delayed    bytes32 `json:"delayed_payment_basepoint_secret"`
	Revocation bytes32 `json:"revocation_basepoint_secret"`
}

// bytes32 is 32 bytes as hexadecimal digits.
type bytes32 [32]byte

func (b *bytes32) UnmarshalText(text []byte) error {
	_, err := hex.Decode(b[:], text)
	return err
}

func (b bytes32) private() *btcec.PrivateKey {
	if b == (bytes32{}) {
		b[31] = 1 // not used by the vectors, but a key has to be there
	}
	k, _ := btcec.PrivKeyFromBytes(b[:])
	return k
}

func (b bytes32) point() wire.Point { return wire.PointOf(b.private().PubKey()) }

func (s side) basepoints() Basepoints {
	return Basepoints{
		Funding: s.Funding.point(), Revocation: s.Revocation.point(), Payment: s.Payment.point(),
		DelayedPayment: s.Delayed.point(), HTLC: s.HTLC.point(),
	}
}

// channelVector is the channel of Appendix C and F.
type channelVector struct {
	FundingTxid         string  `json:"funding_txid"`
	FundingOutputIndex  uint32  `json:"funding_output_index"`
	CapacitySat         uint64  `json:"capacity_sat"`
	Number              uint64  `json:"number"`
	ToSelfDelay         uint16  `json:"to_self_delay"`
	ObscuringFactor     string  `json:"obscuring_factor"`
	PerCommitmentSecret bytes32 `json:"per_commitment_secret"`
	Local, Remote       side
	Keys                struct {
		PerCommitmentPoint wire.Point `json:"per_commitment_point"`
		Revocation         wire.Point `json:"revocation"`
		LocalDelayed       wire.Point `json:"local_delayed"`
		LocalHTLC          wire.Point `json:"local_htlc"`
		RemoteHTLC         wire.Point `json:"remote_htlc"`
	}
	FundingScript string `json:"funding_script"`
	HTLCs         []struct {
		ID             uint64        `json:"id"`
		OfferedByLocal bool          `json:"offered_by_local"`
		AmountMsat     uint64        `json:"amount_msat"`
		Expiry         uint32        `json:"expiry"`
		Preimage       wire.Preimage `json:"preimage"`
	} `json:"htlcs"`
}

// commitmentVector is one commitment with its HTLC transactions, in the order of
// the commitment's outputs.
type commitmentVector struct {
	Name            string
	ToLocalMsat     uint64  `json:"to_local_msat"`
	ToRemoteMsat    uint64  `json:"to_remote_msat"`
	FeeratePerKw    uint32  `json:"feerate_per_kw"`
	DustLimitSat    uint64  `json:"dust_limit_sat"`
	HTLCs           []int   `json:"htlcs"`
	BaseFeeSat      *uint64 `json:"base_fee_sat"`
	ActualFeeSat    *uint64 `json:"actual_fee_sat"`
	RemoteSignature string  `json:"remote_signature"`
	CommitTx        string  `json:"commit_tx"`
	HTLCTxs         []struct {
		HTLC            *uint64 `json:"htlc"`
		RemoteSignature string  `json:"remote_signature"`
		Tx              string
	} `json:"htlc_txs"`
}

func load(t testing.TB, file string, to any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func loadChannel(t testing.TB) (channelVector, []commitmentVector) {
	t.Helper()
	var f struct {
		Channel channelVector
		Cases   []commitmentVector
	}
	load(t, "commitments.json", &f)
	return f.Channel, f.Cases
}

func (c channelVector) params(t testing.TB, f Format, dust uint64) *Params {
	t.Helper()
	txid, err := chainhash.NewHashFromStr(c.FundingTxid)
	if err != nil {
		t.Fatal(err)
	}
	return &Params{
		Format: f, Funding: btcwire.OutPoint{Hash: *txid, Index: c.FundingOutputIndex}, Capacity: amount.Satoshi(c.CapacitySat),
		Broadcaster: c.Local.basepoints(), Countersignatory: c.Remote.basepoints(), BroadcasterIsOpener: true,
		ToSelfDelay: c.ToSelfDelay, DustLimit: amount.Satoshi(dust),
	}
}

func (c channelVector) spec(v commitmentVector) Spec {
	s := Spec{
		Number: c.Number, FeePerKw: v.FeeratePerKw,
		ToBroadcaster: amount.MilliSatoshi(v.ToLocalMsat), ToCountersignatory: amount.MilliSatoshi(v.ToRemoteMsat),
	}
	for _, i := range v.HTLCs {
		h := c.HTLCs[i]
		s.HTLCs = append(s.HTLCs, HTLC{
			Offered: h.OfferedByLocal, ID: h.ID, Amount: amount.MilliSatoshi(h.AmountMsat),
			PaymentHash: sha256.Sum256(h.Preimage[:]), CLTVExpiry: h.Expiry,
		})
	}
	return s
}

func serialized(t testing.TB, tx *btcwire.MsgTx) string {
	t.Helper()
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b.Bytes())
}

func signature(t testing.TB, der string) wire.Signature {
	t.Helper()
	b, err := hex.DecodeString(der)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ecdsa.ParseDERSignature(b)
	if err != nil {
		t.Fatal(err)
	}
	return wire.SignatureOf(s)
}

func TestCommitmentsOfAppendixC(t *testing.T) {
	channel, cases := loadChannel(t)
	for _, v := range cases {
		t.Run(v.Name, func(t *testing.T) { testCommitment(t, channel, StaticRemoteKey, v) })
	}
}

func TestCommitmentsWithAnchorsOfAppendixF(t *testing.T) {
	channel, _ := loadChannel(t)
	var f struct{ Cases []commitmentVector }
	load(t, "commitments_anchors.json", &f)
	for _, v := range f.Cases {
		t.Run(v.Name, func(t *testing.T) { testCommitment(t, channel, Anchors, v) })
	}
}

// testCommitment builds and signs a commitment and its HTLC transactions and
// wants the bytes of the vector.
func testCommitment(t *testing.T, channel channelVector, f Format, v commitmentVector) {
	point := PointOfSecret(channel.PerCommitmentSecret)
	c, err := Build(channel.params(t, f, v.DustLimitSat), point, channel.spec(v))
	if err != nil {
		t.Fatal(err)
	}
	remote := Sign(channel.Remote.Funding.private(), c.SigHash())
	if want := signature(t, v.RemoteSignature); remote != want {
		t.Errorf("remote signature %x, want %x", remote, want)
	}
	local := Sign(channel.Local.Funding.private(), c.SigHash())
	if got := serialized(t, c.Signed(local, remote)); got != v.CommitTx {
		t.Errorf("commitment\n%s, want\n%s", got, v.CommitTx)
	}
	if v.ActualFeeSat != nil && c.Fee != amount.Satoshi(*v.ActualFeeSat) {
		t.Errorf("fee %d, want %d", c.Fee, *v.ActualFeeSat)
	}
	if base := CommitFee(f, v.FeeratePerKw, len(c.HTLCs)); v.BaseFeeSat != nil && base != amount.Satoshi(*v.BaseFeeSat) {
		t.Errorf("base fee %d, want %d", base, *v.BaseFeeSat)
	}
	if len(c.HTLCs) != len(v.HTLCTxs) || len(c.HTLCs)+len(c.Trimmed) != len(v.HTLCs) {
		t.Fatalf("%d HTLC outputs and %d trimmed HTLCs, want %d of %d", len(c.HTLCs), len(c.Trimmed), len(v.HTLCTxs), len(v.HTLCs))
	}
	localKey := DerivePrivKey(channel.Local.HTLC.private(), wire.PointOf(channel.Local.HTLC.private().PubKey()), point)
	remoteKey := DerivePrivKey(channel.Remote.HTLC.private(), wire.PointOf(channel.Remote.HTLC.private().PubKey()), point)
	for i, h := range c.HTLCs {
		want := v.HTLCTxs[i]
		if want.HTLC != nil && *want.HTLC != h.ID {
			t.Errorf("HTLC %d at place %d, want %d", h.ID, i, *want.HTLC)
		}
		remote, local := Sign(remoteKey, c.HTLCSigHash(i)), Sign(localKey, c.HTLCOwnSigHash(i))
		if sig := signature(t, want.RemoteSignature); remote != sig {
			t.Errorf("HTLC %d: remote signature %x, want %x", h.ID, remote, sig)
		}
		var preimage *wire.Preimage
		if !h.Offered {
			preimage = &channel.HTLCs[h.ID].Preimage
		}
		if got := serialized(t, c.SignedHTLC(i, local, remote, preimage)); got != want.Tx {
			t.Errorf("HTLC %d\n%s, want\n%s", h.ID, got, want.Tx)
		}
	}
}

func TestKeysOfAppendixC(t *testing.T) {
	channel, _ := loadChannel(t)
	p := channel.params(t, StaticRemoteKey, 546)
	got, err := keysFor(p, channel.Keys.PerCommitmentPoint)
	if err != nil {
		t.Fatal(err)
	}
	want := Keys{
		PerCommitment: PointOfSecret(channel.PerCommitmentSecret), Revocation: channel.Keys.Revocation,
		BroadcasterDelayed: channel.Keys.LocalDelayed, BroadcasterHTLC: channel.Keys.LocalHTLC,
		CountersignatoryHTLC: channel.Keys.RemoteHTLC, ToRemote: channel.Remote.Payment.point(),
	}
	if got != want {
		t.Errorf("keys %v, want %v", got, want)
	}
	witness, _ := FundingScript(p.Countersignatory.Funding, p.Broadcaster.Funding)
	if hex.EncodeToString(witness) != channel.FundingScript {
		t.Errorf("funding script %x", witness)
	}
	factor := bytes32{}
	if _, err := hex.Decode(factor[:6], []byte(channel.ObscuringFactor)); err != nil {
		t.Fatal(err)
	}
	for i, b := range factor[:6] {
		if got := byte(ObscuredNumber(0, p) >> (40 - 8*i)); got != b {
			t.Errorf("byte %d of the obscuring factor is %02x, want %02x", i, got, b)
		}
	}
}

func TestKeyDerivationOfAppendixE(t *testing.T) {
	var v struct {
		BaseSecret          bytes32    `json:"base_secret"`
		PerCommitmentSecret bytes32    `json:"per_commitment_secret"`
		BasePoint           wire.Point `json:"base_point"`
		PerCommitmentPoint  wire.Point `json:"per_commitment_point"`
		PubKey              wire.Point `json:"localpubkey"`
		PrivKey             bytes32    `json:"localprivkey"`
		RevocationPubKey    wire.Point `json:"revocationpubkey"`
		RevocationPrivKey   bytes32    `json:"revocationprivkey"`
	}
	load(t, "keys.json", &v)
	if got := PointOfSecret(v.PerCommitmentSecret); got != v.PerCommitmentPoint {
		t.Errorf("per-commitment point %v", got)
	}
	if got, err := DerivePubKey(v.BasePoint, v.PerCommitmentPoint); err != nil || got != v.PubKey {
		t.Errorf("public key %v, %v", got, err)
	}
	if got := DerivePrivKey(v.BaseSecret.private(), wire.PointOf(v.BaseSecret.private().PubKey()), v.PerCommitmentPoint).Serialize(); !bytes.Equal(got, v.PrivKey[:]) {
		t.Errorf("private key %x", got)
	}
	if got, err := DeriveRevocationPubKey(v.BasePoint, v.PerCommitmentPoint); err != nil || got != v.RevocationPubKey {
		t.Errorf("revocation public key %v, %v", got, err)
	}
	if got := DeriveRevocationPrivKey(v.BaseSecret.private(), v.PerCommitmentSecret).Serialize(); !bytes.Equal(got, v.RevocationPrivKey[:]) {
		t.Errorf("revocation private key %x", got)
	}
}

type secretVectors struct {
	Generation []struct {
		Name   string
		Seed   bytes32
		Index  uint64
		Secret bytes32
	}
	Storage []struct {
		Name    string
		Inserts []struct {
			Index  uint64
			Secret bytes32
			OK     bool `json:"ok"`
		}
	}
}

func TestPerCommitmentSecretsOfAppendixD(t *testing.T) {
	var v secretVectors
	load(t, "secrets.json", &v)
	for _, v := range v.Generation {
		if got := PerCommitmentSecret(v.Seed, LastNumber-v.Index); got != v.Secret {
			t.Errorf("%s: %x, want %x", v.Name, got, v.Secret)
		}
	}
}

func TestSecretStorageOfAppendixD(t *testing.T) {
	var v secretVectors
	load(t, "secrets.json", &v)
	for _, v := range v.Storage {
		t.Run(v.Name, func(t *testing.T) {
			var s Secrets
			for _, in := range v.Inserts {
				number := LastNumber - in.Index
				if _, err := s.Insert(number, in.Secret); (err == nil) != in.OK {
					t.Fatalf("index %d: %v, want ok: %v", in.Index, err, in.OK)
				}
				if got, ok := s.Get(number); ok != in.OK || in.OK && got != in.Secret {
					t.Errorf("index %d is kept as %x, %v", in.Index, got, ok)
				}
			}
		})
	}
}

package keys

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// art is the seed of 256 zero bits.
const art = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon " +
	"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"

// seed is a source of randomness that gives one seed, all of whose bytes are b.
func seed(b byte) io.Reader { return bytes.NewReader(bytes.Repeat([]byte{b}, 32)) }

func ring(t *testing.T, words string) *Ring {
	t.Helper()
	s, err := SeedFromWords(words)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRing(s, &chaincfg.RegressionNetParams)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func signer(t *testing.T, index uint32) *Channel {
	t.Helper()
	c, err := ring(t, art).Channel(index)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWordsBringTheSeedBack(t *testing.T) {
	for b := range byte(8) {
		s, err := NewSeed(seed(b * 31))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(strings.Fields(s.Words())); n != 24 {
			t.Errorf("%d words", n)
		}
		got, err := SeedFromWords("  " + strings.ToUpper(s.Words()) + "\n")
		if err != nil || got != s {
			t.Errorf("%v", err)
		}
	}
	if s, err := NewSeed(seed(0)); err != nil || s.Words() != art {
		t.Errorf("%q, %v", s.Words(), err)
	}
}

func TestWordsThatAreNoSeedAreRefused(t *testing.T) {
	for _, bad := range []string{
		"", "abandon", strings.Replace(art, "art", "abandon", 1), strings.Replace(art, "art", "leyden", 1),
		"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about", // 128 bits
	} {
		if _, err := SeedFromWords(bad); !errors.Is(err, ErrWords) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSeedNeedsAllItsRandomness(t *testing.T) {
	if _, err := NewSeed(bytes.NewReader(make([]byte, 31))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func TestSeedFileIsMadeOnceAndReadEverAfter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regtest", "seed")
	s, created, err := LoadOrCreate(path, seed(5), Sealing{})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, created, err := LoadOrCreate(path, seed(6), Sealing{})
	if err != nil || created || again != s {
		t.Errorf("another seed: %v, %v", created, err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("files are left behind: %v, %v", all, err)
	}
}

func TestDamagedSeedFileIsRefusedAndKept(t *testing.T) {
	for _, content := range []string{"", "abandon\n", strings.Replace(art, "art", "abandon", 1), "\x00"} {
		path := filepath.Join(t.TempDir(), "seed")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, created, err := LoadOrCreate(path, seed(5), Sealing{}); !errors.Is(err, ErrWords) || created || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", content, created, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%q became %q: %v", content, b, err)
		}
	}
}

func TestSeedFileOfSomebodyElseIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	first, _, err := LoadOrCreate(path, seed(1), Sealing{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewSeed(seed(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := CreateSeed(path, second, seed(3), Sealing{}); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got, err := LoadSeed(path, Sealing{}); err != nil || got != first {
		t.Error(err)
	}
}

func TestSeedFileThatCannotBeReadOrMade(t *testing.T) {
	dir := t.TempDir()
	if _, created, err := LoadOrCreate(dir, seed(5), Sealing{}); err == nil || created {
		t.Errorf("a directory is a seed: %v", created)
	}
	path := filepath.Join(dir, "seed")
	if _, _, err := LoadOrCreate(path, iotest.ErrReader(io.ErrNoProgress), Sealing{}); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file without a seed: %v", err)
	}
}

// The keys below were derived by another program; they must never change, or
// words written down today bring nothing back.
func TestDerivationIsStable(t *testing.T) {
	r := ring(t, art)
	if got, want := r.Node().ID().String(), "02ec9fbbf851543e26104aae824788147c15bfb23e5b51a64493a3550355c5ec08"; got != want {
		t.Errorf("node id %s, want %s", got, want)
	}
	c := signer(t, 1)
	p := c.Basepoints()
	for name, v := range map[string]struct {
		got  wire.Point
		want string
	}{
		"funding":                {p.Funding, "02f167c42bfc49f15a385375d67f1d76f1998acc9bc02c9463715f0183e8e16608"},
		"revocation":             {p.Revocation, "02c1f26f37b3f973913ecd4ee9d8b7e9e08da8871c49f8d103390bf3d9f44ff7eb"},
		"payment":                {p.Payment, "0349d2e29aae7999c978ebd000cf271607db0a0548c61ec0b97a05065458873e35"},
		"delayed payment":        {p.DelayedPayment, "02df0444e2e2d313d551512ad03ac0575187951b151c3fb6d89e38e9f6a8eebe90"},
		"HTLC":                   {p.HTLC, "036b3c8d850af5b9449797b1e4325714e131f1eeb8bfe53d344e6a5a4e011713e1"},
		"per-commitment 0":       {c.PerCommitmentPoint(0), "034e9616863ff8fb2c350a5b3cc71bcc22214362911b44f1c3756cf2b1da4017a3"},
		"per-commitment 1":       {c.PerCommitmentPoint(1), "026e5234193f47c081510b184879a91f3b05b0f3826533f6c7838e05f8bc1730e2"},
		"wallet m/84'/1'/0'/0/0": {walletKey(t, r, 84, 0, 0), "0298720ece754e377af1b2716256e63c2e2427ff6ebdc66c2071c43ae80132ca32"},
		"wallet m/86'/1'/0'/1/7": {walletKey(t, r, 86, 1, 7), "0270afa5d257b05723b77a45e22ac63e3538238c7971ab6c64497573dd39f27b2d"},
	} {
		if v.got.String() != v.want {
			t.Errorf("%s %v, want %s", name, v.got, v.want)
		}
	}
}

func walletKey(t *testing.T, r *Ring, purpose, branch, index uint32) wire.Point {
	t.Helper()
	k, err := r.WalletKey(purpose, branch, index)
	if err != nil {
		t.Fatal(err)
	}
	return wire.PointOf(k.PubKey())
}

func TestNoTwoKeysAreTheSame(t *testing.T) {
	r := ring(t, art)
	seen := map[wire.Point]bool{r.Node().ID(): true}
	add := func(points ...wire.Point) {
		for _, p := range points {
			if seen[p] {
				t.Errorf("%v twice", p)
			}
			seen[p] = true
		}
	}
	for i := range uint32(3) {
		c := signer(t, i)
		p := c.Basepoints()
		add(p.Funding, p.Revocation, p.Payment, p.DelayedPayment, p.HTLC, c.PerCommitmentPoint(0), c.PerCommitmentPoint(1))
		for branch := range uint32(2) {
			add(walletKey(t, r, 49, branch, i), walletKey(t, r, 84, branch, i), walletKey(t, r, 86, branch, i))
		}
	}
	if _, err := r.WalletKey(44, 0, 0); err == nil {
		t.Error("an account that is not there")
	}
	s, err := SeedFromWords(art)
	if err != nil {
		t.Fatal(err)
	}
	mainnet, err := NewRing(s, &chaincfg.MainNetParams)
	if err != nil {
		t.Fatal(err)
	}
	add(mainnet.Node().ID())
}

func TestRingServesManyAtOnce(t *testing.T) {
	r := ring(t, art)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range uint32(8) {
		all.Go(func() {
			<-start
			for _, purpose := range []uint32{49, 84, 86} {
				if _, err := r.WalletKey(purpose, 0, i); err != nil {
					t.Error(err)
				}
			}
			if _, err := r.Channel(i); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
}

func TestECDHIsTheSameFromBothSides(t *testing.T) {
	node := ring(t, art).Node()
	other, public := btcec.PrivKeyFromBytes([]byte{3})
	var point, shared btcec.JacobianPoint
	node.PublicKey().AsJacobian(&point)
	btcec.ScalarMultNonConst(&other.Key, &point, &shared)
	shared.ToAffine()
	want := sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
	if got := node.ECDH(public); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestNodeIDIsRecoveredFromASignature(t *testing.T) {
	node := ring(t, art).Node()
	for i := range byte(16) {
		digest := sha256.Sum256([]byte{i})
		sig, err := node.SignRecoverable(digest)
		if err != nil {
			t.Fatal(err)
		}
		compact := append([]byte{27 + 4 + sig[64]}, sig[:64]...)
		key, _, err := ecdsa.RecoverCompact(compact, digest[:])
		if err != nil || wire.PointOf(key) != node.ID() {
			t.Errorf("recovery id %d: %v", sig[64], err)
		}
		if plain := node.Sign(digest); plain != wire.Signature(sig[:64]) || !script.Verify(node.ID(), digest, plain) {
			t.Errorf("%x, with recovery %x", plain, sig)
		}
	}
}

// peer is the other side of the channel below.
func peer() script.Basepoints {
	var p [5]wire.Point
	for i := range p {
		_, k := btcec.PrivKeyFromBytes([]byte{byte(i + 1)})
		p[i] = wire.PointOf(k)
	}
	return script.Basepoints{Funding: p[0], Revocation: p[1], Payment: p[2], DelayedPayment: p[3], HTLC: p[4]}
}

// commitment is one of ours, or of the peer's, with two HTLCs; fee tells two of
// one number apart.
func commitment(t *testing.T, c *Channel, ours bool, number uint64, fee uint32) *script.Commitment {
	t.Helper()
	p := script.Params{
		Format: script.Anchors, Funding: btcwire.OutPoint{Index: 1}, Capacity: 1_000_000,
		Broadcaster: peer(), Countersignatory: c.Basepoints(), ToSelfDelay: 144, DustLimit: 354,
	}
	point := peer().HTLC
	if ours {
		p.Broadcaster, p.Countersignatory = p.Countersignatory, p.Broadcaster
		point = c.PerCommitmentPoint(number)
	}
	m, err := script.Build(&p, point, script.Spec{
		Number: number, FeePerKw: fee, ToBroadcaster: 400_000_000, ToCountersignatory: 580_000_000,
		HTLCs: []script.HTLC{{Offered: true, ID: 1, Amount: 10_000_000}, {ID: 2, Amount: 10_000_000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sign(t *testing.T, c *Channel, number uint64, fee uint32) error {
	t.Helper()
	_, err := c.SignCommitment(commitment(t, c, false, number, fee))
	return err
}

func TestSignaturesFitTheCommitment(t *testing.T) {
	c := signer(t, 1)
	m := commitment(t, c, false, 0, 1000)
	sigs, err := c.SignCommitment(m)
	if err != nil {
		t.Fatal(err)
	}
	if !script.Verify(c.Basepoints().Funding, m.SigHash(), sigs.Signature) {
		t.Error("the commitment's signature does not verify")
	}
	if len(sigs.HTLCSignatures) != 2 {
		t.Fatalf("%d HTLC signatures", len(sigs.HTLCSignatures))
	}
	for i, s := range sigs.HTLCSignatures {
		if !script.Verify(m.Keys.CountersignatoryHTLC, m.HTLCSigHash(i), s) {
			t.Errorf("HTLC signature %d does not verify", i)
		}
	}
	mine := commitment(t, c, true, 0, 1000)
	if sig, err := c.SignOurs(mine); err != nil || !script.Verify(c.Basepoints().Funding, mine.SigHash(), sig) {
		t.Errorf("ours: %v", err)
	}
	digest := [32]byte{5}
	if !script.Verify(c.Basepoints().Funding, digest, c.SignAnnouncement(digest)) {
		t.Error("the announcement's signature does not verify")
	}
	funding, _ := script.FundingScript(c.Basepoints().Funding, peer().Funding)
	closing := script.Closing(btcwire.OutPoint{Index: 1}, btcwire.NewTxOut(5000, []byte{0x51}))
	sig, err := c.SignClosing(closing, 1_000_000, funding)
	if err != nil || !script.Verify(c.Basepoints().Funding, script.ClosingSigHash(closing, funding, 1_000_000), sig) {
		t.Errorf("closing: %v", err)
	}
}

func TestSignerSignsOneNumberAfterTheOther(t *testing.T) {
	c := signer(t, 1)
	if err := sign(t, c, 1, 1000); !errors.Is(err, ErrGoesBack) {
		t.Errorf("1 before 0: %v", err)
	}
	for n := range uint64(3) {
		if err := sign(t, c, n, 1000); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
	if err := sign(t, c, 4, 1000); !errors.Is(err, ErrGoesBack) {
		t.Errorf("4 after 2: %v", err)
	}
}

func TestSignerDoesNotGoBack(t *testing.T) {
	c := signer(t, 1)
	for n := range uint64(3) {
		if err := sign(t, c, n, 1000); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint64(2) {
		if err := sign(t, c, n, 1000); !errors.Is(err, ErrGoesBack) {
			t.Errorf("%d after 2: %v", n, err)
		}
	}
}

func TestSignerSignsANumberWithOneContentOnly(t *testing.T) {
	c := signer(t, 1)
	for range 2 { // asking again for the same is a retransmission
		if err := sign(t, c, 0, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := sign(t, c, 0, 1001); !errors.Is(err, ErrGoesBack) {
		t.Errorf("other content: %v", err)
	}
	if err := sign(t, c, 0, 1000); err != nil {
		t.Errorf("a refusal is remembered as a signature: %v", err)
	}
}

func TestSignerRevokesOneNumberAfterTheOther(t *testing.T) {
	c := signer(t, 1)
	if _, err := c.Revoke(1); !errors.Is(err, ErrGoesBack) {
		t.Errorf("1 before 0: %v", err)
	}
	for _, n := range []uint64{0, 1, 0, 1, 2} { // an old one may be asked for again
		secret, err := c.Revoke(n)
		if err != nil || script.PointOfSecret(secret) != c.PerCommitmentPoint(n) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if _, err := c.Revoke(4); !errors.Is(err, ErrGoesBack) {
		t.Errorf("4 after 2: %v", err)
	}
	if got := c.Memory().(SignerRow).Revoked; got != 3 {
		t.Errorf("%d are revoked", got)
	}
}

func TestSignerDoesNotSignWhatItRevoked(t *testing.T) {
	c := signer(t, 1)
	if _, err := c.Revoke(0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignOurs(commitment(t, c, true, 0, 1000)); !errors.Is(err, ErrGoesBack) {
		t.Error(err)
	}
	if _, err := c.SignOurs(commitment(t, c, true, 1, 1000)); err != nil {
		t.Error(err)
	}
}

func TestSignerRemembersOverARestart(t *testing.T) {
	before := signer(t, 7)
	for n := range uint64(2) {
		if err := sign(t, before, n, 1000); err != nil {
			t.Fatal(err)
		}
		if _, err := before.Revoke(n); err != nil {
			t.Fatal(err)
		}
	}
	row := before.Memory().(SignerRow)
	if row.KeyIndex != 7 || row.Signed != 2 || row.Revoked != 2 || row.Table() != "signers" {
		t.Errorf("%+v", row)
	}

	after := signer(t, 7)
	if after.Basepoints() != before.Basepoints() {
		t.Fatal("other keys after a restart")
	}
	after.Remember(row)
	if err := sign(t, after, 0, 1000); !errors.Is(err, ErrGoesBack) {
		t.Errorf("back to 0: %v", err)
	}
	if err := sign(t, after, 1, 1001); !errors.Is(err, ErrGoesBack) {
		t.Errorf("1 with other content: %v", err)
	}
	if _, err := after.SignOurs(commitment(t, after, true, 1, 1000)); !errors.Is(err, ErrGoesBack) {
		t.Errorf("a revoked one: %v", err)
	}
	if _, err := after.Revoke(3); !errors.Is(err, ErrGoesBack) {
		t.Errorf("revoke ahead: %v", err)
	}
	if err := sign(t, after, 1, 1000); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := sign(t, after, 2, 1000); err != nil {
		t.Errorf("next: %v", err)
	}
	if _, err := after.Revoke(2); err != nil {
		t.Errorf("revoke the next: %v", err)
	}
}

// claim spends an output by a key of a role.
func claim(role enforce.Role, number uint64) (*enforce.Claim, *btcwire.MsgTx) {
	c := &enforce.Claim{Key: enforce.Key{Role: role, Number: number}, WitnessScript: []byte{txscript.OP_TRUE}, Value: 1000}
	c.OutPoint.Hash[0] = 9
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: c.OutPoint})
	tx.AddTxOut(btcwire.NewTxOut(900, nil))
	return c, tx
}

func TestEachClaimIsSignedByItsKey(t *testing.T) {
	s, peer := signer(t, 1), signer(t, 2)
	own, theirs := s.PerCommitmentPoint(3), peer.PerCommitmentPoint(5)
	secret, err := peer.Revoke(0)
	if err != nil {
		t.Fatal(err)
	}
	derive := func(p wire.Point, err error) wire.Point {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	base := s.Basepoints()
	for role, want := range map[enforce.Role]wire.Point{
		enforce.PaymentKey:    base.Payment,
		enforce.FundingKey:    base.Funding,
		enforce.OwnDelayedKey: derive(script.DerivePubKey(base.DelayedPayment, own)),
		enforce.OwnHTLCKey:    derive(script.DerivePubKey(base.HTLC, own)),
		enforce.TheirHTLCKey:  derive(script.DerivePubKey(base.HTLC, theirs)),
		enforce.RevocationKey: derive(script.DeriveRevocationPubKey(base.Revocation, peer.PerCommitmentPoint(0))),
	} {
		c, tx := claim(role, 3)
		c.Key.Point, c.Key.Secret = theirs, secret
		if role == enforce.FundingKey {
			c.WitnessScript = anchorScript(base.Funding)
		}
		sig, err := s.SignClaim(c, tx, 0)
		if err != nil || !script.Verify(want, c.SigHash(tx, 0), sig) {
			t.Errorf("role %d: %v", role, err)
		}
	}
}

func TestClaimsOfARevokedCommitmentOfOursAreRefused(t *testing.T) {
	s := signer(t, 1)
	for n := range uint64(3) {
		if _, err := s.Revoke(n); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range []enforce.Role{enforce.OwnDelayedKey, enforce.OwnHTLCKey} {
		for number, refused := range map[uint64]bool{0: true, 2: true, 3: false, 4: false} {
			c, tx := claim(role, number)
			if _, err := s.SignClaim(c, tx, 0); errors.Is(err, ErrGoesBack) != refused {
				t.Errorf("role %d, commitment %d: %v", role, number, err)
			}
		}
	}
}

func TestTheFundingKeySignsNoClaimButAnAnchor(t *testing.T) {
	s := signer(t, 1)
	fundingScript, _ := script.FundingScript(s.Basepoints().Funding, signer(t, 2).Basepoints().Funding)
	for _, w := range [][]byte{fundingScript, nil, anchorScript(signer(t, 2).Basepoints().Funding)} {
		c, tx := claim(enforce.FundingKey, 0)
		c.WitnessScript = w
		if _, err := s.SignClaim(c, tx, 0); !errors.Is(err, ErrGoesBack) {
			t.Errorf("script %x: %v", w, err)
		}
	}
}

func TestAClaimIsSignedForItsOwnInputOnly(t *testing.T) {
	s := signer(t, 1)
	c, tx := claim(enforce.PaymentKey, 0)
	tx.AddTxIn(&btcwire.TxIn{})
	for _, input := range []int{1, 2} {
		if _, err := s.SignClaim(c, tx, input); err == nil {
			t.Errorf("input %d is signed", input)
		}
	}
}

//go:build !race

package bolt11

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// vectors are the examples of BOLT 11 with what they hold.
type vectors struct {
	PrivateKey string `json:"private_key"`
	Valid      []struct {
		Name            string               `json:"name"`
		Invoice         string               `json:"invoice"`
		Network         Network              `json:"network"`
		Amount          *amount.MilliSatoshi `json:"amount_msat"`
		Timestamp       uint64               `json:"timestamp"`
		PaymentHash     wire.PaymentHash     `json:"payment_hash"`
		PaymentSecret   string               `json:"payment_secret"`
		Description     *string              `json:"description"`
		DescriptionHash *string              `json:"description_hash"`
		Text            string               `json:"text"` // whose hash description_hash is
		Payee           wire.NodeID          `json:"payee"`
		Expiry          uint64               `json:"expiry"`
		MinFinalCLTV    uint32               `json:"min_final_cltv_expiry_delta"`
		Fallbacks       []struct {
			Address string `json:"address"`
			Version byte   `json:"version"`
			Program string `json:"program"`
		} `json:"fallbacks"`
		Hints [][]struct {
			NodeID                    wire.NodeID         `json:"node_id"`
			SCID                      wire.ShortChannelID `json:"scid"`
			FeeBaseMsat               uint32              `json:"fee_base_msat"`
			FeeProportionalMillionths uint32              `json:"fee_proportional_millionths"`
			CLTVExpiryDelta           uint16              `json:"cltv_expiry_delta"`
		} `json:"hints"`
		Features   string  `json:"features"`
		Metadata   *string `json:"metadata"`
		Signature  string  `json:"signature"` // empty: the text does not tell
		RecoveryID byte    `json:"recovery_id"`
		Hash       string  `json:"hash"`
	} `json:"valid"`
	Invalid []struct {
		Name    string `json:"name"`
		Invoice string `json:"invoice"`
		Error   string `json:"error"`
	} `json:"invalid"`
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/bolt11.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signer signs as Encode asks.
func signer(k *btcec.PrivateKey) Signer {
	return Signer{ID: wire.PointOf(k.PubKey()), Sign: func(hash [32]byte) (sig [65]byte, err error) {
		compact := ecdsa.SignCompact(k, hash[:], true)
		copy(sig[:], compact[1:])
		sig[64] = compact[0] - compactHeader
		return sig, nil
	}}
}

func specKey(t testing.TB) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(unhex(t, load(t).PrivateKey))
	return k
}

func TestInvoicesOfBOLT11HoldWhatTheTextSays(t *testing.T) {
	for _, v := range load(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			want := Invoice{
				Network: v.Network, Amount: v.Amount, Timestamp: v.Timestamp,
				PaymentHash: v.PaymentHash, PaymentSecret: [32]byte(unhex(t, v.PaymentSecret)),
				Description: v.Description, Payee: v.Payee,
				Expiry: v.Expiry, MinFinalCLTVExpiryDelta: v.MinFinalCLTV,
			}
			if v.DescriptionHash != nil {
				hash := [32]byte(unhex(t, *v.DescriptionHash))
				want.DescriptionHash = &hash
			}
			if v.Metadata != nil {
				want.Metadata = unhex(t, *v.Metadata)
			}
			for _, f := range v.Fallbacks {
				want.Fallbacks = append(want.Fallbacks, Fallback{f.Version, unhex(t, f.Program)})
			}
			for _, hops := range v.Hints {
				var hint []HopHint
				for _, h := range hops {
					hint = append(hint, HopHint(h))
				}
				want.Hints = append(want.Hints, hint)
			}
			got, err := Decode(v.Invoice)
			if err != nil {
				t.Fatal(err)
			}
			if got.Features.String() != v.Features {
				t.Errorf("features %v, want %v", got.Features, v.Features)
			}
			if v.Signature != "" && (hex.EncodeToString(got.Signature[:]) != v.Signature || got.RecoveryID != v.RecoveryID) {
				t.Errorf("signature %x, %d", got.Signature, got.RecoveryID)
			}
			want.Features, want.Signature, want.RecoveryID = got.Features, got.Signature, got.RecoveryID
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for i, f := range v.Fallbacks {
				if a := got.Fallbacks[i].Address(got.Network); a != f.Address {
					t.Errorf("fallback %s, want %s", a, f.Address)
				}
			}
			if v.DescriptionHash != nil {
				if err := got.CheckDescription(v.Text); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// otherOrder are the examples whose fields stand in an order that is not ours.
var otherOrder = map[string]bool{
	"The same, on testnet": true, "On mainnet, with fallback (P2SH)": true, "On mainnet, with fallback (P2WPKH)": true,
	"On mainnet, with fallback (P2WSH)": true, "Please send 0.00967878534": true, "Please send $30": true,
	"Same, but all upper case": true, "Please send 0.01 BTC": true, "Public-key recovery with high-S": true,
}

func TestInvoicesOfBOLT11AreEncodedAgain(t *testing.T) {
	key := specKey(t)
	payee := wire.PointOf(key.PubKey())
	same := 0
	for _, v := range load(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			inv, err := Decode(v.Invoice)
			if err != nil {
				t.Fatal(err)
			}
			inv.Payee = payee // one example is of a key that nobody has
			var signed [32]byte
			s, err := inv.Encode(Signer{ID: payee, Sign: func(hash [32]byte) ([65]byte, error) {
				signed = hash
				return signer(key).Sign(hash)
			}})
			if err != nil {
				t.Fatal(err)
			}
			other := false
			for prefix := range otherOrder {
				other = other || strings.HasPrefix(v.Name, prefix)
			}
			if !other {
				same++
				if s != v.Invoice {
					t.Errorf("\n%s, want\n%s", s, v.Invoice)
				}
				if v.Hash != "" && hex.EncodeToString(signed[:]) != v.Hash {
					t.Errorf("signed %x, want %s", signed, v.Hash)
				}
			}
			again, err := Decode(s)
			if err != nil {
				t.Fatal(err)
			}
			again.Signature, again.RecoveryID = inv.Signature, inv.RecoveryID
			if diff := cmp.Diff(inv, again); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if same < 6 {
		t.Errorf("only %d strings were compared", same)
	}
}

func TestInvalidInvoicesOfBOLT11AreRefused(t *testing.T) {
	named := map[string]error{
		"ErrUnknownFeature": ErrUnknownFeature, "ErrChecksum": ErrChecksum, "ErrBech32": ErrBech32, "ErrSignature": ErrSignature,
		"ErrShort": ErrShort, "ErrAmount": ErrAmount, "ErrMissing": ErrMissing, "ErrField": ErrField,
		"ErrDuplicate": ErrDuplicate,
	}
	for _, v := range load(t).Invalid {
		t.Run(v.Name, func(t *testing.T) {
			want, ok := named[v.Error]
			if _, err := Decode(v.Invoice); !ok || !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

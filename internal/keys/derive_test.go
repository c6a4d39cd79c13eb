package keys

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/internal/race"
)

func TestKeysAreThoseOfBIP32(t *testing.T) {
	race.Leave(t, "one goroutine seals and opens")
	seeds := []string{ // of BIP 32's test vectors; keys of the last two begin with zeros
		"000102030405060708090a0b0c0d0e0f",
		"fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
		"4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be",
		"3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678",
	}
	for n, text := range seeds {
		seed, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := root(seed)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
		if err != nil {
			t.Fatal(err)
		}
		path := []uint32{hard, 1, hard + 2, 2, 1_000_000_000}
		for i := range uint32(20) {
			sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(text), i))
			path = append(path, binary.BigEndian.Uint32(sum[:]))
		}
		for _, i := range path {
			if ours, err = ours.below(i); err != nil {
				t.Fatal(err)
			}
			if theirs, err = theirs.Derive(i); err != nil {
				t.Fatal(err)
			}
			want, err := theirs.ECPrivKey()
			if err != nil {
				t.Fatal(err)
			}
			if !ours.private().Key.Equals(&want.Key) || string(ours.chain[:]) != string(theirs.ChainCode()) {
				t.Fatalf("seed %d, depth %d: another key", n, theirs.Depth())
			}
			if p := ours.point(); p.String() != hex.EncodeToString(want.PubKey().SerializeCompressed()) {
				t.Fatalf("seed %d, depth %d: the public key is %v", n, theirs.Depth(), p)
			}
		}
	}
}

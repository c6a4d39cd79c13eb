//go:build !race

package closing

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
)

func bytesOf(head []byte, fill int, tail ...byte) []byte {
	return append(append(bytes.Clone(head), bytes.Repeat([]byte{7}, fill)...), tail...)
}

var (
	p2wpkh = bytesOf([]byte{0, 20}, 20)
	p2wsh  = bytesOf([]byte{0, 32}, 32)
	p2tr   = bytesOf([]byte{txscript.OP_1, 32}, 32)
	p2pkh  = bytesOf([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, 20, txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
	p2sh   = bytesOf([]byte{txscript.OP_HASH160, 20}, 20, txscript.OP_EQUAL)
)

// A send-to-many that names an Exodus address gives nothing to anybody: whoever closes to
// it would keep the other side's tokens where nobody can move them alone.
func TestTokensAreNotClosedToAnExodusAddress(t *testing.T) {
	for name, at := range map[string]struct {
		*asset.Params
		chain *chaincfg.Params
	}{
		"mainnet": {asset.Mainnet(), &chaincfg.MainNetParams}, "testnet": {asset.Testnet(), &chaincfg.TestNet3Params},
		"regtest": {asset.Regtest(), &chaincfg.RegressionNetParams},
	} {
		a, err := address.DecodeAddress(at.Exodus, at.chain)
		if err != nil {
			t.Fatal(err)
		}
		exodus, err := txscript.PayToAddrScript(a)
		if err != nil {
			t.Fatal(err)
		}
		if CheckTheirs(exodus, Forms{}) != nil {
			t.Errorf("%s: refused without tokens", name)
		}
		for _, f := range []Forms{{Tokens: true}, {AnySegwit: true, SimpleClose: true, Tokens: true}} {
			if CheckOurs(exodus, f) == nil || CheckTheirs(exodus, f) == nil {
				t.Errorf("%s: closed to with %+v", name, f)
			}
		}
	}
}

func TestShutdownScriptHasOneOfTheAllowedForms(t *testing.T) {
	const (
		always = iota
		withAnySegwit
		withSimpleClose
		fromPeersOnly
		never
	)
	for name, c := range map[string]struct {
		script []byte
		when   int
	}{
		"P2WPKH":                         {p2wpkh, always},
		"P2WSH":                          {p2wsh, always},
		"version 0 of 21 bytes":          {bytesOf([]byte{0, 21}, 21), never},
		"P2TR":                           {p2tr, withAnySegwit},
		"version 16 of 2 bytes":          {bytesOf([]byte{txscript.OP_16, 2}, 2), withAnySegwit},
		"version 2 of 40 bytes":          {bytesOf([]byte{txscript.OP_2, 40}, 40), withAnySegwit},
		"version 2 of 41 bytes":          {bytesOf([]byte{txscript.OP_2, 41}, 41), never},
		"version 2 of 1 byte":            {bytesOf([]byte{txscript.OP_2, 1}, 1), never},
		"version 1, push too long":       {bytesOf([]byte{txscript.OP_1, 33}, 32), never},
		"version 1, a byte more":         {bytesOf([]byte{txscript.OP_1, 32}, 33), never},
		"OP_1NEGATE":                     {bytesOf([]byte{txscript.OP_1NEGATE, 32}, 32), never},
		"after OP_16":                    {bytesOf([]byte{txscript.OP_16 + 1, 32}, 32), never},
		"OP_RETURN of 6 bytes":           {bytesOf([]byte{txscript.OP_RETURN, 6}, 6), withSimpleClose},
		"OP_RETURN of 75 bytes":          {bytesOf([]byte{txscript.OP_RETURN, 75}, 75), withSimpleClose},
		"OP_RETURN of 5 bytes":           {bytesOf([]byte{txscript.OP_RETURN, 5}, 5), never},
		"OP_RETURN, a byte more":         {bytesOf([]byte{txscript.OP_RETURN, 6}, 7), never},
		"OP_RETURN, PUSHDATA1 of 76":     {bytesOf([]byte{txscript.OP_RETURN, 76, 76}, 76), withSimpleClose},
		"OP_RETURN, PUSHDATA1 of 80":     {bytesOf([]byte{txscript.OP_RETURN, 76, 80}, 80), withSimpleClose},
		"OP_RETURN, PUSHDATA1 of 81":     {bytesOf([]byte{txscript.OP_RETURN, 76, 81}, 81), never},
		"OP_RETURN, PUSHDATA1 of 75":     {bytesOf([]byte{txscript.OP_RETURN, 76, 75}, 75), never},
		"OP_RETURN, PUSHDATA1, too long": {bytesOf([]byte{txscript.OP_RETURN, 76, 76}, 77), never},
		"OP_RETURN alone":                {[]byte{txscript.OP_RETURN}, never},
		"OP_RETURN, PUSHDATA1 alone":     {[]byte{txscript.OP_RETURN, 76}, never},
		"P2PKH":                          {p2pkh, fromPeersOnly},
		"P2SH":                           {p2sh, fromPeersOnly},
		"nothing":                        {nil, never},
	} {
		for _, f := range []Forms{{}, {AnySegwit: true}, {SimpleClose: true}, {AnySegwit: true, SimpleClose: true}, {true, true, true}} {
			if f.Tokens {
				want := c.when == fromPeersOnly // P2SH and P2PKH, and nothing else
				if ours, theirs := CheckOurs(c.script, f), CheckTheirs(c.script, f); (ours == nil) != want || (theirs == nil) != want {
					t.Errorf("with tokens, %s: %v and %v", name, ours, theirs)
				}
				continue
			}
			ours := c.when == always || c.when == withAnySegwit && f.AnySegwit || c.when == withSimpleClose && f.SimpleClose
			if err := CheckOurs(c.script, f); (err == nil) != ours {
				t.Errorf("ours, %s with %+v: %v", name, f, err)
			}
			theirs := ours || c.when == fromPeersOnly
			if err := CheckTheirs(c.script, f); (err == nil) != theirs {
				t.Errorf("theirs, %s with %+v: %v", name, f, err)
			}
		}
	}
}

func TestDustThresholdsAreThoseOfBOLT3(t *testing.T) {
	for _, c := range []struct {
		script []byte
		want   amount.Satoshi
	}{
		{p2pkh, 546}, {p2sh, 540}, {p2wpkh, 294}, {p2wsh, 330}, {p2tr, 354},
		{[]byte{txscript.OP_RETURN, 1, 1}, 0},
	} {
		if got := DustThreshold(c.script); got != c.want {
			t.Errorf("%x: %v, want %v", c.script, got, c.want)
		}
	}
}

func FuzzCheckScript(f *testing.F) {
	for _, s := range [][]byte{p2wpkh, p2wsh, p2tr, p2pkh, p2sh, {txscript.OP_RETURN, 76}, {}} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		forms := Forms{AnySegwit: true, SimpleClose: true}
		ours, theirs := CheckOurs(s, forms), CheckTheirs(s, forms)
		if ours == nil && theirs != nil {
			t.Fatalf("%x is good for us and not for a peer", s)
		}
		if ours == nil && !txscript.IsWitnessProgram(s) && !txscript.IsNullData(s) {
			t.Fatalf("%x is neither a witness program nor data", s)
		}
		DustThreshold(s)
	})
}

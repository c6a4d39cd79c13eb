package bolt11

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/address/v2/bech32"
)

// Versions of a fallback beside those of witness programs, 0 to 16.
const (
	PubKeyHash  byte = 17
	ScriptHash  byte = 18
	lastWitness byte = 16
)

// Fallback is an on-chain address for when there is no way over Lightning: a
// witness version with its program, or 17 or 18 with a hash of 20 bytes.
type Fallback struct {
	Version byte
	Program []byte
}

// errFallback means that a program does not fit its version.
var errFallback = errors.New("not an address")

func (f Fallback) check() error {
	n := len(f.Program)
	ok := n >= 2 && n <= 40 // BIP 141
	switch f.Version {
	case 0:
		ok = n == 20 || n == 32
	case PubKeyHash, ScriptHash:
		ok = n == 20
	}
	if f.Version > ScriptHash || !ok {
		return fmt.Errorf("%w: version %d with %d bytes", errFallback, f.Version, n)
	}
	return nil
}

// Opcodes of the scripts that an address stands for.
const (
	opDup         = 0x76
	opHash160     = 0xa9
	opEqual       = 0x87
	opEqualVerify = 0x88
	opCheckSig    = 0xac
	op1           = 0x51
)

// Script is the output script of the address.
func (f Fallback) Script() []byte {
	push := append([]byte{byte(len(f.Program))}, f.Program...) //nolint:gosec // at most 40
	switch f.Version {
	case PubKeyHash:
		return append(append([]byte{opDup, opHash160}, push...), opEqualVerify, opCheckSig)
	case ScriptHash:
		return append(append([]byte{opHash160}, push...), opEqual)
	case 0:
		return append([]byte{0}, push...)
	default:
		return append([]byte{op1 - 1 + f.Version}, push...)
	}
}

// FallbackOf is the reverse of [Fallback.Script]; false when an invoice cannot
// hold the script.
func FallbackOf(script []byte) (Fallback, bool) {
	n := len(script)
	var f Fallback
	switch {
	case n == 25:
		f = Fallback{PubKeyHash, script[3:23]}
	case n == 23 && script[0] == opHash160:
		f = Fallback{ScriptHash, script[2:22]}
	case n >= 4 && script[0] == 0:
		f = Fallback{0, script[2:]}
	case n >= 4 && script[0] >= op1 && script[0] < op1+lastWitness:
		f = Fallback{script[0] - op1 + 1, script[2:]}
	default:
		return Fallback{}, false
	}
	f.Program = append([]byte(nil), f.Program...)
	return f, f.check() == nil && string(f.Script()) == string(script)
}

// Address is the address as people write it; empty for no valid one.
func (f Fallback) Address(n Network) string {
	if f.check() != nil {
		return ""
	}
	pubKeyHash, scriptHash, hrp := byte(0x6f), byte(0xc4), "tb"
	switch n {
	case Mainnet:
		pubKeyHash, scriptHash, hrp = 0x00, 0x05, "bc"
	case Regtest:
		hrp = "bcrt"
	case Testnet, Signet:
	}
	switch f.Version {
	case PubKeyHash:
		return base58.CheckEncode(f.Program, pubKeyHash)
	case ScriptHash:
		return base58.CheckEncode(f.Program, scriptHash)
	}
	data := append([]byte{f.Version}, groups(f.Program)...)
	encode := bech32.EncodeM // BIP 350
	if f.Version == 0 {
		encode = bech32.Encode
	}
	s, err := encode(hrp, data)
	if err != nil {
		return ""
	}
	return s
}

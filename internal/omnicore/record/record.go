// Package record has what an Omni Core server said of a chain: after each block its
// consensus hash, of each transaction whether it was valid, and its answers to what a
// [omnicore.View] asks. Tests replay the same transactions on our ledger.
//
//	omnicored -regtest -txindex -disabledevmsc -rpcuser=u -rpcpassword=p -rpcport=18555 -listen=0
//	go run ./internal/omnicore/record/cmd -server http://u:p@127.0.0.1:18555 >internal/omnicore/testdata/recording.json
//
// The server is new, without blocks, and gives the developers no OMN with time, which our
// ledger does not follow.
package record

import (
	"crypto/sha256"
	"encoding/json"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/asset"
)

// Recording is what a server said. Whoever sends or receives is called by a name.
type Recording struct {
	Server  string // its versions
	Start   []asset.Balance
	Blocks  []Block // those with transactions of Omni's
	Answers map[string]Answer
	At      int // how many of the blocks were there when it gave the answers
}

// Block is one with its transactions, and the consensus hash after it.
type Block struct {
	Height uint32
	Time   int64 // unix seconds
	Txs    []Tx
	Hash   string
}

// Tx is a transaction of class C: the payload in hex, then an output to each name.
type Tx struct {
	From, Payload string
	To            []string `json:",omitempty"`
	Invalid       string   `json:",omitempty"` // why the server did not execute it
}

// Answer is what a server answered to a method with its parameters, or its error's code and text.
type Answer struct {
	Result  json.RawMessage `json:",omitempty"`
	Code    int             `json:",omitempty"`
	Message string          `json:",omitempty"`
}

// Lock is a script that anyone can spend from, another one for each name.
type Lock struct {
	witness []byte
	native  bool
}

// Named is a name's lock: P2SH-P2WSH, as token outputs are, or P2WSH for a name that begins
// with "w".
func Named(name string) Lock {
	s, err := txscript.NewScriptBuilder().AddData([]byte(name)).AddOp(txscript.OP_DROP).AddOp(txscript.OP_TRUE).Script()
	if err != nil {
		panic(err) // a name is short
	}
	return Lock{witness: s, native: strings.HasPrefix(name, "w")}
}

func (l Lock) program() bolt11.Fallback {
	hash := sha256.Sum256(l.witness)
	return bolt11.Fallback{Version: 0, Program: hash[:]}
}

// Fallback is the lock's address in its parts.
func (l Lock) Fallback() bolt11.Fallback {
	if l.native {
		return l.program()
	}
	return bolt11.Fallback{Version: bolt11.ScriptHash, Program: address.Hash160(l.program().Script())}
}

// Script is the lock's script of an output.
func (l Lock) Script() []byte { return l.Fallback().Script() }

// Address is the lock's address on regtest.
func (l Lock) Address() string { return l.Fallback().Address(bolt11.Regtest) }

// unlock is what an input shows to spend from the lock.
func (l Lock) unlock() (signature []byte, witness [][]byte, err error) {
	if !l.native {
		signature, err = txscript.NewScriptBuilder().AddData(l.program().Script()).Script()
	}
	return signature, [][]byte{l.witness}, err
}

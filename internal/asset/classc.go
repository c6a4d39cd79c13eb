package asset

import (
	"bytes"
	"encoding/binary"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
)

var marker = []byte(omni.Marker)

// maxPayload is what is read of a payload: 255 packets of 31 bytes.
const maxPayload = 255 * 31

// Message is a transaction of class C: what the rules need of it.
type Message struct {
	Sender string
	// Reference is whom most types send to; empty where there is none.
	Reference string
	// Outputs are the addresses of the outputs that can receive, by index.
	Outputs map[int]string
	Payload []byte
}

// Marked says whether a transaction may concern Omni at all: whoever has it looks up then
// what its first input spends.
func (p *Params) Marked(tx *btcwire.MsgTx) bool {
	for _, out := range tx.TxOut {
		if _, ok := marked(out.PkScript); ok {
			return true
		}
	}
	return p.older(tx)
}

// older says whether a transaction has the mark of class A or B: a payment to Exodus.
func (p *Params) older(tx *btcwire.MsgTx) bool {
	for _, out := range tx.TxOut {
		if f, ok := bolt11.FallbackOf(out.PkScript); ok && f.Version == bolt11.PubKeyHash && p.Exodus != "" && f.Address(p.Network) == p.Exodus {
			return true
		}
	}
	return false
}

// Read reads a transaction of class C. Spent is the script of the output that the first
// input spends. It is false for what is none: no marker, or a sender whose type of address
// may not send at that height.
func (p *Params) Read(height uint32, tx *btcwire.MsgTx, spent []byte) (Message, bool) {
	var m Message
	has := false
	for _, out := range tx.TxOut {
		data, ok := marked(out.PkScript)
		has = has || ok
		m.Payload = append(m.Payload, data[:min(len(data), maxPayload-len(m.Payload))]...)
	}
	if !has || !p.live(genesis, height) || !p.live(nullData, height) {
		return Message{}, false
	}
	var ok bool
	if m.Sender, ok = p.Address(height, spent); !ok {
		return Message{}, false
	}
	m.Outputs = make(map[int]string)
	var candidates []string
	for i, out := range tx.TxOut {
		if a, ok := p.Address(height, out.PkScript); ok && a != p.Exodus {
			candidates = append(candidates, a)
			m.Outputs[i] = a
		}
	}
	m.Reference = reference(m.Sender, candidates)
	return m, true
}

// reference chooses among the addresses of the outputs that can receive: the only one, or
// else the last one, where the first output that pays the sender is change.
func reference(sender string, candidates []string) string {
	if len(candidates) == 1 {
		return candidates[0]
	}
	found, change := "", false
	for _, a := range candidates {
		if a == sender && !change {
			change = true
			continue
		}
		found = a
	}
	return found
}

// Address is the address of a script that can send and receive at a height.
func (p *Params) Address(height uint32, script []byte) (string, bool) {
	f, ok := bolt11.FallbackOf(script)
	if !ok {
		return "", false
	}
	switch {
	case f.Version == bolt11.PubKeyHash:
	case f.Version == bolt11.ScriptHash:
		ok = p.live(scriptHash, height)
	case f.Version == 0:
		ok = p.live(witnessV0, height)
	case f.Version == 1 && len(f.Program) == 32:
		ok = p.live(witnessV1, height)
	default:
		ok = false
	}
	return f.Address(p.Network), ok
}

const opReturn = 0x6a

// marked reads what an output of class C holds behind the marker: all its pushes in one.
func marked(script []byte) (data []byte, ok bool) {
	if len(script) < 2 || script[0] != opReturn {
		return nil, false
	}
	pushes, ok := pushes(script[1:])
	if !ok || len(pushes) == 0 || !bytes.HasPrefix(pushes[0], marker) {
		return nil, false
	}
	pushes[0] = pushes[0][len(marker):]
	return bytes.Join(pushes, nil), true
}

const (
	opPushData1 = 0x4c
	opPushData2 = 0x4d
	opPushData4 = 0x4e
	op16        = 0x60
)

// pushes reads a script that only pushes. The numbers that have opcodes of their own are
// pushes without data, and not among them.
func pushes(script []byte) ([][]byte, bool) {
	var out [][]byte
	for len(script) > 0 {
		op := script[0]
		script = script[1:]
		if op > op16 {
			return nil, false
		}
		if op > opPushData4 {
			continue
		}
		n, size := uint64(op), 0
		switch op {
		case opPushData1:
			size = 1
		case opPushData2:
			size = 2
		case opPushData4:
			size = 4
		}
		if size > 0 {
			if len(script) < size {
				return nil, false
			}
			var b [8]byte
			copy(b[:], script[:size])
			n, script = binary.LittleEndian.Uint64(b[:]), script[size:]
		}
		if n > uint64(len(script)) {
			return nil, false
		}
		out, script = append(out, script[:n]), script[n:]
	}
	return out, true
}

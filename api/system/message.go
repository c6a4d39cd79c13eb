package system

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/node"
)

// messagePrefix keeps signed messages apart from all else that the node key signs.
const messagePrefix = "Lightning Signed Message:"

// longestMessage is the most that is signed, in bytes.
const longestMessage = 65535

// zbase32 is the alphabet of signed messages.
const zbase32 = "ybndrfg8ejkmcpqxot1uwisza345h769"

func digest(message string) [32]byte { return chainhash.DoubleHashH([]byte(messagePrefix + message)) }

func encodeZBase32(b []byte) string {
	var out strings.Builder
	var bits, held uint
	for _, x := range b {
		held, bits = held<<8|uint(x), bits+8
		for ; bits >= 5; bits -= 5 {
			out.WriteByte(zbase32[held>>(bits-5)&31])
		}
		held &= 1<<bits - 1
	}
	if bits > 0 {
		out.WriteByte(zbase32[held<<(5-bits)&31])
	}
	return out.String()
}

func decodeZBase32(s string) ([]byte, error) {
	var out []byte
	var bits, held uint
	for i := range len(s) {
		v := strings.IndexByte(zbase32, s[i])
		if v < 0 {
			return nil, errors.New("not zbase32")
		}
		held, bits = held<<5|uint(v), bits+5 //nolint:gosec // not negative
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(held>>bits)) //nolint:gosec // one byte is left
			held &= 1<<bits - 1
		}
	}
	if held != 0 || bits >= 5 {
		return nil, errors.New("not zbase32 of whole bytes")
	}
	return out, nil
}

type signMessageRequest struct {
	Message string `json:"message" doc:"at most 65535 bytes"`
}

type signMessageResponse struct {
	Signature string `json:"signature" doc:"64 bytes in hexadecimal"`
	RecID     string `json:"recid" doc:"the recovery id in hexadecimal"`
	ZBase     string `json:"zbase" doc:"both in zbase32, as other nodes take it"`
}

func signMessage(_ context.Context, n *node.Node, r signMessageRequest) (out signMessageResponse, err error) {
	if len(r.Message) > longestMessage {
		return out, command.Refuse(command.InvalidParams, "message: %d bytes are too many, %d are the most", len(r.Message), longestMessage)
	}
	sig, err := n.SignDigest(digest(r.Message))
	if err != nil {
		return out, err
	}
	compact := append([]byte{sig[64] + 31}, sig[:64]...)
	return signMessageResponse{
		Signature: hex.EncodeToString(sig[:64]), RecID: hex.EncodeToString(sig[64:]), ZBase: encodeZBase32(compact),
	}, nil
}

type checkMessageRequest struct {
	Message string       `json:"message" doc:"that was signed"`
	ZBase   string       `json:"zbase" doc:"the signature in zbase32"`
	Pubkey  *wire.NodeID `json:"pubkey" doc:"who must have signed it; when not given, any node that the graph knows"`
}

type checkMessageResponse struct {
	Pubkey   wire.NodeID `json:"pubkey" doc:"who signed, if the message is as it was"`
	Verified bool        `json:"verified" doc:"whether that is the node asked for, or one that is known"`
}

func checkMessage(_ context.Context, n *node.Node, r checkMessageRequest) (out checkMessageResponse, err error) {
	compact, err := decodeZBase32(r.ZBase)
	if err != nil || len(compact) != 65 {
		return out, command.Refuse(command.InvalidParams, "zbase: should be 65 bytes in zbase32")
	}
	hash := digest(r.Message)
	key, _, err := ecdsa.RecoverCompact(compact, hash[:])
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "zbase: not a signature of this message: %v", err)
	}
	out.Pubkey = wire.PointOf(key)
	if r.Pubkey != nil {
		out.Verified = *r.Pubkey == out.Pubkey
		return out, nil
	}
	out.Verified = out.Pubkey == n.ID()
	n.Graph(func(g *graph.Graph) {
		if _, known := g.NodeIndex(out.Pubkey); known {
			out.Verified = true
		}
	})
	if !out.Verified {
		e := command.Refuse(command.SignerUnknown, "the graph does not know who signed it")
		e.Data = map[string]any{"claimed_key": out.Pubkey}
		return out, e
	}
	return out, nil
}

var messageCommands = []command.Command{
	command.Define(command.Spec{
		Name: "signmessage", Group: "node", Short: "sign a message with the node's key",
		Long: "Signs a message, so that others can check that it is this node's.", Errors: []command.Code{command.Failed},
		Examples: []string{`signmessage "this is my node"`},
	}, signMessage),
	command.Define(command.Spec{
		Name: "checkmessage", Group: "node", Short: "check whose message it is",
		Long:     "Finds out which node signed a message.",
		Errors:   []command.Code{command.SignerUnknown},
		Examples: []string{`checkmessage "this is my node" d9tibmnic9t5y41hg7hkakdcra94akas9ku3rmmj4ag9mritc8ok4p5qzefs78c9pqfhpuftqqzhydbdwfg7u6w6wdxcqpqn4sj4e73e`},
	}, checkMessage),
}

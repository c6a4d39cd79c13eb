package onion

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	sphinx "github.com/lightningnetwork/lightning-onion"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// MaxHops is the longest route: 27 payloads of the shortest kind fill a packet.
const MaxHops = sphinx.NumMaxHops

// A packet's parts (BOLT 4, "Packet Structure"): version, public_key,
// hop_payloads, hmac.
const (
	keyStart     = 1
	payloadStart = keyStart + btcec.PubKeyBytesLenCompressed
	macStart     = payloadStart + sphinx.MaxRoutingPayloadSize
)

// Errors of [Build].
var (
	ErrHops     = errors.New("a route has 1 to 27 hops")
	ErrNodeID   = errors.New("a hop's node id is not a point on the curve")
	ErrTooLarge = errors.New("the payloads need more than the packet's 1300 bytes: choose a shorter route or less metadata")
)

// ECDHer is a node's key. ECDH is the SHA256 of the compressed shared point.
type ECDHer interface {
	PublicKey() *btcec.PublicKey
	ECDH(p *btcec.PublicKey) [32]byte
}

// Hop is one node of a route and what it is told.
type Hop struct {
	NodeID  wire.NodeID
	Payload Payload
}

// Build wraps a payload for each hop into the packet for the first one. The
// session key is new and random for each packet; assoc, the payment hash, must be
// the same at each hop. Errors: [ErrHops], [ErrNodeID], [ErrPayload], [ErrTooLarge].
func Build(session *btcec.PrivateKey, hops []Hop, assoc wire.PaymentHash) (packet [wire.OnionPacketSize]byte, err error) {
	nodes := make([]wire.NodeID, len(hops))
	payloads := make([][]byte, len(hops))
	for i, h := range hops {
		nodes[i] = h.NodeID
		if payloads[i], err = h.Payload.Encode(); err != nil {
			return packet, fmt.Errorf("hop %d: %w", i, err)
		}
	}
	return wrap(session, nodes, payloads, assoc)
}

func wrap(session *btcec.PrivateKey, nodes []wire.NodeID, payloads [][]byte, assoc wire.PaymentHash) (packet [wire.OnionPacketSize]byte, err error) {
	if len(nodes) == 0 || len(nodes) > MaxHops {
		return packet, fmt.Errorf("%w, not %d", ErrHops, len(nodes))
	}
	var path sphinx.PaymentPath
	for i, id := range nodes {
		key, err := id.Key()
		if err != nil {
			return packet, fmt.Errorf("%w: hop %d, %v", ErrNodeID, i, id)
		}
		path[i] = sphinx.OnionHop{
			NodePub:    *key,
			HopPayload: sphinx.HopPayload{Type: sphinx.PayloadTLV, Payload: payloads[i]},
		}
	}
	p, err := sphinx.NewOnionPacket(&path, session, assoc[:], sphinx.DeterministicPacketFiller)
	if errors.Is(err, sphinx.ErrPayloadSizeExceeded) {
		return packet, ErrTooLarge
	}
	if err != nil {
		return packet, fmt.Errorf("onion packet: %w", err)
	}
	return bytesOf(p), nil
}

func bytesOf(p *sphinx.OnionPacket) (b [wire.OnionPacketSize]byte) {
	b[0] = p.Version
	copy(b[keyStart:], p.EphemeralKey.SerializeCompressed())
	copy(b[payloadStart:], p.RoutingInfo)
	copy(b[macStart:], p.HeaderMAC[:])
	return b
}

// Secrets are what the sender shares with each hop of the packet that [Build]
// makes of this session key (BOLT 4, "Shared Secret"): what [DecodeReason] needs.
// It is nil when a node id is not on the curve.
func Secrets(session *btcec.PrivateKey, hops []wire.NodeID) [][32]byte {
	ephemeral := session.Key
	secrets := make([][32]byte, len(hops))
	for i, id := range hops {
		node, err := id.Key()
		if err != nil {
			return nil
		}
		var point, shared btcec.JacobianPoint
		node.AsJacobian(&point)
		btcec.ScalarMultNonConst(&ephemeral, &point, &shared)
		shared.ToAffine()
		secrets[i] = sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())

		// BOLT 4, "Blinding Ephemeral Onion Keys".
		public := btcec.PrivKeyFromScalar(&ephemeral).PubKey().SerializeCompressed()
		factor := sha256.Sum256(append(public, secrets[i][:]...))
		var blinding btcec.ModNScalar
		blinding.SetBytes(&factor)
		ephemeral.Mul(&blinding)
	}
	return secrets
}

// Peeled is a packet without our layer.
type Peeled struct {
	Payload      Payload
	PayloadErr   error                       // nil, or a *PayloadError; then Payload is zero
	Next         *[wire.OnionPacketSize]byte // nil: we are the last hop
	SharedSecret [32]byte                    // with the sender, for [NewFailure] and [Obfuscate]
}

// Malformed says that a packet could not be read at all: there is no secret to
// answer with, so the peer answers for us (BOLT 2, update_fail_malformed_htlc).
type Malformed struct {
	Code          uint16 // with the BADONION bit
	SHA256OfOnion [32]byte
}

func (m *Malformed) Error() string {
	return fmt.Sprintf("onion packet is malformed, fail the HTLC as such: %v", Code(m.Code))
}

// Failure is what the peer of who could not read the packet sends back.
func (m *Malformed) Failure() Failure {
	return Failure{Code: Code(m.Code), SHA256OfOnion: m.SHA256OfOnion}
}

func malformed(code Code, packet *[wire.OnionPacketSize]byte) *Malformed {
	return &Malformed{Code: uint16(code), SHA256OfOnion: sha256.Sum256(packet[:])}
}

// InvalidOnionBlinding is the answer to every error of an HTLC that has a path
// key, and to every such HTLC by a node that does not forward in blinded routes.
//
// BOLT 4: "if `path_key` is set in the incoming `update_add_htlc`: - MUST return
// an `invalid_onion_blinding` error."
func InvalidOnionBlinding(packet *[wire.OnionPacketSize]byte) *Malformed {
	return malformed(CodeInvalidOnionBlinding, packet)
}

// Peel takes one layer off with the node's key. The error is a [*Malformed]; a
// packet that is well made but whose payload is not gives Peeled.PayloadErr.
//
// It is not for an HTLC with a path key: answer that with [InvalidOnionBlinding].
func Peel(key ECDHer, packet *[wire.OnionPacketSize]byte, assoc wire.PaymentHash) (Peeled, error) {
	// BOLT 4: "if `version` is not 0: - MUST abort processing the packet and fail."
	if packet[0] != 0 {
		return Peeled{}, malformed(CodeInvalidOnionVersion, packet)
	}
	ephemeral, err := btcec.ParsePubKey(packet[keyStart:payloadStart])
	if err != nil {
		return Peeled{}, malformed(CodeInvalidOnionKey, packet)
	}
	secret := key.ECDH(ephemeral)
	// The router unwraps without its replay log, which it is not given.
	router := sphinx.NewRouter(computed{key.PublicKey(), secret}, nil)
	inner, err := router.ReconstructOnionPacket(&sphinx.OnionPacket{
		Version:      packet[0],
		EphemeralKey: ephemeral,
		RoutingInfo:  bytes.Clone(packet[payloadStart:macStart]),
		HeaderMAC:    [sphinx.HMACSize]byte(packet[macStart:]),
	}, assoc[:], sphinx.WithTLVPayloadOnly())
	if errors.Is(err, sphinx.ErrInvalidOnionHMAC) {
		return Peeled{}, malformed(CodeInvalidOnionHMAC, packet)
	}
	if err != nil { // the sender put a length there that does not fit
		return Peeled{SharedSecret: secret, PayloadErr: invalidPayload(0, 0, "length: %v", err)}, nil
	}
	return peeled(inner, secret, packet), nil
}

func peeled(inner *sphinx.ProcessedPacket, secret [32]byte, packet *[wire.OnionPacketSize]byte) Peeled {
	out := Peeled{SharedSecret: secret}
	final := inner.Action == sphinx.ExitNode
	if !final {
		next := bytesOf(inner.NextPacket)
		out.Next = &next
	}
	b := inner.Payload.Payload
	if len(b) < 2 {
		// BOLT 4: "If the `payload_length` is less than two: - MUST abort
		// processing the packet and fail."
		out.PayloadErr = invalidPayload(0, 0, "a payload has at least 2 bytes")
		return out
	}
	payload, at, err := parse(b)
	if err == nil {
		err = payload.fitHop(at, final, len(b), packet)
	}
	if err != nil {
		out.PayloadErr = err
		return out
	}
	out.Payload = payload
	return out
}

// computed is a key whose only agreement has been made already, so that a signer
// elsewhere is asked once.
type computed struct {
	public *btcec.PublicKey
	secret [32]byte
}

func (c computed) PubKey() *btcec.PublicKey                { return c.public }
func (c computed) ECDH(*btcec.PublicKey) ([32]byte, error) { return c.secret, nil }

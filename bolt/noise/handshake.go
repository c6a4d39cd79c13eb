package noise

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
)

// Key is a node's static key. ECDH is SHA256 of the compressed shared point.
type Key interface {
	PublicKey() *btcec.PublicKey
	ECDH(p *btcec.PublicKey) [32]byte
}

// ErrVersion means that the other side speaks an unknown version of the handshake.
//
// BOLT 8: "Clients MUST reject handshake attempts initiated with an unknown version."
var ErrVersion = errors.New("noise: unknown handshake version")

// Lengths of the acts: version, key (encrypted in act three), tag.
const (
	actOneSize   = 1 + 33 + macSize
	actTwoSize   = 1 + 33 + macSize
	actThreeSize = 1 + 33 + macSize + macSize
)

// handshake is the state of BOLT 8, "Handshake State".
type handshake struct {
	hash  [32]byte // h
	chain [32]byte // ck
	temp  *cipherState
	local Key
	own   *btcec.PrivateKey // e
	peerE *btcec.PublicKey  // re
}

func begin(local Key, ephemeral *btcec.PrivateKey, responder *btcec.PublicKey) *handshake {
	h := &handshake{local: local, own: ephemeral}
	h.hash = sha256.Sum256([]byte("Noise_XK_secp256k1_ChaChaPoly_SHA256"))
	h.chain = h.hash
	h.mix([]byte("lightning"))
	h.mix(responder.SerializeCompressed())
	return h
}

// mix adds data to the handshake's hash.
func (h *handshake) mix(data []byte) {
	h.hash = sha256.Sum256(append(h.hash[:], data...))
}

// key derives the next temporary key from a shared secret.
func (h *handshake) key(secret [32]byte) {
	var k [32]byte
	h.chain, k = expand(h.chain, secret[:])
	h.temp = newCipherState([32]byte{}, k)
}

func ecdh(k *btcec.PrivateKey, p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&k.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

// seal encrypts with the temporary key and mixes what goes out.
func (h *handshake) seal(dst, plain []byte) []byte {
	n := len(dst)
	dst = h.temp.seal(dst, plain, h.hash[:])
	h.mix(dst[n:])
	return dst
}

// open decrypts with the temporary key and mixes what came in.
func (h *handshake) open(sealed []byte) ([]byte, error) {
	plain, err := h.temp.open(nil, sealed, h.hash[:])
	if err == nil {
		h.mix(sealed)
	}
	return plain, err
}

// ephemeralAct writes act one or two: our ephemeral key, and a tag under the
// secret that it shares with peer.
func (h *handshake) ephemeralAct(secret func() [32]byte) []byte {
	e := h.own.PubKey().SerializeCompressed()
	h.mix(e)
	h.key(secret())
	return h.seal(append([]byte{0}, e...), nil)
}

// readEphemeral reads act one or two.
//
// BOLT 8: "If `v` is an unrecognized handshake version, then the responder MUST abort the connection attempt."
// BOLT 8: "If the MAC check in this operation fails, then the initiator MUST terminate the connection without any further messages."
func (h *handshake) readEphemeral(act []byte, secret func() [32]byte) (err error) {
	if act[0] != 0 {
		return ErrVersion
	}
	if h.peerE, err = btcec.ParsePubKey(act[1:34]); err != nil {
		return fmt.Errorf("noise: ephemeral key: %w", err)
	}
	h.mix(act[1:34])
	h.key(secret())
	_, err = h.open(act[34:])
	return err
}

// Initiate runs the handshake as the side that connects, with the node remote.
// Errors: [ErrVersion], [ErrMAC], a key that is none, and those of rw.
func Initiate(rw io.ReadWriter, local Key, ephemeral *btcec.PrivateKey, remote *btcec.PublicKey) (*Conn, error) {
	h := begin(local, ephemeral, remote)
	if _, err := rw.Write(h.ephemeralAct(func() [32]byte { return ecdh(h.own, remote) })); err != nil {
		return nil, fmt.Errorf("noise: act one: %w", err)
	}
	var two [actTwoSize]byte
	if _, err := io.ReadFull(rw, two[:]); err != nil {
		return nil, fmt.Errorf("noise: act two: %w", err)
	}
	if err := h.readEphemeral(two[:], func() [32]byte { return ecdh(h.own, h.peerE) }); err != nil {
		return nil, fmt.Errorf("act two: %w", err)
	}
	// Act three: our static key under the key of act two, which has been used once,
	// then a tag under the secret of our static and their ephemeral key.
	three := h.seal([]byte{0}, local.PublicKey().SerializeCompressed())
	h.key(local.ECDH(h.peerE))
	three = h.seal(three, nil)
	if _, err := rw.Write(three); err != nil {
		return nil, fmt.Errorf("noise: act three: %w", err)
	}
	send, receive := expand(h.chain, nil)
	return newConn(rw, remote, newCipherState(h.chain, send), newCipherState(h.chain, receive)), nil
}

// Respond runs the handshake as the side that was connected to. Errors: as
// [Initiate].
func Respond(rw io.ReadWriter, local Key, ephemeral *btcec.PrivateKey) (*Conn, error) {
	h := begin(local, ephemeral, local.PublicKey())
	var one [actOneSize]byte
	if _, err := io.ReadFull(rw, one[:]); err != nil {
		return nil, fmt.Errorf("noise: act one: %w", err)
	}
	if err := h.readEphemeral(one[:], func() [32]byte { return local.ECDH(h.peerE) }); err != nil {
		return nil, fmt.Errorf("act one: %w", err)
	}
	if _, err := rw.Write(h.ephemeralAct(func() [32]byte { return ecdh(h.own, h.peerE) })); err != nil {
		return nil, fmt.Errorf("noise: act two: %w", err)
	}
	var three [actThreeSize]byte
	if _, err := io.ReadFull(rw, three[:]); err != nil {
		return nil, fmt.Errorf("noise: act three: %w", err)
	}
	remote, err := h.readActThree(three[:])
	if err != nil {
		return nil, fmt.Errorf("act three: %w", err)
	}
	receive, send := expand(h.chain, nil)
	return newConn(rw, remote, newCipherState(h.chain, send), newCipherState(h.chain, receive)), nil
}

// readActThree returns the static key of who called.
//
// BOLT 8: "If the MAC check in this operation fails, then the responder MUST terminate the connection without any further messages."
func (h *handshake) readActThree(act []byte) (*btcec.PublicKey, error) {
	if act[0] != 0 {
		return nil, ErrVersion
	}
	static, err := h.open(act[1 : 1+33+macSize])
	if err != nil {
		return nil, err
	}
	remote, err := btcec.ParsePubKey(static)
	if err != nil {
		return nil, fmt.Errorf("noise: static key: %w", err)
	}
	h.key(ecdh(h.own, remote))
	if _, err := h.open(act[1+33+macSize:]); err != nil {
		return nil, err
	}
	return remote, nil
}

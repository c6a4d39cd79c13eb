// Package noise is the encrypted transport of BOLT 8:
// Noise_XK_secp256k1_ChaChaPoly_SHA256 with keys that rotate every 1000 uses.
//
// The handshake is three acts, each a value that is read or written whole;
// [Initiate] and [Respond] run them over an [io.ReadWriter] and give a [Conn].
// The dialer must know whom it calls; the answerer learns who calls.
//
//	conn, err := noise.Initiate(socket, nodeKey, ephemeral, remote)
//	if err != nil {
//		return err // nothing was sent that tells who we are, unless act two was right
//	}
//	err = conn.WriteMessage(b)
//
// The package has no randomness and no clock of its own: the ephemeral key is
// given by the caller, who must draw a new one for each handshake, and deadlines
// are the socket's.
//
// Two invariants: a message that fails its check ends the connection for good,
// and no nonce is used twice with a key.
package noise

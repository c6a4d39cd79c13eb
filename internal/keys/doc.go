// Package keys has the node's seed and everything that is signed with it.
//
// The seed is 24 words (BIP 39). Below it, all keys are derived (BIP 32), so the
// words alone bring them back:
//
//	m/1017'/c'/6'/0/0       the node's key: node id, BOLT 8, onions, gossip
//	m/1017'/c'/0'/0/i       channel i: funding key
//	m/1017'/c'/1'/0/i       channel i: revocation basepoint
//	m/1017'/c'/2'/0/i       channel i: HTLC basepoint
//	m/1017'/c'/3'/0/i       channel i: payment basepoint
//	m/1017'/c'/4'/0/i       channel i: delayed payment basepoint
//	m/1017'/c'/5'/0/i       channel i: SHA256 of this key is the seed of its
//	                        per-commitment secrets
//	m/1017'/c'/7'/0/0       SHA256 of this key encrypts the static backup
//	m/49'/c'/0'/b/i         wallet: P2WPKH in P2SH (BIP 49), for tokens
//	m/84'/c'/0'/b/i         wallet: P2WPKH (BIP 84), b is 1 for change
//	m/86'/c'/0'/b/i         wallet: P2TR (BIP 86)
//
// c is the network's coin type: 0 on mainnet, 1 elsewhere. Channels count from 1.
//
// The seed's file holds the 24 words as text, or, when there is a passphrase, the seed
// encrypted under it (Argon2id, XChaCha20-Poly1305), as one line of text:
//
//	leyden-seed 1 argon2id passes=3 kib=65536 salt=… nonce=… sealed=…
//
// A channel's keys are its signer, and the signer has a memory of its own: the
// highest of the peer's commitments that it signed, with its hash, and the
// highest of ours that it revoked. It refuses to go back, whatever it is asked: a
// bug above it then stops the node instead of losing the channel. The memory is a
// row, written in the transaction that makes the signature visible.
package keys

package onion

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	sphinx "github.com/lightningnetwork/lightning-onion"
)

// minFailure is the least length of a failure message with its padding.
//
// BOLT 4: "MUST set `pad` such that the `failure_len` plus `pad_len` is at least
// 256."
const minFailure = 256

// maxFailure keeps a reason well below the 65535 bytes of a message.
const maxFailure = 1 << 15

// Errors of [DecodeReason].
var (
	ErrUnreadable = errors.New("no hop of the route made this failure: a hop changed it or does not follow BOLT 4")
	errPadding    = errors.New("lengths of failure message and padding do not add up")
)

// NewFailure makes the reason of update_fail_htlc at the hop that fails: the
// failure, padded so that its length tells nothing, with an HMAC, obfuscated.
// Data beyond 32 kilobytes, which no code has, is cut off.
func NewFailure(secret [32]byte, f Failure) []byte {
	message := f.Encode()
	message = message[:min(len(message), maxFailure)]
	padding := max(minFailure-len(message), 0)

	b := binary.BigEndian.AppendUint16(nil, uint16(len(message))) //nolint:gosec // at most maxFailure
	b = append(b, message...)
	b = binary.BigEndian.AppendUint16(b, uint16(padding)) //nolint:gosec // at most minFailure
	b = append(b, make([]byte, padding)...)
	return encrypter(secret).EncryptError(true, b)
}

// Obfuscate adds a forwarding hop's layer to a reason on its way back.
func Obfuscate(secret [32]byte, reason []byte) []byte {
	return encrypter(secret).EncryptError(false, reason)
}

// encrypter holds a secret that is known already: reading one cannot fail.
func encrypter(secret [32]byte) *sphinx.OnionErrorEncrypter {
	var e sphinx.OnionErrorEncrypter
	_ = e.Decode(bytes.NewReader(secret[:]))
	return &e
}

// DecodeReason finds who made a reason and what it says. Hop counts from 0, the
// first of secrets. Error: [ErrUnreadable] with hop -1, or DecodeFailure's with
// the hop that sent nonsense and whatever could be read of its code.
//
// BOLT 4: "SHOULD continue decrypting, until the loop has been repeated 27 times"
func DecodeReason(secrets [][32]byte, reason []byte) (hop int, f Failure, err error) {
	if len(reason) <= sha256.Size {
		return -1, Failure{}, fmt.Errorf("%w: only %d bytes", ErrUnreadable, len(reason))
	}
	hop = -1
	var message []byte
	for i := range max(MaxHops, len(secrets)) {
		var secret [32]byte // a constant one, once there is nothing more to find
		if hop < 0 && i < len(secrets) {
			secret = secrets[i]
		}
		reason = Obfuscate(secret, reason) // obfuscating again takes the layer off
		mac, rest := reason[:sha256.Size], reason[sha256.Size:]
		if hmac.Equal(mac, authentication(secret, rest)) && hop < 0 && i < len(secrets) {
			hop, message = i, rest
		}
	}
	if hop < 0 {
		return -1, Failure{}, ErrUnreadable
	}
	message, err = unpad(message)
	if err != nil {
		return hop, Failure{}, err
	}
	f, err = DecodeFailure(message)
	return hop, f, err
}

// authentication is the HMAC of a reason under the key of type um (BOLT 4, "Key
// Generation").
func authentication(secret [32]byte, b []byte) []byte {
	mac := hmac.New(sha256.New, derived("um", secret))
	mac.Write(b)
	return mac.Sum(nil)
}

func unpad(b []byte) ([]byte, error) {
	c := codec{buf: b}
	message := c.prefixed(nil)
	c.prefixed(nil) // the padding
	if c.err != nil || len(c.buf) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrFailureData, errPadding)
	}
	return message, nil
}

package onion

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"golang.org/x/crypto/chacha20"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Sizes of attribution_data (BOLT 4, "Initialization of `attribution_data`"): the
// hold times of 20 hops, then 20 HMACs of the nearest hop, 19 of the next, and so on.
const (
	attributed = 20 // hops
	holdSize   = 4
	macSize    = 4
	macs       = attributed * holdSize // where they begin
)

// macAt is where hmac_x_y stands: of the hop x away, if it is y away from the one
// that erred.
func macAt(x, y int) int {
	before := x * (2*attributed - x + 1) / 2
	return macs + macSize*(before+attributed-1-x-y)
}

// Attribute makes the attribution_data of a hop: ours, if downstream is nil or there
// was none, or what came from the next hop with ours added. Reason is the return
// packet as it was before we obfuscated it; nil in update_fulfill_htlc. Held is for
// how long we had the HTLC, in milliseconds; zero: unknown.
func Attribute(secret [32]byte, downstream *wire.Attribution, reason []byte, held uint64) *wire.Attribution {
	var a wire.Attribution
	if downstream != nil {
		// BOLT 4: "Shift all existing hold times to the right (4 bytes)."
		copy(a[holdSize:macs], downstream[:macs-holdSize])
		// BOLT 4: "The left-most HMAC for each hop is discarded."
		for x := 1; x < attributed; x++ {
			from, to := macAt(x-1, attributed-1-x), macAt(x, attributed-1-x)
			copy(a[to:to+macSize*(attributed-x)], downstream[from:])
		}
	}
	// BOLT 4: "The `htlc_hold_times` field specifies the htlc hold time for each hop in units of 100 milliseconds."
	binary.BigEndian.PutUint32(a[:], uint32(min(held/100, math.MaxUint32))) //nolint:gosec // bounded
	mac := hmac.New(sha256.New, derived("um", secret))
	for y := range attributed {
		copy(a[macAt(0, y):], attributionMAC(mac, &a, reason, y))
	}
	obscure(secret, &a)
	return &a
}

// attributionMAC is hmac_0_y.
//
// BOLT 4: "The concatenation of `y` downstream hmacs that correspond to downstream node positions relative to `x`."
func attributionMAC(mac hash.Hash, a *wire.Attribution, reason []byte, y int) []byte {
	mac.Reset()
	mac.Write(reason)
	mac.Write(a[:holdSize*(y+1)])
	for x := 1; x <= y; x++ {
		at := macAt(x, y-x)
		mac.Write(a[at : at+macSize])
	}
	return mac.Sum(nil)[:macSize]
}

// derived is the key of a type (BOLT 4, "Key Generation").
func derived(typ string, secret [32]byte) []byte {
	key := hmac.New(sha256.New, []byte(typ))
	key.Write(secret[:])
	return key.Sum(nil)
}

// obscure adds the layer of a hop to attribution_data, or takes it off.
func obscure(secret [32]byte, a *wire.Attribution) {
	var nonce [chacha20.NonceSize]byte
	stream, err := chacha20.NewUnauthenticatedCipher(derived("ammagext", secret), nonce[:])
	if err != nil {
		panic("onion: " + err.Error()) // the key has 32 bytes
	}
	stream.XORKeyStream(a[:], a[:])
}

// Attributed reads attribution_data at the origin: for how many milliseconds each
// hop says that it had the HTLC, as far as the hops vouch for it. The hop after them
// does not add to it, or it or the one before has changed what came. Reason is that
// of update_fail_htlc as it came to us; nil of an update_fulfill_htlc. Secrets are
// those of all hops of the route.
func Attributed(secrets [][32]byte, reason []byte, a *wire.Attribution) (held []uint64) {
	if a == nil || len(secrets) > attributed {
		return nil
	}
	data := *a
	for i, secret := range secrets {
		obscure(secret, &data)
		if reason != nil {
			reason = Obfuscate(secret, reason) // obfuscating again takes the layer off
		}
		y := len(secrets) - 1 - i
		at := macAt(0, y)
		if !hmac.Equal(data[at:at+macSize], attributionMAC(hmac.New(sha256.New, derived("um", secret)), &data, reason, y)) {
			return held
		}
		held = append(held, 100*uint64(binary.BigEndian.Uint32(data[:])))
		// Back to how it came from the next hop; what was pruned is not needed.
		var next wire.Attribution
		copy(next[:macs-holdSize], data[holdSize:macs])
		for x := 1; x < attributed; x++ {
			from, to := macAt(x, attributed-1-x), macAt(x-1, attributed-1-x)
			copy(next[to:to+macSize*(attributed-x)], data[from:])
		}
		data = next
	}
	return held
}

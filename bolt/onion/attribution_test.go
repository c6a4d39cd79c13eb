//go:build !race

package onion

import (
	"encoding/hex"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/bolt/wire"
)

type attributionVector struct {
	Source     string `json:"source"`
	SessionKey string `json:"session_key"`
	Raw        string `json:"raw"`
	Hops       []struct {
		NodeID    wire.NodeID `json:"node_id"`
		HoldTime  uint64      `json:"hold_time"`
		Reason    string      `json:"reason"`
		Failed    string      `json:"failed"`
		Fulfilled string      `json:"fulfilled"`
	} `json:"hops"`
}

func TestAttributionsAreThoseOfBOLT4(t *testing.T) {
	var v attributionVector
	load(t, "attribution.json", &v)
	var nodes []wire.NodeID
	var want []uint64
	for _, h := range v.Hops {
		nodes, want = append(nodes, h.NodeID), append(want, 100*h.HoldTime)
	}
	secrets := Secrets(key(0x41).PrivateKey, nodes)
	reason := unhex(t, v.Raw)
	var failed, fulfilled *wire.Attribution
	for i := len(v.Hops) - 1; i >= 0; i-- {
		h := v.Hops[i]
		failed = Attribute(secrets[i], failed, reason, 100*h.HoldTime+99)
		fulfilled = Attribute(secrets[i], fulfilled, nil, 100*h.HoldTime)
		reason = Obfuscate(secrets[i], reason)
		if hex.EncodeToString(reason) != h.Reason || hex.EncodeToString(failed[:]) != h.Failed || hex.EncodeToString(fulfilled[:]) != h.Fulfilled {
			t.Errorf("hop %d makes another reason or other attribution_data", i)
		}
	}
	if held := Attributed(secrets, reason, failed); !slices.Equal(held, want) {
		t.Errorf("hold times %v of the failure", held)
	}
	if held := Attributed(secrets, nil, fulfilled); !slices.Equal(held, want) {
		t.Errorf("hold times %v of the success", held)
	}
	if Attributed(secrets, nil, nil) != nil {
		t.Error("hold times of nothing")
	}
}

// The origin knows how far what it reads is as the hops made it, wherever somebody
// changes it, and wherever somebody does not add to it.
func TestWhoeverChangesAFailureIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		route := rapid.IntRange(1, attributed).Draw(t, "hops")
		erring := rapid.IntRange(0, route-1).Draw(t, "erring")
		secrets := make([][32]byte, route)
		for i := range secrets {
			secrets[i][0], secrets[i][1] = byte(i), 1
		}
		garbler := rapid.IntRange(-1, erring).Draw(t, "garbler")
		silent := rapid.Bool().Draw(t, "silent")
		var a *wire.Attribution
		reason := unpadded(secrets[erring])
		for i := erring; i >= 0; i-- {
			if i == garbler && silent {
				a = nil // this hop passes nothing on
				reason = Obfuscate(secrets[i], reason)
				continue
			}
			a = Attribute(secrets[i], a, reason, uint64(1000*i))
			reason = Obfuscate(secrets[i], reason)
			if i == garbler {
				if at := rapid.IntRange(-1, 3).Draw(t, "byte of its hold time"); at < 0 {
					reason[len(reason)-1] ^= 1
				} else {
					a[at] ^= 1
				}
			}
		}
		held := Attributed(secrets, reason, a)
		for i, h := range held {
			if h != uint64(1000*i) {
				t.Fatalf("hop %d held it for %d", i, h)
			}
		}
		switch want := min(max(garbler, 0), erring+1); {
		case garbler < 0 && len(held) != erring+1:
			t.Fatalf("%d hops of %d are vouched for", len(held), erring+1)
		case garbler >= 0 && len(held) > want:
			t.Fatalf("%d hops are vouched for though hop %d has garbled", len(held), garbler)
		case garbler >= 0 && silent && len(held) != want:
			t.Fatalf("%d hops are vouched for, hop %d was silent", len(held), garbler)
		}
	})
}

// unpadded is a return packet before it is obfuscated.
func unpadded(secret [32]byte) []byte {
	return Obfuscate(secret, NewFailure(secret, TemporaryNodeFailure()))
}

func FuzzAttributed(f *testing.F) {
	secrets := [][32]byte{{1}, {2}, {3}}
	a := Attribute(secrets[0], Attribute(secrets[1], nil, nil, 100), nil, 200)
	f.Add(a[:], []byte(nil))
	f.Add(a[:100], []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data, reason []byte) {
		var a wire.Attribution
		copy(a[:], data)
		if held := Attributed(secrets, reason, &a); len(held) > len(secrets) {
			t.Errorf("%d hops", len(held))
		}
	})
}

package peer

import (
	"io"
	"testing"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// How far a fuzzed peer behaves before its bytes begin.
const (
	fromActOne    = iota // raw bytes from the start
	fromActThree         // raw bytes where act three should be
	inPlaceOfInit        // messages, the first where init should be
	afterInit            // messages
	underNoise           // raw bytes where messages should be
	stages
)

// stall stops writing after act one, so that the bytes of the test come next.
type stall struct {
	io.ReadWriter
	writes int
}

func (s *stall) Write(b []byte) (int, error) {
	if s.writes++; s.writes > 1 {
		return 0, io.ErrShortWrite
	}
	return s.ReadWriter.Write(b)
}

// Whatever comes in, and however far the peer has behaved, the set lives on, and
// the handler hears of an end for each beginning.
func FuzzInbound(f *testing.F) {
	f.Add(uint8(fromActOne), []byte{})
	f.Add(uint8(fromActOne), make([]byte, 50))
	f.Add(uint8(fromActOne), make([]byte, 200))
	f.Add(uint8(fromActThree), make([]byte, 66))
	f.Add(uint8(underNoise), make([]byte, 18))
	f.Add(uint8(underNoise), make([]byte, 1000))
	init := wire.Encode(&wire.Init{Features: wire.NewFeatures(100)})
	f.Add(uint8(inPlaceOfInit), append([]byte{byte(len(init))}, init...))
	f.Add(uint8(inPlaceOfInit), []byte{0})
	f.Add(uint8(inPlaceOfInit), []byte{4, 0, 18, 0, 0})
	f.Add(uint8(afterInit), []byte{6, 0, 18, 0, 9, 0, 0, 4, 0, 18, 0, 9})
	f.Add(uint8(afterInit), []byte{2, 255, 255, 2, 255, 254, 0, 1, 1})
	f.Add(uint8(afterInit), append([]byte{36}, append([]byte{0, 17}, make([]byte, 34)...)...))
	f.Fuzz(func(t *testing.T, stage uint8, data []byte) {
		s, d := newSet(t, 1, nil)
		c := pipe(t, s)
		switch stage %= stages; stage {
		case fromActOne, fromActThree:
			if stage == fromActThree {
				_, _ = noise.Initiate(&stall{ReadWriter: c}, key(2), key(3).PrivateKey, s.cfg.Key.PublicKey())
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
			_, _ = c.Write(data)
		default:
			peer := shake(t, c, 2, s)
			peer.hear()
			if stage != inPlaceOfInit {
				peer.say(&wire.Init{})
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
			if stage == underNoise {
				_, _ = c.Write(data)
				break
			}
			for len(data) > 0 { // a byte for the length, then a message
				n := min(int(data[0]), len(data)-1)
				if peer.WriteMessage(data[1:1+n]) != nil {
					break
				}
				data = data[1+n:]
			}
		}
		c.Close()
		s.Close()
		open := 0
		for len(d.heard) > 0 {
			switch h := <-d.heard; h.what {
			case "up":
				open++
			case "down":
				open--
			}
		}
		if open != 0 || len(s.All()) != 0 || len(s.door.waiting) != 0 {
			t.Error("something is left of a connection that has ended")
		}
	})
}

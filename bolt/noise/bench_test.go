//go:build !race

package noise

import (
	"bytes"
	"testing"
)

// A message of update_add_htlc's length goes from one end to the other.
func BenchmarkMessage(b *testing.B) {
	var pipe bytes.Buffer
	from, to := pair(b, &pipe)
	m := make([]byte, 1452)
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		if err := from.WriteMessage(m); err != nil {
			b.Fatal(err)
		}
		if _, err := to.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHandshake(b *testing.B) {
	in, _ := load(b).Handshakes[0].split()
	for b.Loop() {
		if _, err := Initiate(says(in), staticKey{initiator}, initiatorEphemeral, responder.PubKey()); err != nil {
			b.Fatal(err)
		}
	}
}

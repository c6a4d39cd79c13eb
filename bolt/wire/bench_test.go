//go:build !race

package wire

import "testing"

func BenchmarkAppendMessage(b *testing.B) {
	m := &UpdateAddHTLC{ID: 1, AmountMsat: 2_000_000, CLTVExpiry: 700_000}
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if room, err = AppendMessage(room[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	encoded := Encode(&UpdateAddHTLC{ID: 1, AmountMsat: 2_000_000, CLTVExpiry: 700_000})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

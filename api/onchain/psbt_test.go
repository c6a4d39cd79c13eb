//go:build !race

package onchain

import (
	"testing"

	"github.com/btcsuite/btcd/psbt/v2"
)

// FuzzPSBT reads a PSBT and finishes it, as sendpsbt does with one from anybody.
func FuzzPSBT(f *testing.F) {
	f.Add("cHNidP8BAAoBAAAAAAAAAAAAAA==")
	f.Add("cHNidP8BADMBAAAAARERERERERERERERERERERERERERERERERERERERERERAAAAAAD/////AAAAAAAAAA==")
	f.Fuzz(func(_ *testing.T, text string) {
		var p packet
		if p.UnmarshalText([]byte(text)) != nil {
			return
		}
		if psbt.MaybeFinalizeAll(p.Packet) == nil {
			_, _ = psbt.Extract(p.Packet)
		}
	})
}

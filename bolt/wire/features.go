package wire

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// FeatureBit is the even bit of a pair: set, the feature is required; the odd bit
// above it says that it is optional (BOLT 9).
type FeatureBit uint16

// The features of BOLT 9, and one that is not, by their even bit.
const (
	DataLossProtect       FeatureBit = 0
	UpfrontShutdownScript FeatureBit = 4
	GossipQueries         FeatureBit = 6
	VarOnion              FeatureBit = 8
	GossipQueriesEx       FeatureBit = 10
	StaticRemoteKey       FeatureBit = 12
	PaymentSecret         FeatureBit = 14
	BasicMPP              FeatureBit = 16
	LargeChannels         FeatureBit = 18
	AnchorsZeroFeeHTLC    FeatureBit = 22
	RouteBlinding         FeatureBit = 24
	ShutdownAnySegwit     FeatureBit = 26
	DualFund              FeatureBit = 28
	Quiescence            FeatureBit = 34
	AttributionData       FeatureBit = 36
	OnionMessages         FeatureBit = 38
	ZeroFeeCommitments    FeatureBit = 40
	ProvideStorage        FeatureBit = 42
	ChannelType           FeatureBit = 44
	SCIDAlias             FeatureBit = 46
	PaymentMetadata       FeatureBit = 48
	ZeroConf              FeatureBit = 50
	Keysend               FeatureBit = 54 // bLIP 2
	SimpleClose           FeatureBit = 60
	Splice                FeatureBit = 62
)

// requires lists, for each feature, the features without which it means nothing
// (BOLT 9, column "Dependencies"). A peer need not set what is ASSUMED there, so
// nothing else is asked for.
var requires = map[FeatureBit][]FeatureBit{
	BasicMPP:    {PaymentSecret},
	ZeroConf:    {SCIDAlias},
	SimpleClose: {ShutdownAnySegwit},
}

// Features is a feature bit field as on the wire: big-endian, bit 0 is the lowest
// bit of the last byte.
type Features []byte

// NewFeatures sets exactly these bits: PaymentSecret requires it, PaymentSecret+1
// offers it.
func NewFeatures(bits ...FeatureBit) Features {
	var f Features
	for _, b := range bits {
		f = f.With(b)
	}
	return f
}

// With returns a copy with one more bit set.
func (f Features) With(b FeatureBit) Features {
	size := max(len(f), int(b)/8+1)
	out := make(Features, size)
	copy(out[size-len(f):], f)
	out[size-1-int(b)/8] |= 1 << (b % 8)
	return out
}

// Bit says whether bit n is set.
func (f Features) Bit(n int) bool {
	i := len(f) - 1 - n/8
	return n >= 0 && i >= 0 && f[i]&(1<<(n%8)) != 0
}

// Has says whether the feature is required or optional: either bit of its pair.
func (f Features) Has(b FeatureBit) bool {
	even := int(b &^ 1)
	return f.Bit(even) || f.Bit(even+1)
}

// Mandatory says whether the feature is required.
func (f Features) Mandatory(b FeatureBit) bool { return f.Bit(int(b &^ 1)) }

// Trim removes leading zero bytes.
func (f Features) Trim() Features {
	for len(f) > 0 && f[0] == 0 {
		f = f[1:]
	}
	return f
}

// Equal compares the bits, whatever the lengths.
func (f Features) Equal(g Features) bool { return bytes.Equal(f.Trim(), g.Trim()) }

// Bits lists the bits that are set, lowest first.
func (f Features) Bits() []int {
	var out []int
	for n := range len(f) * 8 {
		if f.Bit(n) {
			out = append(out, n)
		}
	}
	return out
}

// UnknownMandatory returns a required feature that is not in known, if there is one.
//
// BOLT 1: "upon receiving unknown _even_ feature bits that are non-zero"
func (f Features) UnknownMandatory(known Features) (bit int, bad bool) {
	for _, n := range f.Bits() {
		if n%2 == 0 && !known.Bit(n) && !known.Bit(n+1) {
			return n, true
		}
	}
	return 0, false
}

// Missing returns a feature that is set without one that it depends on.
func (f Features) Missing() (feature, dependency FeatureBit, missing bool) {
	for _, n := range f.Bits() {
		if n > math.MaxUint16 {
			break // a field may be longer, but no feature is there
		}
		b := FeatureBit(n) &^ 1
		for _, d := range requires[b] {
			if !f.Has(d) {
				return b, d, true
			}
		}
	}
	return 0, 0, false
}

// String lists the bits, such as "8,14,17".
func (f Features) String() string {
	s := fmt.Sprint(f.Bits())
	return strings.ReplaceAll(strings.Trim(s, "[]"), " ", ",")
}

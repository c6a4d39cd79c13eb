//go:build !race

package wire

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestFeatureBitsCountFromTheEnd(t *testing.T) {
	f := NewFeatures(VarOnion, BasicMPP+1)
	if !slices.Equal(f, Features{0x02, 0x01, 0x00}) {
		t.Fatalf("%x", f)
	}
	if got := f.Bits(); !slices.Equal(got, []int{8, 17}) || f.String() != "8,17" {
		t.Errorf("%v %q", got, f)
	}
	for _, b := range []FeatureBit{VarOnion, VarOnion + 1, BasicMPP, BasicMPP + 1} {
		if !f.Has(b) {
			t.Errorf("%d is not there", b)
		}
	}
	if f.Has(PaymentSecret) || f.Has(1000) || !f.Mandatory(VarOnion) || f.Mandatory(BasicMPP) || f.Mandatory(BasicMPP+1) {
		t.Error("what is required and what is offered are mixed up")
	}
	if f.Bit(-1) || f.Bit(24) || !f.Bit(8) {
		t.Error("bits outside the field")
	}
}

// BOLT 9: "if both the optional and the mandatory feature bits in a pair are set"
func TestBothBitsOfAPairMeanRequired(t *testing.T) {
	if f := NewFeatures(SCIDAlias, SCIDAlias+1); !f.Mandatory(SCIDAlias) {
		t.Error("not required")
	}
}

func TestLeadingZerosOfFeaturesMeanNothing(t *testing.T) {
	if !(Features{0, 0, 1}).Equal(Features{1}) || (Features{1, 0}).Equal(Features{1}) || !(Features{0}).Equal(nil) {
		t.Error("lengths matter, or bits do not")
	}
	if got := (Features{0, 1, 0}).Trim(); !slices.Equal(got, Features{1, 0}) {
		t.Errorf("%x", got)
	}
}

func TestWithCopies(t *testing.T) {
	f := NewFeatures(VarOnion)
	if g := f.With(0); !g.Bit(0) || f.Bit(0) {
		t.Error("the old one has changed")
	}
}

func TestNewFeaturesHasTheseBitsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SliceOfDistinct(rapid.IntRange(0, 300), rapid.ID[int]).Draw(t, "bits")
		var f Features
		for _, b := range bits {
			f = f.With(FeatureBit(b))
		}
		slices.Sort(bits)
		if got := f.Bits(); !slices.Equal(got, bits) {
			t.Errorf("%v, want %v", got, bits)
		}
		if len(f) > 0 && f[0] == 0 {
			t.Errorf("%x has a leading zero", f)
		}
	})
}

func TestUnknownFeatureIsRefusedWhenRequiredOnly(t *testing.T) {
	known := NewFeatures(VarOnion+1, SCIDAlias)
	for _, f := range []Features{nil, NewFeatures(VarOnion), NewFeatures(SCIDAlias), NewFeatures(SCIDAlias + 1), NewFeatures(VarOnion, 201)} {
		if bit, bad := f.UnknownMandatory(known); bad {
			t.Errorf("%v: bit %d", f, bit)
		}
	}
	if bit, bad := NewFeatures(VarOnion, 200).UnknownMandatory(known); !bad || bit != 200 {
		t.Errorf("bit %d, %v", bit, bad)
	}
}

// far is a field with one bit set beyond those that a [FeatureBit] can name.
func far(bit int) Features {
	f := make(Features, bit/8+1)
	f[0] = 1 << (bit % 8)
	return f
}

func TestABitThatIsFarAwayIsNotOneOfOurs(t *testing.T) {
	const all = 1 << 16
	known := NewFeatures(VarOnion, PaymentSecret+1, BasicMPP+1)
	for _, b := range known.Bits() {
		f := far(all + b&^1)
		if bit, bad := f.UnknownMandatory(known); !bad || bit != all+b&^1 {
			t.Errorf("bit %d passes for %d", all+b&^1, b)
		}
		if bit, bad := far(all + b | 1).UnknownMandatory(known); bad {
			t.Errorf("bit %d is optional", bit)
		}
	}
	for _, b := range []FeatureBit{BasicMPP, ZeroConf, SimpleClose} {
		if f, d, missing := far(all + int(b)).Missing(); missing {
			t.Errorf("bit %d passes for %d, which needs %d", all+int(b), f, d)
		}
	}
}

// TestDependenciesOfBOLT9 has the column "Dependencies" of BOLT 9's table.
func TestDependenciesOfBOLT9(t *testing.T) {
	for feature, needs := range map[FeatureBit]FeatureBit{BasicMPP: PaymentSecret, ZeroConf: SCIDAlias, SimpleClose: ShutdownAnySegwit} {
		for _, bit := range []FeatureBit{feature, feature + 1} {
			if f, d, missing := NewFeatures(bit).Missing(); !missing || f != feature || d != needs {
				t.Errorf("%d alone: %d without %d, %v", bit, f, d, missing)
			}
			for _, other := range []FeatureBit{needs, needs + 1} {
				if f, d, missing := NewFeatures(bit, other).Missing(); missing {
					t.Errorf("%d with %d: %d without %d", bit, other, f, d)
				}
			}
		}
	}
	for _, f := range []FeatureBit{PaymentSecret, AnchorsZeroFeeHTLC, RouteBlinding, GossipQueriesEx, OnionMessages, 300} {
		if _, d, missing := NewFeatures(f).Missing(); missing {
			t.Errorf("%d does not need %d", f, d)
		}
	}
}

package terms

import "testing"

// Nothing can be added to what a commitment with tokens pays, so it follows the day's
// feerate, where one with an anchor does not have to; and it gets there, though one step at
// most doubles it.
func TestAFeerateOfTokensFollowsTheDay(t *testing.T) {
	for _, c := range []struct{ estimate, want uint32 }{
		{100, commitLeast}, {1000, 1000}, {20_000, 20_000}, {90_000, tokenMost},
	} {
		rate := uint32(commitLeast)
		for step := 0; rate != c.want; step++ {
			next := should(true, rate, c.estimate)
			if step > 10 || next > 2*rate {
				t.Fatalf("of %d: %d after %d", c.estimate, next, rate)
			}
			rate = next
		}
		if next := should(true, rate, c.estimate); next != rate {
			t.Errorf("of %d: %d after %d", c.estimate, next, rate)
		}
		if next := should(true, 100_000, c.estimate); next != c.want {
			t.Errorf("down from 100000 to %d, not %d", next, c.want)
		}
		if rate := should(false, commitLeast, c.estimate); rate != CommitFee(c.estimate) {
			t.Errorf("with an anchor %d", rate)
		}
	}
}

func TestAPeersFeerateOfTokensIsNotFarBelowTheDay(t *testing.T) {
	for _, c := range []struct{ estimate, low, tokens uint32 }{
		{253, commitLeast, commitLeast}, {1000, commitLeast, commitLeast}, {8000, commitLeast, 2000}, {1_000_000, commitLeast, tokenMost / 4},
	} {
		if b := bounds(false, c.estimate); b.Low != c.low {
			t.Errorf("of %d: %+v", c.estimate, b)
		}
		b := bounds(true, c.estimate)
		if b.Low != c.tokens || b.High < b.Low || b.High != bounds(false, c.estimate).High {
			t.Errorf("of %d with tokens: %+v", c.estimate, b)
		}
	}
}

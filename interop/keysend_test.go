package interop

import "testing"

// Nobody has asked for these payments, and both take them.
func TestKeysendGoesBothWays(t *testing.T) {
	eachLND(t, func(p *pair, lnd *LND) {
		before := p.look(p.ours, p.channel).ToUs
		_, err := lnd.Keysend(p.context(), p.ours, 10_000_000)
		p.must(err)
		p.quiet(p.channel, p.ours, lnd)
		if got := p.look(p.ours, p.channel).ToUs; got != before+10_000_000 {
			p.Errorf("Leyden has %d msat, and had %d", got, before)
		}
		var out struct {
			Preimage string `json:"payment_preimage"`
		}
		p.must(p.ours.Call(p.context(), &out, "keysend", map[string]any{"destination": lnd.ID(), "amount_msat": 10_000_000}))
		p.quiet(p.channel, p.ours, lnd)
		if got := p.look(p.ours, p.channel).ToUs; got != before || len(out.Preimage) != 64 {
			p.Errorf("Leyden has %d msat, and had %d; the preimage is %q", got, before, out.Preimage)
		}
	})
}

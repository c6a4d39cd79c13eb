package channel

import (
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Rows are what must be on disk of the channel once its last outcome is written:
// all but stage 0. [Load] gives the machine back from them, so a caller that keeps
// rows can check that nothing was forgotten.
func (c *Channel) Rows() Rows {
	r := Rows{Params: c.params, State: c.stateRow(), Status: c.status, Commitment: c.fundings[0].ours}
	for _, b := range c.secrets.Buckets() {
		r.Secrets = append(r.Secrets, secretRow(r.Params, b))
	}
	c.each(func(h *htlc) {
		if h.Added != (dance.Numbers{}) {
			r.HTLCs = append(r.HTLCs, h.HTLCRow)
		}
	})
	return r
}

func secretRow(p ParamsRow, b script.Bucket) SecretRow {
	return SecretRow{Channel: p.Channel, Bucket: b.Bucket, Number: b.Number, Secret: b.Secret}
}

package exchange

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
)

// Continue notes which HTLCs that are under way exchange something.
func (b *Book) Continue(channels []channel.Rows, u store.Unfinished) {
	type side struct {
		property amount.Property
		tokens   amount.Units
	}
	came := map[channel.Ref]side{}
	ended := map[channel.Ref]bool{}
	for _, s := range u.Settlements {
		if s.Origin.In != nil {
			ended[*s.Origin.In] = true
		}
	}
	for _, rows := range channels {
		for _, h := range rows.HTLCs {
			if ref := (channel.Ref{Channel: h.Channel, ID: h.ID}); h.Incoming && u.Forwarded[ref] && !ended[ref] {
				came[ref] = side{rows.Params.Property, h.Tokens}
			}
		}
	}
	for _, rows := range channels {
		for _, h := range rows.HTLCs {
			if h.Incoming || h.Origin.In == nil {
				continue
			}
			in, ok := came[*h.Origin.In]
			switch {
			case !ok || in.property == rows.Params.Property:
			case in.property == 0:
				b.Resume(*h.Origin.In, relay.Over{Property: rows.Params.Property, Units: h.Tokens})
			default:
				b.Resume(*h.Origin.In, relay.Over{Property: in.property, Units: in.tokens})
			}
		}
	}
}

package route

import (
	"fmt"
	"strings"

	"github.com/leyden-ln/leyden/internal/pay"
)

// Describe says in words which way a payment goes.
func Describe(routes []pay.Route) string {
	var b strings.Builder
	for i, r := range routes {
		if i > 0 {
			b.WriteString("; ")
		}
		if (r.SentUnits() != 0) != (r.DeliveredUnits() != 0) {
			exchanged(&b, r)
			continue
		}
		if r.DeliveredUnits() != 0 {
			fmt.Fprintf(&b, "%d units, carried by ", r.DeliveredUnits())
		}
		fmt.Fprintf(&b, "%s over", r.Delivered())
		for _, h := range r {
			fmt.Fprintf(&b, " %s", h.SCID)
		}
		fmt.Fprintf(&b, ", fee %s", r.Sent()-r.Delivered())
		if fee := r.SentUnits() - r.DeliveredUnits(); fee != 0 {
			fmt.Fprintf(&b, " and %d units", fee)
		}
		fmt.Fprintf(&b, ", %d hops", len(r))
	}
	return b.String()
}

// exchanged says it of a route on which bitcoin and tokens are exchanged: what goes out, and
// what arrives.
func exchanged(b *strings.Builder, r pay.Route) {
	side := func(h pay.Hop) {
		if h.Units != 0 {
			fmt.Fprintf(b, "%d units, carried by ", h.Units)
		}
		b.WriteString(h.Amount.String())
	}
	side(r[0])
	b.WriteString(" for ")
	side(r[len(r)-1])
	b.WriteString(" over")
	for i, h := range r {
		if i > 0 && (h.Units != 0) != (r[i-1].Units != 0) {
			fmt.Fprintf(b, " the exchange %s,", r[i-1].NodeID)
		}
		fmt.Fprintf(b, " %s", h.SCID)
	}
	fmt.Fprintf(b, ", %d hops", len(r))
}

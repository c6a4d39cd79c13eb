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

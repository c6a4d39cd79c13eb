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
		fmt.Fprintf(&b, "%s over", r.Delivered())
		for _, h := range r {
			fmt.Fprintf(&b, " %s", h.SCID)
		}
		fmt.Fprintf(&b, ", fee %s, %d hops", r.Sent()-r.Delivered(), len(r))
	}
	return b.String()
}

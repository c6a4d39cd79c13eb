package compact

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/pay"
)

// Units is the form of what each HTLC of a route carries of an asset, as varints; nil:
// none of them carries any.
func Units(hops []pay.Hop) (b []byte) {
	if !slices.ContainsFunc(hops, func(h pay.Hop) bool { return h.Units != 0 }) {
		return nil
	}
	for _, h := range hops {
		b = binary.AppendUvarint(b, uint64(h.Units))
	}
	return b
}

// ReadUnits reads what [Units] wrote, for the hops of the route.
func ReadUnits(b []byte, hops []pay.Hop) error {
	if len(b) == 0 {
		return nil
	}
	r := reader{b: b}
	for i := range hops {
		hops[i].Units = amount.Units(r.uvarint())
	}
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("%w: what a route carries", ErrDamaged)
	}
	return nil
}

package rate

import "github.com/leyden-ln/leyden/amount"

// Row is a rate as it is set, keyed by its property.
type Row struct {
	Rate
	InFlight  amount.Units // the most of all HTLCs at it together, in both directions
	ChangedAt uint64       // unix seconds
}

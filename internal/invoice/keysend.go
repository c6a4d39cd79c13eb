package invoice

import (
	"crypto/sha256"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// KeysendType is the record by which the payload of a payment that nobody asked for
// brings its preimage.
const KeysendType = onion.TypeKeysend

// keysendOf is the preimage in a payload; nil: none.
func keysendOf(p onion.Payload) *wire.Preimage {
	for _, r := range p.Custom {
		if r.Type == KeysendType && len(r.Value) == len(wire.Preimage{}) {
			preimage := wire.Preimage(r.Value)
			return &preimage
		}
	}
	return nil
}

// KeysendLabel is the label of what a payment without an invoice is stored under.
func KeysendLabel(hash wire.PaymentHash) string { return "keysend-" + hash.String() }

// spontaneous makes the invoice that a part pays for which there was none; false:
// the part does not bring the preimage of its hash. A part with a payment_secret
// pays an invoice, whatever else it brings. One with tokens always does: nobody gives
// tokens of any kind that was not asked for.
func (p Part) spontaneous(now time.Time) (Row, bool) {
	if p.Keysend == nil || p.Secret != nil || p.Property != 0 || sha256.Sum256(p.Keysend[:]) != p.PaymentHash {
		return Row{}, false
	}
	created := uint64(now.Unix()) //nolint:gosec // after 1970
	return Row{
		Label:                   KeysendLabel(p.PaymentHash),
		PaymentHash:             p.PaymentHash,
		Preimage:                *p.Keysend,
		Amount:                  amount.OrAny{Any: true},
		Description:             "keysend",
		CreatedAt:               created,
		ExpiresAt:               created + DefaultExpiry,
		MinFinalCLTVExpiryDelta: MinFinalCLTVExpiryDelta,
		Status:                  Unpaid,
	}, true
}

package relay

import (
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Kind is how an incoming HTLC is settled.
type Kind uint8

// The two ways to settle an incoming HTLC.
const (
	Fulfil Kind = 1 // by Preimage
	Failed Kind = 2 // by Reason, or by Malformed
)

// DecisionRow is what has been decided for an incoming HTLC, keyed by In. The
// first one counts: the store keeps what is there already, so that an HTLC that
// was fulfilled is never failed afterwards, whatever comes later. The link acts
// on the row, at once and again after each restart and reconnect, until the
// HTLC's removal is irrevocable.
type DecisionRow struct {
	In        channel.Ref
	Kind      Kind
	Preimage  wire.Preimage      // when Kind is Fulfil
	Reason    []byte             // ready for update_fail_htlc; when Kind is Failed and Malformed is nil
	Malformed *channel.Malformed // for update_fail_malformed_htlc
}

// Table implements durable.Row.
func (DecisionRow) Table() string { return "decisions" }

// RefusedRow is a forward that we refuse, keyed by In, written with the decision: so it
// stays the decision, whatever comes later. One that was forwarded meanwhile is left as
// it is.
type RefusedRow struct {
	In   channel.Ref
	Out  wire.ShortChannelID // as the onion asked; zero: it did not say
	Code onion.Code
}

// Table implements durable.Row.
func (RefusedRow) Table() string { return "forwards" }

package relay

import (
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// MaxHTLCCLTV is how many blocks ahead an HTLC may expire (BOLT 4,
// "`max_htlc_cltv` Selection").
const MaxHTLCCLTV = 2016

// MinExpiry is how many blocks an outgoing HTLC must have left: fewer, and the
// channel would be closed before the peer could act.
const MinExpiry = 3

// Facts is what a decision depends on beside the HTLC itself.
type Facts struct {
	Height   uint32                                         // of the best block
	Lost     bool                                           // nobody knows the present height, nor will soon
	Outgoing func(scid wire.ShortChannelID) (Channel, bool) // false: no channel has this id or alias
	// Exchange is at what we exchange bitcoin and tokens of a property; nil: we do not.
	Exchange func(amount.Property) Exchange
}

// Decision is what becomes of an incoming HTLC: one of [Receive], [Forward],
// [Fail] and [FailMalformed].
type Decision interface{ isDecision() }

// Receive is an HTLC for us: the invoices decide.
type Receive struct{ Payload onion.Payload }

// Forward is an HTLC to offer over the channel that the onion names.
type Forward struct {
	SCID wire.ShortChannelID
	Add  channel.Add
	Over *Over // what it exchanges; nil: nothing
}

// Fail is a failure for the sender of the payment.
type Fail struct{ Failure onion.Failure }

// FailMalformed is a failure for the peer to pass on.
type FailMalformed struct{ Malformed channel.Malformed }

func (Receive) isDecision()       {}
func (Forward) isDecision()       {}
func (Fail) isDecision()          {}
func (FailMalformed) isDecision() {}

// Decide decides about in, whose onion gave peeled or peelErr.
func Decide(in channel.Incoming, peeled onion.Peeled, peelErr error, f Facts) Decision {
	if in.PathKey != nil {
		// BOLT 4: "if `path_key` is set in the incoming `update_add_htlc`:"
		// BOLT 4: "MUST return an `invalid_onion_blinding` error."
		return malformed(onion.InvalidOnionBlinding(in.Onion))
	}
	if peelErr != nil {
		var m *onion.Malformed
		if errors.As(peelErr, &m) {
			return malformed(m)
		}
		return Fail{onion.TemporaryNodeFailure()}
	}
	if peeled.PayloadErr != nil {
		var p *onion.PayloadError
		if errors.As(peeled.PayloadErr, &p) {
			return Fail{p.Failure}
		}
		return Fail{onion.InvalidOnionPayload(0, 0)}
	}
	// Whoever carries tokens is told which, and nobody else is, but where they are exchanged.
	if t := peeled.Payload.Tokens; (t != nil) != (in.Property != 0) && peeled.Next == nil || t != nil && t.Units == 0 {
		return Fail{onion.InvalidOnionPayload(onion.TypeTokens, 0)}
	}
	// Whether there is time to claim it on-chain cannot be said.
	// BOLT 4: "if an otherwise unspecified transient error occurs for the entire node:"
	// BOLT 4: "return a `temporary_node_failure` error."
	if f.Lost {
		return Fail{onion.TemporaryNodeFailure()}
	}
	if in.OverExposed {
		return Fail{onion.TemporaryChannelFailure(nil)}
	}
	if peeled.Next == nil {
		return receive(in, peeled.Payload, f)
	}
	return forward(in, peeled, f)
}

func malformed(m *onion.Malformed) Decision {
	return FailMalformed{channel.Malformed{SHA256OfOnion: m.SHA256OfOnion, Code: m.Code}}
}

// receive compares the HTLC with its payload, so that the hop before us cannot
// have taken more than its fee, or time. The rest is the invoice's business.
func receive(in channel.Incoming, p onion.Payload, f Facts) Decision {
	switch {
	// BOLT 4: "if the `cltv_expiry` from the final node's HTLC is below `outgoing_cltv_value`:"
	// BOLT 4: "MUST return `final_incorrect_cltv_expiry` error."
	case in.CLTVExpiry < p.OutgoingCLTV:
		return Fail{onion.FinalIncorrectCLTVExpiry(in.CLTVExpiry)}
	// BOLT 4: "if `amount_msat` from the final node's HTLC is below `amt_to_forward`:"
	// BOLT 4: "MUST return a `final_incorrect_htlc_amount` error."
	case in.Amount < p.AmtToForward:
		return Fail{onion.FinalIncorrectHTLCAmount(in.Amount)}
	// BOLT 2: "if an incoming HTLC's `cltv_expiry` is unreasonably far in the future:"
	// BOLT 2: "SHOULD fail that incoming HTLC (`update_fail_htlc`)."
	// A last hop must not say expiry_too_far.
	case tooFar(in.CLTVExpiry, f.Height):
		return Fail{onion.IncorrectOrUnknownPaymentDetails(in.Amount, f.Height)}
	case p.Tokens != nil && (p.Tokens.Property != in.Property || in.Tokens < p.Tokens.Units):
		return Fail{onion.IncorrectOrUnknownPaymentDetails(in.Amount, f.Height)}
	}
	return Receive{p}
}

func tooFar(expiry, height uint32) bool { return uint64(expiry) > uint64(height)+MaxHTLCCLTV }

// forward checks, in the order of BOLT 4's list of failures, which is the order
// of precedence when several apply.
func forward(in channel.Incoming, peeled onion.Peeled, f Facts) Decision {
	p := peeled.Payload
	if p.ShortChannelID == nil {
		return Fail{onion.InvalidOnionPayload(6, 0)}
	}
	scid := *p.ShortChannelID
	out, known := f.Outgoing(scid)
	// BOLT 2: "MUST NOT allow incoming HTLCs to this channel using the real `short_channel_id`"
	known = known && (out.Policy.Hidden == 0 || scid != out.Policy.Hidden)
	var units amount.Units
	if p.Tokens != nil {
		units = p.Tokens.Units
	}
	// Tokens go on over a channel of the same property, and bitcoin over one of bitcoin, or
	// else they are exchanged.
	var x *crossing
	switch told := p.Tokens != nil; {
	case told != (in.Property != 0) && known && out.Property == in.Property:
		return Fail{onion.InvalidOnionPayload(onion.TypeTokens, 0)}
	case known && out.Property != in.Property:
		x = f.cross(&in, p.Tokens, out.Property)
		known = x != nil
	case told:
		known = known && p.Tokens.Property == in.Property
	}
	update := out.enclosed(scid)
	switch {
	// BOLT 4: "if during forwarding to its receiving peer, an otherwise unspecified, transient error occurs in the outgoing channel"
	// BOLT 4: "return a `temporary_channel_failure` error."
	case known && !out.Gone && !out.Disabled && !out.Usable,
		known && out.Policy.HTLCMaximum != 0 && p.AmtToForward > out.Policy.HTLCMaximum:
		return Fail{onion.TemporaryChannelFailure(update)}
	// BOLT 4: "if an otherwise unspecified, permanent error occurs during forwarding to its receiving peer (e.g. channel recently closed):"
	// BOLT 4: "return a `permanent_channel_failure` error."
	case known && out.Gone:
		return Fail{onion.PermanentChannelFailure()}
	// BOLT 4: "if the receiving peer specified by the onion is NOT known:"
	// BOLT 4: "return an `unknown_next_peer` error."
	case !known:
		return Fail{onion.UnknownNextPeer()}
	// BOLT 4: "if the HTLC amount is less than the currently specified minimum amount:"
	// BOLT 4: "return an `amount_below_minimum` error."
	case !out.honours(func(t Policy) bool { return p.AmtToForward < t.HTLCMinimum }) || p.AmtToForward == 0,
		units > 0 && p.AmtToForward < out.Carrier:
		return Fail{onion.AmountBelowMinimum(p.AmtToForward, update)}
	// BOLT 4: "if the HTLC does NOT pay a sufficient fee:"
	// BOLT 4: "return a `fee_insufficient` error."
	case x == nil && units == 0 && !out.honours(func(t Policy) bool { return underpaid(in.Amount, p.AmtToForward, t) }),
		x == nil && units > 0 && !out.honours(func(t Policy) bool { return underpaidTokens(in, p.AmtToForward, units, t) }):
		return Fail{onion.FeeInsufficient(in.Amount, update)}
	}
	if x != nil {
		if why := x.unpaid(&in, p.AmtToForward, &out, update); why != nil {
			return why
		}
	}
	switch {
	// BOLT 4: "return an `incorrect_cltv_expiry` error."
	case !out.honours(func(t Policy) bool {
		return uint64(in.CLTVExpiry) < uint64(p.OutgoingCLTV)+uint64(t.CLTVExpiryDelta)
	}):
		return Fail{onion.IncorrectCLTVExpiry(p.OutgoingCLTV, update)}
	// BOLT 4: "if the `cltv_expiry` is unreasonably near the present:"
	// BOLT 4: "return an `expiry_too_soon` error."
	case uint64(p.OutgoingCLTV) <= uint64(f.Height)+MinExpiry:
		return Fail{onion.ExpiryTooSoon(update)}
	// BOLT 4: "if the channel is disabled:"
	// BOLT 4: "return a `channel_disabled` error."
	case out.Disabled:
		return Fail{onion.ChannelDisabled(update)}
	// BOLT 4: "if the `cltv_expiry` is more than `max_htlc_cltv` in the future:"
	// BOLT 4: "return an `expiry_too_far` error."
	case tooFar(in.CLTVExpiry, f.Height):
		return Fail{onion.ExpiryTooFar()}
	case x != nil && x.long(p.OutgoingCLTV, f.Height):
		return x.fail(onion.ExpiryTooFar())
	}
	ref := in.Ref
	forward := Forward{SCID: scid, Add: channel.Add{
		Amount:      p.AmtToForward,
		Tokens:      units,
		PaymentHash: in.PaymentHash,
		CLTVExpiry:  p.OutgoingCLTV,
		Onion:       *peeled.Next,
		Origin:      channel.Origin{In: &ref},
	}}
	if x != nil {
		forward.Over = &x.Over
	}
	return forward
}

// underpaid says whether what is left of incoming is less than the fee.
func underpaid(incoming, outgoing amount.MilliSatoshi, p Policy) bool {
	left, ok := incoming.Sub(outgoing)
	return !ok || left < p.Fee(outgoing)
}

// underpaidTokens says whether what is left of an HTLC with tokens is less than the fee:
// the base in bitcoin, the rest in tokens.
func underpaidTokens(in channel.Incoming, outgoing amount.MilliSatoshi, units amount.Units, p Policy) bool {
	msat, enough := in.Amount.Sub(outgoing)
	left, all := in.Tokens.Sub(units)
	return !enough || !all || msat < amount.MilliSatoshi(p.FeeBaseMsat) || left < p.TokenFee(units)
}

// enclosed is the update to put in failures about scid.
//
// BOLT 4: "MUST set `short_channel_id` to the `short_channel_id` used by the incoming onion."
func (c Channel) enclosed(scid wire.ShortChannelID) *wire.ChannelUpdate {
	if c.Update == nil || c.Update.ShortChannelID != scid {
		return nil
	}
	return c.Update
}

// Refused is the failure for a forward that its channel did not take.
func (f Forward) Refused(out Channel) Fail {
	return Fail{onion.TemporaryChannelFailure(out.enclosed(f.SCID))}
}

// Answer turns the end of the outgoing HTLC into the decision about the incoming
// one, with whose onion we share secret.
func Answer(in channel.Ref, r channel.Resolved, secret [32]byte) DecisionRow {
	d := DecisionRow{In: in, Kind: Failed}
	switch {
	// BOLT 2: "upon receiving an `update_fulfill_htlc` for an outgoing HTLC, OR upon discovering the `payment_preimage` from an on-chain HTLC spend:"
	// BOLT 2: "MUST fulfill the incoming HTLC that corresponds to that outgoing HTLC."
	case r.Preimage != nil:
		d.Kind, d.Preimage = Fulfil, *r.Preimage
	// BOLT 2: "MUST return an error in the `update_fail_htlc` sent to the link which originally sent the HTLC, using the `failure_code` given and setting the data to `sha256_of_onion`."
	case r.Malformed != nil:
		d.Reason = onion.NewFailure(secret, onion.Failure{
			Code: onion.Code(r.Malformed.Code), SHA256OfOnion: r.Malformed.SHA256OfOnion,
		})
	case len(r.Reason) > 0:
		d.Reason = onion.Obfuscate(secret, r.Reason)
	default: // it ended on-chain: the channel is gone
		d.Reason = onion.NewFailure(secret, onion.PermanentChannelFailure())
	}
	return d
}

package pay

import (
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/relay"
)

// Result is how an attempt's HTLC was resolved.
type Result struct {
	Preimage *wire.Preimage // nil: it failed, and the rest says how

	Hop     int                 // who reported: 0 is the first hop's node; -1: unknown
	Code    onion.Code          // failure_code; zero: the reason could not be read
	Message []byte              // failuremsg, or the unreadable reason
	Update  *wire.ChannelUpdate // enclosed; nil: none
	Held    []uint64            // for how many milliseconds each hop says that it had the HTLC, as far as the hops vouch for it
	Height  uint32              // with incorrect_or_unknown_payment_details: the destination's
}

// Lesson is what an attempt taught about the network, for the searches of all
// payments.
type Lesson struct {
	Kind      LessonKind
	From, To  wire.NodeID
	SCID      wire.ShortChannelID
	Amount    amount.MilliSatoshi
	Permanent bool                // the PERM bit was set
	Update    *wire.ChannelUpdate // in [Find.Updates]: enclosed in the failure, and never for gossip
}

// LessonKind is what a [Lesson] is about.
type LessonKind uint8

// The lessons.
const (
	Carried       LessonKind = iota // the channel carried Amount from From to To
	ChannelFailed                   // it did not
	NodeFailed                      // From fails whatever comes
)

// Resolved says how the attempt's HTLC ended. A second result of the same
// attempt is ignored.
func (p *Payment) Resolved(now, attempt uint64, r Result) {
	p.resolve(now, attempt, r)
	p.advance(now)
}

// Refused says that the attempt's HTLC was never signed and never will be.
func (p *Payment) Refused(now, attempt uint64, why error) {
	p.refused(now, attempt, why)
	p.advance(now)
}

func (p *Payment) find(attempt uint64) *AttemptRow {
	i := slices.IndexFunc(p.attempts, func(a AttemptRow) bool {
		return a.ID == attempt && a.Result.Status == Pending
	})
	if i < 0 {
		return nil
	}
	return &p.attempts[i]
}

func (p *Payment) resolve(now, attempt uint64, r Result) {
	a := p.find(attempt)
	if a == nil {
		return
	}
	if r.Preimage != nil {
		p.close(a, AttemptResultRow{Status: Complete, Preimage: *r.Preimage, CompletedAt: now})
		for i := range a.Hops {
			p.carried(a, i)
		}
		if !p.ended() {
			p.paid(now, *r.Preimage)
		}
		return
	}
	f := p.failure(a, r)
	p.close(a, AttemptResultRow{Status: Failed, Failure: f, CompletedAt: now})
	p.failed(now, a, f, r)
}

// refused is a failure of our own: the first channel did not take the HTLC.
func (p *Payment) refused(now, attempt uint64, why error) {
	a := p.find(attempt)
	if a == nil {
		return
	}
	f := p.local(a, "our channel refused: "+why.Error())
	p.close(a, AttemptResultRow{Status: Failed, Failure: f, CompletedAt: now})
	if !errors.Is(why, errNeverSigned) || p.row.Manual {
		p.failed(now, a, f, Result{Hop: -1, Code: onion.CodeTemporaryChannelFailure})
	}
}

// local is a failure before the first hop.
func (p *Payment) local(a *AttemptRow, text string) *Failure {
	return &Failure{
		ErringIndex: 0, ErringNode: p.us,
		ErringChannel: a.Hops[0].SCID, ErringDirection: direction(p.us, a.Hops[0].NodeID),
		FailCode: uint16(onion.CodeTemporaryChannelFailure), Text: text,
	}
}

func (p *Payment) close(a *AttemptRow, result AttemptResultRow) {
	result.ID = a.ID
	a.Result = result
	p.waits = nil // what it held is free
	p.rows = append(p.rows, result)
}

// from is the node that offers hop i's HTLC.
func (p *Payment) from(a *AttemptRow, i int) wire.NodeID {
	if i == 0 {
		return p.us
	}
	return a.Hops[i-1].NodeID
}

// failure locates a failure on the attempt's route.
func (p *Payment) failure(a *AttemptRow, r Result) *Failure {
	last := len(a.Hops) - 1
	f := &Failure{ErringIndex: r.Hop + 1, FailCode: uint16(r.Code), Message: r.Message}
	if r.Code == 0 || r.Hop < 0 || r.Hop > last {
		f.ErringIndex, f.FailCode = -1, 0
		f.Text = "nobody can read the failure's reason"
		return f
	}
	// The erring node failed to use the channel after it; the destination has
	// none, so its own incoming channel stands for it.
	channel := min(r.Hop+1, last)
	f.ErringNode = a.Hops[r.Hop].NodeID
	f.ErringChannel = a.Hops[channel].SCID
	f.ErringDirection = direction(p.from(a, channel), a.Hops[channel].NodeID)
	f.Text = fmt.Sprintf("%s from node %d of %d", r.Code, f.ErringIndex, len(a.Hops)) + held(r.Held)
	return f
}

// held says which hops kept an HTLC for long.
func held(each []uint64) (text string) {
	for i, ms := range each {
		if ms >= slow {
			text += fmt.Sprintf(", held for %d.%d s by node %d", ms/1000, ms%1000/100, i+1)
		}
	}
	return text
}

// slow is from how many milliseconds on a hop is said to have held an HTLC.
const slow = 1000

// failed decides what a failed attempt means for the payment.
func (p *Payment) failed(now uint64, a *AttemptRow, f *Failure, r Result) {
	if p.row.Manual {
		p.manualFailed(now, a)
		return
	}
	p.learn(a, f, r)
	// BOLT 4: "if the PERM bit is set:"
	// BOLT 4: "SHOULD fail the payment."
	if f.ErringIndex == len(a.Hops) && permanent(f.FailCode) && !p.late(a, r) && p.stop == nil {
		p.stop = &Error{Code: CodeDestinationPerm, Message: "the destination refuses: " + f.Text, Failure: f}
	}
}

// late says whether the destination refused only because blocks came while the
// HTLC travelled.
//
// BOLT 4: "This can be used by the sender to distinguish between sending a payment with the wrong final CLTV expiry and an intermediate hop delaying the payment"
func (p *Payment) late(a *AttemptRow, r Result) bool {
	expiry := a.Hops[len(a.Hops)-1].CLTVExpiry
	return r.Code == onion.CodeIncorrectOrUnknownPaymentDetails &&
		r.Height < expiry && uint64(expiry) < uint64(r.Height)+uint64(p.terms.finalDelta)
}

// learn draws the lessons of a failure: for all searches, and for the rest of
// this payment, so that no route is tried twice.
func (p *Payment) learn(a *AttemptRow, f *Failure, r Result) {
	code := onion.Code(f.FailCode)
	for i := range max(0, min(f.ErringIndex, len(a.Hops))) {
		p.carried(a, i)
	}
	switch {
	case f.ErringIndex < 0:
		// Any hop may have garbled the reason, but for those whose attribution_data is
		// sound and was when they got it: avoid all other channels but our own.
		//
		// BOLT 4: "SHOULD use `attribution_data` to identify the failure source"
		for i := min(max(1, len(r.Held)), len(a.Hops)-1); i < len(a.Hops); i++ {
			p.avoidChannel(a, i, carries(a.Hops[i]), false)
		}
	case f.ErringIndex == len(a.Hops):
		// Of what is not permanent, mpp_timeout is nobody's fault. The rest was
		// brought about by the last channel, or goes away with another.
		if !permanent(f.FailCode) && code != onion.CodeMPPTimeout {
			p.avoidChannel(a, len(a.Hops)-1, carries(a.Hops[len(a.Hops)-1]), false)
		}
	case f.ErringIndex == 0:
		// Our own channel: the next search knows what it can carry by then, but
		// this payment does not ask it for as much again.
		p.refusals = append(p.refusals, Limit{SCID: f.ErringChannel, Direction: f.ErringDirection, Below: carries(a.Hops[0])})
	case insufficient(a, f):
		p.dear(f)
	case code == onion.CodeAmountBelowMinimum && a.Hops[f.ErringIndex].Units != 0 && (p.raise < maxRaise || a.ID <= p.raised):
		// The tokens need more bitcoin with them: its channel carries them at a higher
		// feerate than ours. Parts on their way did not know it either.
		if a.ID > p.raised {
			p.raise, p.raised = p.raise+1, p.attempts[len(p.attempts)-1].ID
		}
	case code&onion.Node != 0:
		p.avoid = append(p.avoid, Limit{Node: f.ErringNode})
		p.todo.Learn = append(p.todo.Learn, Lesson{Kind: NodeFailed, From: f.ErringNode, Permanent: permanent(f.FailCode)})
	case !a.tokens(f.ErringIndex) && r.Update != nil && p.renewed(a, f, r.Update):
		// It may be tried again, on its new terms.
	default:
		below := carries(a.Hops[f.ErringIndex])
		if permanent(f.FailCode) || code != onion.CodeTemporaryChannelFailure && (p.avoided(f) || p.renewal(f) != nil) {
			below = 0 // new terms did not help either
		}
		p.avoidChannel(a, f.ErringIndex, below, permanent(f.FailCode))
	}
}

// renewal is new terms of a channel.
type renewal struct {
	Lesson
	before uint64 // the last attempt that was made without them
}

func (p *Payment) renewal(f *Failure) *renewal {
	for i := range p.renewals {
		if r := &p.renewals[i]; r.SCID == f.ErringChannel && r.From == f.ErringNode {
			return r
		}
	}
	return nil
}

// updates is the new terms for a search, which believes only what is signed.
func (p *Payment) updates() []Lesson {
	var out []Lesson
	for _, r := range p.renewals {
		out = append(out, r.Lesson)
	}
	return out
}

// renewed takes the terms of a channel that came with a failure, when the attempt
// was made on others. It returns false when the failure means that the channel is
// no good: the attempt kept its terms, or they are not the first new ones.
func (p *Payment) renewed(a *AttemptRow, f *Failure, u *wire.ChannelUpdate) bool {
	switch onion.Code(f.FailCode) {
	case onion.CodeFeeInsufficient, onion.CodeIncorrectCLTVExpiry, onion.CodeAmountBelowMinimum, onion.CodeChannelDisabled:
	default:
		return false
	}
	if r := p.renewal(f); r != nil {
		return a.ID <= r.before // another part, on its way before
	}
	in, out := a.Hops[f.ErringIndex-1], a.Hops[f.ErringIndex]
	terms := relay.Policy{FeeBaseMsat: u.FeeBaseMsat, FeeProportionalMillionths: u.FeeProportionalMillionths}
	kept := in.Amount.Less0(out.Amount) >= terms.Fee(out.Amount) && uint64(in.CLTVExpiry) >= uint64(out.CLTVExpiry)+uint64(u.CLTVExpiryDelta) &&
		out.Amount >= u.HTLCMinimumMsat && out.Amount <= u.HTLCMaximumMsat && u.ChannelFlags&disabled == 0
	if kept || u.ShortChannelID != f.ErringChannel {
		return false
	}
	p.renewals = append(p.renewals, renewal{
		Lesson: Lesson{Kind: ChannelFailed, From: in.NodeID, To: out.NodeID, SCID: out.SCID, Update: u},
		before: p.attempts[len(p.attempts)-1].ID,
	})
	return true
}

// disabled is the bit of channel_flags (BOLT 7).
const disabled = 2

// avoided says whether the channel failed in this payment already.
func (p *Payment) avoided(f *Failure) bool {
	return slices.ContainsFunc(p.avoid, func(l Limit) bool {
		return l.SCID == f.ErringChannel && l.Direction == f.ErringDirection
	})
}

// carries is what a limit of a hop's channel is about: its tokens, or else its bitcoin.
func carries(h Hop) amount.MilliSatoshi {
	if h.Units != 0 {
		return amount.MilliSatoshi(h.Units)
	}
	return h.Amount
}

// maxRaise is how often what carries tokens is doubled at the most.
const maxRaise = 3

// permanent says whether the PERM bit of BOLT 4 is set.
func permanent(code uint16) bool { return onion.Code(code)&onion.Perm != 0 }

func (p *Payment) carried(a *AttemptRow, i int) {
	p.todo.Learn = append(p.todo.Learn, Lesson{
		Kind: Carried, From: p.from(a, i), To: a.Hops[i].NodeID, SCID: a.Hops[i].SCID, Amount: carries(a.Hops[i]),
	})
}

func (p *Payment) avoidChannel(a *AttemptRow, i int, below amount.MilliSatoshi, permanent bool) {
	from, to := p.from(a, i), a.Hops[i].NodeID
	p.avoid = append(p.avoid, Limit{SCID: a.Hops[i].SCID, Direction: direction(from, to), Below: below})
	p.todo.Learn = append(p.todo.Learn, Lesson{
		Kind: ChannelFailed, From: from, To: to, SCID: a.Hops[i].SCID, Amount: carries(a.Hops[i]), Permanent: permanent,
	})
}

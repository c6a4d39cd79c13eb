package pay

import (
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/rate"
)

// maxAttempts bounds the rows that one payment can leave behind.
const maxAttempts = 200

// blocksMeanwhile is how many blocks may come while an HTLC travels, before the
// destination finds that it has too few left.
const blocksMeanwhile = 3

// Payment is one payment under way. Not safe for concurrent use.
type Payment struct {
	us       wire.NodeID
	row      PaymentRow
	terms    terms
	exclude  []Exclusion  // by the user
	offers   []rate.Offer // of which one is to exchange it on the way; nil: it is not exchanged
	avoid    []Limit      // learnt in this payment
	renewals []renewal    // terms of channels that came with its failures
	refusals []Limit      // of our own channels, since something changed there
	attempts []AttemptRow
	nextPart uint64
	asked    *Find  // the search under way; nil: none
	waits    *Error // why the last search found nothing yet; nil: it did, or none was made
	stop     *Error // why no more attempts are made; nil: go on
	raise    uint8  // how often a hop asked for more bitcoin to carry tokens
	raised   uint64 // the last attempt that was made before it did

	rows []durable.Row
	todo Todo
}

// Todo is what to do once the rows are on disk.
type Todo struct {
	Find  *Find
	Send  []Send
	Learn []Lesson
	End   *End // set exactly once in a payment's life
}

// Find asks for routes that together deliver Amount to Destination: the answer
// is [Payment.Routes], [Payment.NoRoute] or [Payment.NoRouteYet].
type Find struct {
	PaymentHash wire.PaymentHash // zero: of no payment
	Destination wire.NodeID
	Amount      amount.MilliSatoshi
	MaxFee      amount.MilliSatoshi // of all routes together
	Property    amount.Property     // the asset that is paid, and not Amount; 0: bitcoin
	Units       amount.Units        // of Property
	MaxFeeUnits amount.Units        // of all routes together
	Offers      []rate.Offer        // one of them exchanges it on the way, and the limits are of all that is sent; nil: none does; empty: none is known
	Raise       uint8               // how often what carries tokens is doubled
	MaxDelay    uint32              // blocks from now to the first HTLC's expiry
	FinalDelta  uint32              // blocks that the last HTLC has left, with room for some that come meanwhile
	MaxParts    int
	Hints       [][]bolt11.HopHint
	Exclude     []Exclusion
	Avoid       []Limit
	Updates     []Lesson // with an Update, for this payment only: the terms that count for it when they are good
}

// Limit says that a direction of a channel, or every channel of a node, did not
// carry Below: a route may use it for less only. Of a channel with tokens Below is in
// their units, as is the amount of a [Lesson] about one.
type Limit struct {
	Node      wire.NodeID // zero: the channel counts
	SCID      wire.ShortChannelID
	Direction uint8
	Below     amount.MilliSatoshi // zero: not at all
}

// Send asks to offer the first HTLC of an attempt.
type Send struct {
	Attempt     uint64
	PaymentHash wire.PaymentHash
	Hops        []Hop
	Session     [32]byte  // session key of the onion
	Secret      *[32]byte // payment_secret; nil: none
	Total       amount.MilliSatoshi
	Property    amount.Property // the asset that Hops carry; 0: bitcoin
	TotalUnits  amount.Units    // of Property
	Metadata    []byte          // payment_metadata; nil: none
	Records     []tlv.Record    // more for the payee, from type 65536 on; nil: none
}

// End is how a payment ended.
type End struct {
	Row PaymentRow // with its result
	Err *Error     // nil: paid
}

// Minted is the id and the session key of a new attempt.
type Minted struct {
	ID      uint64
	Session [32]byte
}

// Hash is the payment's key.
func (p *Payment) Hash() wire.PaymentHash { return p.row.PaymentHash }

// Row is the payment as it will be on disk after the next outcome.
func (p *Payment) Row() PaymentRow { return p.row }

// Done says that the payment has ended and none of its attempts is pending: the
// machine can be forgotten.
func (p *Payment) Done() bool { return p.ended() && !p.anyPending() }

func (p *Payment) ended() bool { return p.row.Result.Status != Pending }

// Attempted is a pending attempt.
func (p *Payment) Attempted(id uint64) (AttemptRow, bool) {
	if a := p.find(id); a != nil {
		return *a, true
	}
	return AttemptRow{}, false
}

// Asked is the search under way, which is to be answered; nil: none.
func (p *Payment) Asked() *Find { return p.asked }

// Take gives the outcome of all inputs since the last Take.
func (p *Payment) Take() durable.Pending[Todo] {
	out := durable.Hold(p.todo, p.rows...)
	p.todo, p.rows = Todo{}, nil
	return out
}

func (p *Payment) begin(now uint64) {
	p.nextPart = 1
	p.rows = append(p.rows, p.row, changed(p.row.PaymentHash, Pending))
	p.advance(now)
}

// Resume is an attempt as [Load] needs it.
type Resume struct {
	Row   AttemptRow
	Alive bool    // its HTLC's row exists, and the HTLC is not resolved
	Raw   *Result // what the channel said, when the attempt has not heard it yet
}

// Load goes on with a pending payment after a restart; attempts are those of
// its group, inv is its invoice, decoded, and nil when it has none: when it is
// Manual, or a keysend. Attempts that were never signed are over, results that nobody processed are processed.
func Load(row PaymentRow, inv *bolt11.Invoice, attempts []Resume, us wire.NodeID, now uint64) (*Payment, error) {
	p := &Payment{us: us, row: row, nextPart: 1}
	if inv == nil && !row.Manual {
		records, hints, err := decodeKeysend(row.Exclude)
		if err != nil {
			return nil, err
		}
		p.setKeysend(records, hints)
	} else {
		offers, rest, err := decodeOffers(row.Exclude)
		if err != nil {
			return nil, err
		}
		list, whole, err := decodeExclusions(rest)
		if err != nil {
			return nil, err
		}
		if p.exclude, p.offers = list, offers; !row.Manual {
			p.setTerms(inv)
			p.terms.whole = whole
		}
	}
	for _, a := range attempts {
		p.attempts = append(p.attempts, a.Row)
		p.nextPart = max(p.nextPart, a.Row.Part+1)
		if f := a.Row.Result.Failure; f != nil && f.ErringIndex != 0 && !row.Manual {
			p.learn(&a.Row, f, Result{})
		}
	}
	p.todo.Learn = nil // what the rows tell was learnt when it was new
	for _, a := range attempts {
		switch {
		case a.Raw != nil:
			p.resolve(now, a.Row.ID, *a.Raw)
		case !a.Alive:
			p.refused(now, a.Row.ID, errNeverSigned)
		}
	}
	p.advance(now)
	return p, nil
}

var errNeverSigned = errors.New("the node stopped before the HTLC was signed")

// Routes answers [Find]: routes, in blocks above height, that together deliver
// what was asked for. mint is called once a route.
func (p *Payment) Routes(now uint64, height uint32, routes []Route, mint func() Minted) {
	asked := p.asked
	if asked == nil {
		return
	}
	p.asked = nil
	if p.stop == nil && !p.ended() {
		if err := p.check(asked, height, routes); err != nil {
			p.stop = err
		} else {
			for _, r := range routes {
				p.attempt(now, p.nextPart, r, mint(), p.terms.secret)
				p.nextPart++
			}
		}
	}
	p.advance(now)
}

// check holds routes against the limits, whoever found them.
func (p *Payment) check(asked *Find, height uint32, routes []Route) *Error {
	var sent, delivered amount.MilliSatoshi
	var delay uint32
	for _, r := range routes {
		if len(r) == 0 || r[len(r)-1].NodeID != p.row.Destination || r.Delivered() == 0 ||
			r.Sent() < r.Delivered() && p.offers == nil || r.Sent() > amount.Max {
			return refuse(CodeRouteNotFound, "the route found does not lead to the destination")
		}
		if uint64(r[0].CLTVExpiry) > uint64(height)+uint64(p.row.MaxDelay) {
			why := refuse(CodeRouteTooCostly, "the route takes %d blocks, above the limit of %d", r[0].CLTVExpiry-height, p.row.MaxDelay)
			why.Cost = &Cost{Amount: r.Delivered(), Fee: r.Sent() - r.Delivered(), Delay: r[0].CLTVExpiry - height}
			return why
		}
		sent += r.Sent()
		delivered += r.Delivered()
		delay = max(delay, r[0].CLTVExpiry-min(height, r[0].CLTVExpiry))
	}
	// BOLT 4: "MUST NOT send another HTLC if the total `amt_to_forward` of the HTLC set is already greater or equal to `total_msat`."
	// What has failed since the search began is for the next one.
	if p.offers != nil {
		return p.checkExchanged(asked, routes)
	}
	if p.row.Property != 0 {
		if err := p.checkUnits(asked, routes); err != nil {
			return err
		}
	} else if delivered != asked.Amount || delivered > p.remaining() || len(routes) > p.freeParts() {
		return refuse(CodeRouteNotFound, "the routes found deliver %s in %d parts, not %s", delivered, len(routes), asked.Amount)
	}
	if fee := sent - delivered; fee > p.feeLeft() {
		why := refuse(CodeRouteTooCostly, "the fee would be %s, above the limit of %s", fee, p.feeLeft())
		why.Cost = &Cost{Amount: delivered, Fee: fee, Delay: delay}
		return why
	}
	return nil
}

// checkUnits is check for what is paid in an asset.
func (p *Payment) checkUnits(asked *Find, routes []Route) *Error {
	var sent, delivered amount.Units
	for _, r := range routes {
		var all, arrives bool
		if sent, all = sent.Add(r.SentUnits()); r.DeliveredUnits() == 0 || r.SentUnits() < r.DeliveredUnits() {
			return refuse(CodeRouteNotFound, "the route found does not carry what is paid")
		}
		if delivered, arrives = delivered.Add(r.DeliveredUnits()); !all || !arrives {
			return refuse(CodeRouteNotFound, "the routes found carry more than there can be")
		}
	}
	if delivered != asked.Units || delivered > p.remainingUnits() || len(routes) > p.freeParts() {
		return refuse(CodeRouteNotFound, "the routes found deliver %d units in %d parts, not %d", delivered, len(routes), asked.Units)
	}
	if fee := sent - delivered; fee > p.feeUnitsLeft() {
		return refuse(CodeRouteTooCostly, "the fee would be %d units, above the limit of %d", fee, p.feeUnitsLeft())
	}
	return nil
}

// NoRoute answers [Find] when there is no route, and ends the attempts.
func (p *Payment) NoRoute(now uint64, why *Error) {
	if p.asked == nil {
		return
	}
	p.asked = nil
	if p.stop == nil {
		p.stop = why
	}
	p.advance(now)
}

// NoRouteYet answers [Find] when there is no route but there may soon be one: the
// payment asks again after [Payment.Again], or when an attempt has ended, until its
// deadline.
func (p *Payment) NoRouteYet(now uint64, why *Error) {
	if p.asked == nil {
		return
	}
	p.asked, p.waits = nil, why
	p.advance(now)
}

// Again says that a search may find now what the last one did not.
func (p *Payment) Again(now uint64) {
	p.waits, p.refusals = nil, nil
	p.advance(now)
}

// Tick says that time has passed; see [Payment.Deadline].
func (p *Payment) Tick(now uint64) { p.advance(now) }

// Deadline is when the payment stops to make attempts, in unix seconds: call
// [Payment.Tick] then. It is false when it has none, or has stopped.
func (p *Payment) Deadline() (uint64, bool) {
	if p.row.Manual || p.stop != nil || p.ended() {
		return 0, false
	}
	return min(p.row.RetryUntil, p.terms.expiresAt), true
}

// Cancel stops further attempts: the payment fails as soon as none is pending.
func (p *Payment) Cancel(now uint64) {
	if p.stop == nil {
		p.stop = refuse(CodeStoppedRetrying, "cancelled")
	}
	p.advance(now)
}

// attempt makes one attempt.
func (p *Payment) attempt(now, part uint64, r Route, m Minted, secret *[32]byte) {
	a := AttemptRow{
		ID: m.ID, PaymentHash: p.row.PaymentHash, Group: p.row.Group, Part: part,
		Amount: r.Delivered(), Sent: r.Sent(), Property: p.row.Property, Units: r.DeliveredUnits(), UnitsSent: r.SentUnits(), Hops: r, Session: m.Session, CreatedAt: now,
		Result: AttemptResultRow{Status: Pending},
	}
	p.attempts = append(p.attempts, a)
	p.rows = append(p.rows, a)
	p.todo.Send = append(p.todo.Send, Send{
		Attempt: a.ID, PaymentHash: a.PaymentHash, Hops: r, Session: m.Session,
		Secret: secret, Total: max(p.row.Amount, p.terms.whole), Property: p.row.Property, TotalUnits: p.row.Units, Metadata: p.terms.metadata, Records: p.terms.records,
	})
}

func (p *Payment) pending() []int {
	var list []int
	for i := range p.attempts {
		if p.attempts[i].Result.Status == Pending {
			list = append(list, i)
		}
	}
	return list
}

func (p *Payment) anyPending() bool {
	return slices.ContainsFunc(p.attempts, func(a AttemptRow) bool { return a.Result.Status == Pending })
}

// remaining is what no attempt is delivering yet.
func (p *Payment) remaining() amount.MilliSatoshi {
	left := p.row.Amount
	for _, i := range p.pending() {
		left = left.Less0(p.attempts[i].Amount)
	}
	return left
}

// remainingUnits is remaining of a payment in an asset.
func (p *Payment) remainingUnits() amount.Units {
	left := p.row.Units
	for _, i := range p.pending() {
		left -= min(left, p.attempts[i].Units)
	}
	return left
}

func (p *Payment) feeUnitsLeft() amount.Units {
	left := p.row.MaxFeeUnits
	for _, i := range p.pending() {
		_, units := p.toll(&p.attempts[i])
		left -= min(left, units)
	}
	return left
}

// unpaid says whether something is left that no attempt is delivering.
func (p *Payment) unpaid() bool {
	if p.row.Units != 0 {
		return p.remainingUnits() > 0
	}
	return p.remaining() > 0
}

func (p *Payment) feeLeft() amount.MilliSatoshi {
	left := p.row.MaxFee
	for _, i := range p.pending() {
		fee, _ := p.toll(&p.attempts[i])
		left = left.Less0(fee)
	}
	return left
}

func (p *Payment) freeParts() int { return p.terms.maxParts - len(p.pending()) }

// advance decides what comes next: nothing, a search, or the end.
func (p *Payment) advance(now uint64) {
	if p.ended() || p.row.Manual {
		return
	}
	if p.stop == nil {
		p.stop = p.over(now)
	}
	switch {
	case p.stop == nil && p.unpaid() && p.asked == nil && p.waits == nil && p.freeParts() > 0:
		p.asked = &Find{
			PaymentHash: p.row.PaymentHash,
			Destination: p.row.Destination,
			Amount:      p.left(),
			MaxFee:      p.feeLeft(),
			Property:    p.row.Property,
			Units:       p.remainingUnits(),
			MaxFeeUnits: p.feeUnitsLeft(),
			Offers:      p.offers,
			Raise:       p.raise,
			MaxDelay:    p.row.MaxDelay,
			FinalDelta:  p.terms.finalDelta + blocksMeanwhile,
			MaxParts:    p.freeParts(),
			Hints:       p.terms.hints,
			Exclude:     p.exclude,
			Avoid:       slices.Concat(p.avoid, p.refusals),
			Updates:     p.updates(),
		}
		p.todo.Find = p.asked
	case p.stop != nil && !p.anyPending():
		p.fail(now, p.stop)
	}
}

// left is the bitcoin to find a way for: none where tokens arrive.
func (p *Payment) left() amount.MilliSatoshi {
	if p.row.Units != 0 {
		return 0
	}
	return p.remaining()
}

// over says whether it is too late for another attempt.
func (p *Payment) over(now uint64) *Error {
	switch {
	case now >= p.terms.expiresAt:
		return refuse(CodeInvoiceExpired, "invoice expired at %d, it is %d now", p.terms.expiresAt, now)
	case now >= p.row.RetryUntil && p.waits != nil:
		return p.waits
	case now >= p.row.RetryUntil:
		return refuse(CodeStoppedRetrying, "timed out after %d attempts", len(p.attempts))
	case len(p.attempts) >= maxAttempts:
		return refuse(CodeStoppedRetrying, "gave up after %d attempts", len(p.attempts))
	}
	return nil
}

func (p *Payment) fail(now uint64, why *Error) {
	p.todo.Find, p.asked = nil, nil
	p.end(PaymentResultRow{Status: Failed, CompletedAt: now, Code: why.Code, Message: why.Message}, why)
}

func (p *Payment) paid(now uint64, preimage wire.Preimage) {
	p.todo.Find, p.asked = nil, nil
	for _, s := range p.todo.Send { // decided before the preimage came
		if a := p.find(s.Attempt); a != nil {
			p.close(a, AttemptResultRow{Status: Failed, Failure: p.local(a, "it is paid already"), CompletedAt: now})
		}
	}
	p.todo.Send = nil
	result := PaymentResultRow{Status: Complete, Preimage: preimage, CompletedAt: now}
	for _, a := range p.attempts {
		// The receiver fulfils all or none: what is pending is as good as paid.
		if a.Result.Status != Failed {
			result.AmountSent += a.Sent
			result.UnitsSent += a.UnitsSent
			result.Parts++
		}
	}
	p.end(result, nil)
}

func (p *Payment) end(result PaymentResultRow, why *Error) {
	result.PaymentHash = p.row.PaymentHash
	p.row.Result = result
	p.rows = append(p.rows, result, changed(p.row.PaymentHash, result.Status))
	p.todo.End = &End{Row: p.row, Err: why}
}

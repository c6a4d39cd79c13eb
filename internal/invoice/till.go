package invoice

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/relay"
)

// SetTimeout is how long the parts of a set wait for the rest.
//
// BOLT 4: "SHOULD wait for at least 60 seconds after the initial HTLC."
const SetTimeout = 60 * time.Second

// Part is an incoming HTLC for us, compared with its payload already
// (relay.Receive).
type Part struct {
	In          channel.Ref
	PaymentHash wire.PaymentHash
	Amount      amount.MilliSatoshi // of the HTLC; at least AmtToForward
	CLTVExpiry  uint32              // of the HTLC: a block height

	AmtToForward amount.MilliSatoshi
	Total        amount.MilliSatoshi // total_msat
	Secret       *[32]byte           // payment_secret; nil: none
	Keysend      *wire.Preimage      // what the payload brings of itself; nil: nothing

	// Of an HTLC that carries tokens; zero: of another. Amount is not what pays then, but
	// goes with the tokens.
	Property       amount.Property
	Units          amount.Units // of the HTLC; at least UnitsToForward
	UnitsToForward amount.Units
	TotalUnits     amount.Units // of all parts
}

// brings is what p pays, and total what all parts together are to pay: millisatoshi, or
// the units of an asset.
func (p Part) brings() uint64 {
	if p.Property != 0 {
		return uint64(p.UnitsToForward)
	}
	return uint64(p.AmtToForward)
}

func (p Part) total() uint64 {
	if p.Property != 0 {
		return uint64(p.TotalUnits)
	}
	return uint64(p.Total)
}

// PartOf is the part that in and its payload make.
func PartOf(in channel.Incoming, p onion.Payload) Part {
	part := Part{
		In: in.Ref, PaymentHash: in.PaymentHash, Amount: in.Amount, CLTVExpiry: in.CLTVExpiry,
		AmtToForward: p.AmtToForward, Total: p.TotalMsat, Secret: p.PaymentSecret, Keysend: keysendOf(p),
	}
	if p.PaymentSecret == nil {
		// BOLT 4: "MUST treat `total_msat` as if it were equal to `amt_to_forward` if it is not present."
		part.Total = p.AmtToForward
	}
	if p.Tokens != nil {
		part.Property, part.Units, part.UnitsToForward, part.TotalUnits = in.Property, in.Tokens, p.Tokens.Units, p.TotalTokens
	}
	return part
}

// Till collects parts. Not safe for concurrent use. The zero Till is empty.
type Till struct {
	Timeout time.Duration // of a set; zero: SetTimeout

	sets  map[wire.PaymentHash]*set
	due   []due // in order of time; some for sets that are gone
	holds map[wire.PaymentHash]*hold

	rows    []durable.Row
	outcome Outcome
}

func (t *Till) timeout() time.Duration {
	if t.Timeout == 0 {
		return SetTimeout
	}
	return t.Timeout
}

type set struct {
	invoice Row
	total   uint64 // see Part.total
	parts   []Part
	since   time.Time
	paid    bool // complete, in the outcome that is not yet taken
	fresh   bool // the invoice is not on disk: it begins with its payment
}

type due struct {
	hash wire.PaymentHash
	at   time.Time
}

// Outcome is what to tell the channels, and whoever waits, once the rows are on
// disk.
type Outcome struct {
	Fulfil []Fulfilment
	Fail   []Refusal
	Paid   []wire.PaymentHash // in the order of their pay_index

	Cancelled []string // labels of held invoices
}

// Fulfilment is a part to fulfil.
type Fulfilment struct {
	In       channel.Ref
	Preimage wire.Preimage
}

// Refusal is a part to fail.
type Refusal struct {
	In      channel.Ref
	Failure onion.Failure
}

// Accept takes a part that arrived at now and height. The invoice is what is
// stored under the part's payment hash, nil when there is none: then the part may
// bring its own (keysend), whose label must be free. A part that is held already is
// not taken twice, nor one that this outcome fails already.
func (t *Till) Accept(invoice *Row, p Part, now time.Time, height uint32) {
	if slices.ContainsFunc(t.outcome.Fail, func(f Refusal) bool { return f.In == p.In }) {
		return
	}
	if h := t.holds[p.PaymentHash]; h != nil {
		if !slices.ContainsFunc(h.parts, func(held HeldRow) bool { return held.In == p.In }) {
			t.refuse(p, height)
		}
		return
	}
	s := t.sets[p.PaymentHash]
	if s == nil {
		s = &set{total: p.total(), since: now}
		if invoice != nil {
			s.invoice = *invoice
		} else if s.invoice, s.fresh = p.spontaneous(now); !s.fresh {
			t.refuse(p, height)
			return
		}
	}
	if slices.ContainsFunc(s.parts, func(held Part) bool { return held.In == p.In }) {
		if !s.paid && !s.fresh && !s.invoice.intime(p, height) {
			t.drop(s, p.PaymentHash, height)
		}
		return
	}
	if s.paid || !s.fresh && !s.invoice.shares(p) || !s.invoice.takes(p, now, height) {
		t.refuse(p, height)
		return
	}
	if p.total() != s.total {
		// BOLT 4: "SHOULD fail the entire HTLC set if `total_msat` is not the same for all HTLCs in the set."
		t.refuse(p, height)
		t.drop(s, p.PaymentHash, height)
		return
	}
	if len(s.parts) == 0 {
		t.hold(s, p.PaymentHash)
	}
	s.parts = append(s.parts, p)
	// BOLT 4: "if the total `amt_to_forward` of this HTLC set is equal to or greater than `total_msat`:"
	// BOLT 4: "SHOULD fulfill all HTLCs in the HTLC set"
	if s.arrived() >= s.total {
		t.complete(s, now)
	}
}

// shares says whether p knows the invoice's secret.
//
// BOLT 4: "if the `payment_secret` doesn't match the expected value for that `payment_hash`, or the `payment_secret` is required and is not present:"
// BOLT 4: "MUST fail the HTLC."
func (r Row) shares(p Part) bool {
	return p.Secret != nil && subtle.ConstantTimeCompare(p.Secret[:], r.Secret[:]) == 1
}

// takes says whether p may pay the invoice, when it knows the secret.
func (r Row) takes(p Part, now time.Time, height uint32) bool {
	switch {
	// BOLT 4: "if the payment hash has already been paid:"
	// BOLT 4: "MAY treat the payment hash as unknown."
	case r.Status != Unpaid:
	// BOLT 11: "after the `timestamp` plus `expiry` has passed:"
	// BOLT 11: "SHOULD NOT accept a payment."
	case r.ExpiredAt(uint64(now.Unix())): //nolint:gosec // after 1970
	// BOLT 4: "incoming `cltv_expiry` < `current_block_height` + `min_final_cltv_expiry_delta`."
	case !r.intime(p, height):
	case p.Total > amount.Max || p.AmtToForward > amount.Max || p.Amount > amount.Max:
	case p.TotalUnits > amount.MaxUnits || p.UnitsToForward > amount.MaxUnits || p.Units > amount.MaxUnits:
	// Tokens pay an invoice in them, and bitcoin one in bitcoin.
	case p.Property != r.Property || p.total() == 0:
	// BOLT 4: "if the amount paid is less than the amount expected:"
	// BOLT 4: "MUST fail the HTLC."
	case p.total() < r.asks():
	// BOLT 4: "if the amount paid is more than twice the amount expected:"
	// BOLT 4: "SHOULD fail the HTLC."
	case r.asks() != 0 && p.total() > 2*r.asks():
	default:
		return true
	}
	return false
}

// asks is the amount of the invoice, in millisatoshi or units of its property; 0: any.
// It is at most amount.MaxUnits.
func (r Row) asks() uint64 {
	if r.Property != 0 {
		return uint64(r.Units)
	}
	return uint64(r.Amount.Msat)
}

// intime says whether a part leaves as many blocks as the invoice asks for.
func (r Row) intime(p Part, height uint32) bool {
	return uint64(p.CLTVExpiry) >= uint64(height)+uint64(r.MinFinalCLTVExpiryDelta)
}

// drop fails a whole set.
func (t *Till) drop(s *set, hash wire.PaymentHash, height uint32) {
	for _, held := range s.parts {
		t.refuse(held, height)
	}
	delete(t.sets, hash)
}

// refuse fails a part without telling why.
func (t *Till) refuse(p Part, height uint32) {
	t.outcome.Fail = append(t.outcome.Fail, Refusal{p.In, onion.IncorrectOrUnknownPaymentDetails(p.Amount, height)})
}

func (t *Till) hold(s *set, hash wire.PaymentHash) {
	if t.sets == nil {
		t.sets = make(map[wire.PaymentHash]*set)
	}
	t.sets[hash] = s
	t.due = append(t.due, due{hash, s.since.Add(t.timeout())})
}

// arrived is the sum of amt_to_forward, or of the tokens. It cannot overflow: all parts
// but the last are below amount.MaxUnits together.
func (s *set) arrived() (sum uint64) {
	for _, p := range s.parts {
		sum += p.brings()
	}
	return sum
}

// received is what all parts brought.
func (s *set) received() (msat amount.MilliSatoshi, units amount.Units) {
	for _, p := range s.parts {
		msat, units = msat+p.Amount, units+p.Units
	}
	return msat, units
}

// complete decides to fulfil all parts, or to hold them.
func (t *Till) complete(s *set, now time.Time) {
	if s.invoice.Hold {
		t.accept(s, now)
		return
	}
	s.paid = true
	paid := PaidRow{PaymentHash: s.invoice.PaymentHash, PaidAt: uint64(now.Unix())} //nolint:gosec // after 1970
	paid.Received, paid.Got = s.received()
	for _, p := range s.parts {
		t.outcome.Fulfil = append(t.outcome.Fulfil, Fulfilment{p.In, s.invoice.Preimage})
	}
	if s.fresh {
		t.rows = append(t.rows, s.invoice.Creation()...)
	}
	t.rows = append(t.rows, paid, changed(s.invoice, Paid))
	// BOLT 4: "if it fulfills any HTLCs in the HTLC set:"
	// BOLT 4: "MUST fulfill the entire HTLC set."
	for _, p := range s.parts {
		t.rows = append(t.rows, relay.DecisionRow{In: p.In, Kind: relay.Fulfil, Preimage: s.invoice.Preimage})
	}
	t.outcome.Paid = append(t.outcome.Paid, s.invoice.PaymentHash)
}

// Held says whether parts of the payment hash wait for the rest, or for the owner.
func (t *Till) Held(hash wire.PaymentHash) bool { return t.sets[hash] != nil || t.holds[hash] != nil }

// Expire says that the invoice is Expired on disk: nothing may complete it any
// more, even if the clock is set back. Its parts wait for the timeout.
func (t *Till) Expire(hash wire.PaymentHash) {
	if s := t.sets[hash]; s != nil {
		s.invoice.Status = Expired
	}
}

// Next is when the next set times out; false: none waits.
func (t *Till) Next() (time.Time, bool) {
	for len(t.due) > 0 {
		if t.current(t.due[0]) {
			return t.due[0].at, true
		}
		t.due = t.due[1:]
	}
	return time.Time{}, false
}

// current says whether d is about a set that still waits.
func (t *Till) current(d due) bool {
	s := t.sets[d.hash]
	return s != nil && !s.paid && s.since.Add(t.timeout()).Equal(d.at)
}

// Tick fails the sets that have waited too long.
//
// BOLT 4: "MUST fail all HTLCs in the HTLC set after some reasonable timeout."
// BOLT 4: "SHOULD use `mpp_timeout` for the failure message."
func (t *Till) Tick(now time.Time) {
	for {
		at, ok := t.Next()
		if !ok || at.After(now) {
			return
		}
		hash := t.due[0].hash
		for _, p := range t.sets[hash].parts {
			t.outcome.Fail = append(t.outcome.Fail, Refusal{p.In, onion.MPPTimeout()})
		}
		delete(t.sets, hash)
	}
}

// Take gives the outcome of all inputs since the last Take.
func (t *Till) Take() durable.Pending[Outcome] {
	for _, hash := range t.outcome.Paid {
		delete(t.sets, hash)
	}
	out := durable.Hold(t.outcome, t.rows...)
	t.outcome, t.rows = Outcome{}, nil
	return out
}

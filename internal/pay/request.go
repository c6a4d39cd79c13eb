package pay

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/rate"
)

// What a payment does unless it is told otherwise, as CLN's pay does.
const (
	DefaultMaxFeePPM uint32              = 5000 // 0.5 %
	DefaultExemptFee amount.MilliSatoshi = 5000
	DefaultRetryFor  uint64              = 60   // seconds
	DefaultMaxDelay  uint32              = 2016 // blocks: max_htlc_cltv of BOLT 4
)

// Request is a wish to pay an invoice.
type Request struct {
	Bolt11      string
	Invoice     *bolt11.Invoice      // Bolt11, decoded
	Amount      *amount.MilliSatoshi // when the invoice has none; else nil, or the same
	Property    amount.Property      // whose tokens the invoice asks for; 0: bitcoin
	Partial     *amount.MilliSatoshi // of that, what this payment delivers: others pay the rest meanwhile; nil: all
	Asked       amount.Units         // of Property, by the invoice; 0: any
	Units       *amount.Units        // as Amount, of Property
	Label       string
	Description string // whose hash the invoice has; empty: not compared
	Exclude     []Exclusion

	// Over one of these exchanges it is paid in the other currency, for no more than a limit
	// of all that is sent, in what is paid with. Nil: over none.
	Offers       []rate.Offer
	MaxCost      *amount.MilliSatoshi
	MaxCostUnits *amount.Units

	MaxFee    *amount.MilliSatoshi // overrides the next two
	MaxFeePPM *uint32              // of the amount; nil: the default
	ExemptFee *amount.MilliSatoshi // a fee that is always allowed; nil: the default
	MaxDelay  uint32               // blocks; zero: the default
	RetryFor  *uint64              // seconds; nil: the default
}

// Node is what a payment must know of us.
type Node struct {
	ID      wire.NodeID
	Network bolt11.Network
}

// maxParts bounds the HTLCs of one payment in flight.
const maxParts = 16

// maxExpiry is above every block height (BOLT 2): a larger delta asks for the
// impossible, and must not overflow.
const maxExpiry = 500_000_000

// New begins a payment; group is one more than that of the last payment of the
// same hash. Errors are of type [*Error]: [CodeInvalid] and
// [CodeInvoiceExpired].
func New(r Request, us Node, group, now uint64) (*Payment, error) {
	inv := r.Invoice
	ask, err := r.Pays()
	switch {
	case err != nil:
		return nil, err
	case r.Offers != nil && len(r.Offers) == 0:
		return nil, errNoOffer
	case inv.Network != us.Network:
		return nil, refuse(CodeInvalid, "the invoice is for another network (%v, not %v)", inv.Network, us.Network)
	case inv.Payee == us.ID:
		return nil, refuse(CodeInvalid, "Self-payment: the invoice is our own")
	case now >= inv.ExpiresAt():
		// BOLT 11: "after the `timestamp` plus `expiry` has passed:"
		// BOLT 11: "SHOULD NOT attempt a payment."
		return nil, refuse(CodeInvoiceExpired, "invoice expired at %d, it is %d now", inv.ExpiresAt(), now)
	}
	if inv.DescriptionHash != nil && r.Description != "" {
		if err := inv.CheckDescription(r.Description); err != nil {
			return nil, refuse(CodeInvalid, "%v", err)
		}
	}
	maxDelay, retryUntil := r.until(now)
	whole := amount.MilliSatoshi(0)
	if r.Partial != nil {
		whole, _ = r.asks() // it was asked before
	}
	maxFee, maxFeeUnits := r.limits(ask)
	p := &Payment{us: us.ID, row: PaymentRow{
		PaymentHash: inv.PaymentHash,
		Destination: inv.Payee,
		Amount:      ask.Amount,
		Property:    ask.Property,
		Units:       ask.Units,
		Bolt11:      r.Bolt11,
		Label:       r.Label,
		Description: r.Description,
		Group:       group,
		CreatedAt:   now,
		MaxFee:      maxFee,
		MaxFeeUnits: maxFeeUnits,
		MaxDelay:    maxDelay,
		RetryUntil:  retryUntil,
		Exclude:     appendExclusions(appendOffers(nil, r.Offers), r.Exclude, whole),
		Result:      PaymentResultRow{Status: Pending},
	}}
	p.setTerms(inv)
	p.terms.whole = whole
	p.exclude, p.offers = r.Exclude, slices.Clone(r.Offers)
	p.begin(now)
	return p, nil
}

// Ask is what is to be paid: an amount in bitcoin, or units of an asset.
type Ask struct {
	Amount   amount.MilliSatoshi
	Property amount.Property // 0: bitcoin
	Units    amount.Units    // of Property; 0 with a property: its tokens are sent, and Amount arrives
}

// String writes the amount with its unit.
func (a Ask) String() string {
	if a.Units == 0 {
		return a.Amount.String()
	}
	return fmt.Sprintf("%d units of property %d", a.Units, a.Property)
}

// Ask is what the payment is for.
func (r PaymentRow) Ask() Ask { return Ask{r.Amount, r.Property, r.Units} }

// Pays is what the request is for: what the invoice asks, or the part of it. The error is
// of type [*Error].
func (r Request) Pays() (Ask, error) {
	ask, err := r.pays()
	if err == nil && r.Offers != nil {
		return r.paysOver(ask)
	}
	return ask, err
}

func (r Request) pays() (Ask, error) {
	if r.Property != 0 {
		return r.paysTokens()
	}
	whole, err := r.asks()
	switch {
	case err != nil || r.Partial == nil:
		return Ask{Amount: whole}, err
	case *r.Partial == 0 || *r.Partial > whole:
		return Ask{}, refuse(CodeInvalid, "a part of %s is not from 1msat to the whole of %s", *r.Partial, whole)
	case *r.Partial < whole && !r.Invoice.Features.Has(wire.BasicMPP):
		return Ask{}, refuse(CodeInvalid, "the invoice cannot be paid in parts")
	}
	return Ask{Amount: *r.Partial}, nil
}

// asks is the amount that an invoice in bitcoin is paid with by all together.
func (r Request) asks() (amount.MilliSatoshi, error) {
	switch asked := r.Invoice.Amount; {
	case r.Invoice.PaymentSecret == [32]byte{}:
		return 0, errNoSecret
	case r.Units != nil:
		return 0, refuse(CodeInvalid, "the invoice is for bitcoin, not for tokens")
	case asked == nil && r.Amount == nil:
		return 0, refuse(CodeInvalid, "the invoice has no amount: say how much to pay")
	case asked == nil && (*r.Amount == 0 || *r.Amount > amount.Max):
		return 0, refuse(CodeInvalid, "%s cannot be paid", *r.Amount)
	case asked == nil:
		return *r.Amount, nil
	case r.Amount != nil && *r.Amount != *asked:
		return 0, refuse(CodeInvalid, "the invoice is for %s: leave the amount out", *asked)
	case *asked == 0 || *asked > amount.Max:
		return 0, refuse(CodeInvalid, "the invoice is for %s, which cannot be paid", *asked)
	default:
		return *asked, nil
	}
}

var errNoSecret = refuse(CodeInvalid, "the invoice has no payment secret: ask for another one")

// paysTokens is Pays for an invoice in an asset.
func (r Request) paysTokens() (Ask, error) {
	ask := Ask{Property: r.Property, Units: r.Asked}
	switch {
	case r.Invoice.PaymentSecret == [32]byte{}:
		return Ask{}, errNoSecret
	case r.Partial != nil:
		return Ask{}, refuse(CodeInvalid, "what an invoice in an asset asks for is paid by one payment")
	case r.Amount != nil:
		return Ask{}, refuse(CodeInvalid, "the invoice is for tokens of property %d, not for bitcoin: leave the amount in bitcoin out", r.Property)
	case r.Asked == 0 && r.Units == nil:
		return Ask{}, refuse(CodeInvalid, "the invoice has no amount: say how many units of property %d to pay", r.Property)
	case r.Asked == 0:
		ask.Units = *r.Units
	case r.Units != nil && *r.Units != r.Asked:
		return Ask{}, refuse(CodeInvalid, "the invoice is for %s: leave the amount out", ask)
	}
	if ask.Units == 0 || ask.Units > amount.MaxUnits {
		return Ask{}, refuse(CodeInvalid, "%s cannot be paid", ask)
	}
	return ask, nil
}

// until is how many blocks the payment may take, and how long it is tried, in unix
// seconds.
func (r Request) until(now uint64) (maxDelay uint32, retryUntil uint64) {
	maxDelay, retryFor := DefaultMaxDelay, DefaultRetryFor
	if r.MaxDelay != 0 {
		maxDelay = r.MaxDelay
	}
	if r.RetryFor != nil {
		retryFor = *r.RetryFor
	}
	return maxDelay, now + min(retryFor, 1<<32)
}

func (r Request) maxFee(amt amount.MilliSatoshi) amount.MilliSatoshi {
	if r.MaxFee != nil {
		return *r.MaxFee
	}
	exempt := DefaultExemptFee
	if r.Property != 0 {
		exempt = tokenExemptFee
	}
	if r.ExemptFee != nil {
		exempt = *r.ExemptFee
	}
	return max(amount.MilliSatoshi(r.share(uint64(amt))), exempt)
}

// tokenExemptFee is the limit of what is paid in bitcoin to have tokens carried, unless
// it is told otherwise: base fees of many parts, since a channel carries few HTLCs with
// tokens.
const tokenExemptFee = 10 * DefaultExemptFee

// maxFeeUnits is the limit of the fee in tokens.
func (r Request) maxFeeUnits(units amount.Units) amount.Units {
	return amount.Units(r.share(uint64(units)))
}

// share is the limit of fees that grows with what is paid.
func (r Request) share(of uint64) uint64 {
	ppm := DefaultMaxFeePPM
	if r.MaxFeePPM != nil {
		ppm = *r.MaxFeePPM
	}
	const million = 1_000_000
	hi, lo := bits.Mul64(of, uint64(min(ppm, million))) // 100 % at most, so hi is below a million
	fee, _ := bits.Div64(hi, lo, million)
	return fee
}

// terms is what the invoice, or a keysend, asks of the HTLCs.
type terms struct {
	secret     *[32]byte           // payment_secret; nil: none
	whole      amount.MilliSatoshi // of which the payment is a part; zero: it is all of it
	metadata   []byte
	records    tlv.Stream // of the last payload, from type 65536 on
	finalDelta uint32
	expiresAt  uint64
	hints      [][]bolt11.HopHint
	maxParts   int
}

func (p *Payment) setTerms(inv *bolt11.Invoice) {
	p.terms = terms{
		secret:     &inv.PaymentSecret,
		metadata:   inv.Metadata,
		finalDelta: min(inv.MinFinalCLTVExpiryDelta, maxExpiry),
		expiresAt:  inv.ExpiresAt(),
		hints:      inv.Hints,
		maxParts:   1,
	}
	// BOLT 11: "if the `basic_mpp` feature is offered in the invoice:"
	// BOLT 11: "MAY pay using [Basic multi-part payments](04-onion-routing.md#basic-multi-part-payments)."
	if inv.Features.Has(wire.BasicMPP) {
		p.terms.maxParts = maxParts
	}
}

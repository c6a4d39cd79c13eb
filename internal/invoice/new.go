package invoice

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Defaults and limits of a new invoice.
const (
	// DefaultExpiry is an hour, in seconds.
	DefaultExpiry uint64 = 3600
	// DefaultMinFinalCLTVExpiryDelta leaves time beyond MinFinalCLTVExpiryDelta,
	// so that a peer that is away for a moment does not cost the channel.
	DefaultMinFinalCLTVExpiryDelta uint32 = 40
	// MinFinalCLTVExpiryDelta is the least that is safe: an HTLC with fewer blocks
	// left must not be fulfilled (BOLT 2, "`cltv_expiry_delta` Selection").
	MinFinalCLTVExpiryDelta uint32 = 18
	// MaxFinalCLTVExpiryDelta is the most that a payer accepts: max_htlc_cltv of
	// BOLT 4.
	MaxFinalCLTVExpiryDelta uint32 = 2016
	// DefaultHoldCLTV gives the owner of a held invoice most of a day to settle it.
	DefaultHoldCLTV uint32 = 144
	// MinHoldCLTV is the least with which a held invoice can be held at all: a part
	// that arrives with so many blocks is let go HoldMargin blocks before its expiry.
	MinHoldCLTV = MinFinalCLTVExpiryDelta + HoldMargin
	// MaxDescription is how many bytes fit in a field of BOLT 11.
	MaxDescription = 639
	// MaxLabel is the longest label in bytes.
	MaxLabel = 1024
)

// Why an invoice is refused.
var (
	ErrLabelExists        = errors.New("an invoice with this label exists already")
	ErrPreimageUsed       = errors.New("an invoice with this preimage exists already")
	ErrLabel              = fmt.Errorf("a label has 1 to %d bytes of UTF-8", MaxLabel)
	ErrAmount             = errors.New("an invoice is for 1 msat to 21 million bitcoin, or for any amount")
	ErrDescription        = errors.New("a description is UTF-8")
	ErrDescriptionTooLong = fmt.Errorf("a description has at most %d bytes: use deschashonly for a longer one", MaxDescription)
	ErrExpiry             = errors.New("expiry is in seconds, from 1 to thousands of years")
	ErrCLTV               = fmt.Errorf("cltv is %d to %d blocks", MinFinalCLTVExpiryDelta, MaxFinalCLTVExpiryDelta)
	ErrNetwork            = errors.New("the invoice is of another network")
	ErrHash               = errors.New("the preimage is not that of the invoice")
	ErrOver               = errors.New("the invoice has expired")
	ErrTokens             = fmt.Errorf("an invoice in an asset is for 1 to %d of its smallest units, or for any amount, and not for bitcoin", amount.MaxUnits)
	ErrHoldCLTV           = fmt.Errorf("cltv of a held invoice is %d to %d blocks", MinHoldCLTV, MaxFinalCLTVExpiryDelta)
)

// Request is a wish for an invoice.
type Request struct {
	Label               string // unique
	Amount              amount.OrAny
	Property            amount.Property // whose tokens are asked for, Amount being any; 0: bitcoin
	Units               amount.Units    // of Property; 0: any
	Description         string
	DescriptionHashOnly bool              // the payer gets the description's SHA256 only
	Expiry              uint64            // seconds
	Preimage            wire.Preimage     // random, or the caller's own
	Hold                *wire.PaymentHash // of a held invoice: the hash of a preimage that comes later, or nil
	Secret              [32]byte          // payment_secret: random
	CLTV                uint32            // min_final_cltv_expiry_delta, blocks; zero: the default
	Fallbacks           []bolt11.Fallback
	Hints               [][]bolt11.HopHint
}

// Issuer is what an invoice says of us.
type Issuer struct {
	Network bolt11.Network
	bolt11.Signer
}

// New makes an invoice at now, in unix seconds. Whether label and preimage are
// free only the store can say. Errors: those above, and the signer's.
func New(r Request, by Issuer, now uint64) (Row, error) {
	if r.CLTV == 0 {
		r.CLTV = DefaultMinFinalCLTVExpiryDelta
		if r.Hold != nil {
			r.CLTV = DefaultHoldCLTV
		}
	}
	if err := r.check(now); err != nil {
		return Row{}, err
	}
	row := Row{
		Label:                   r.Label,
		PaymentHash:             sha256.Sum256(r.Preimage[:]),
		Preimage:                r.Preimage,
		Secret:                  r.Secret,
		Amount:                  r.Amount,
		Property:                r.Property,
		Units:                   r.Units,
		Description:             r.Description,
		DescriptionHashOnly:     r.DescriptionHashOnly,
		CreatedAt:               now,
		ExpiresAt:               now + r.Expiry,
		MinFinalCLTVExpiryDelta: r.CLTV,
		Status:                  Unpaid,
	}
	if r.Hold != nil {
		row.Hold, row.PaymentHash, row.Preimage = true, *r.Hold, wire.Preimage{}
	}
	inv := bolt11.Invoice{
		Network:                 by.Network,
		Timestamp:               now,
		PaymentHash:             row.PaymentHash,
		PaymentSecret:           r.Secret,
		Payee:                   by.ID,
		Expiry:                  r.Expiry,
		MinFinalCLTVExpiryDelta: r.CLTV,
		Fallbacks:               r.Fallbacks,
		Hints:                   r.Hints,
		// var_onion_optin and payment_secret are required, basic_mpp is offered.
		Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP+1),
	}
	if !r.Amount.Any {
		inv.Amount = &r.Amount.Msat
	}
	if r.DescriptionHashOnly {
		hash := sha256.Sum256([]byte(r.Description))
		inv.DescriptionHash = &hash
	} else {
		inv.Description = &r.Description
	}
	var err error
	if r.Property != 0 {
		row.Bolt11, err = (&obolt.Invoice{Invoice: inv, Property: r.Property, Units: r.Units}).Encode(by.Signer)
	} else {
		row.Bolt11, err = inv.Encode(by.Signer)
	}
	return row, err
}

// Of is the row of an invoice that was made elsewhere and that we have signed. Errors:
// [ErrNetwork], [ErrHash], [ErrOver] and those of [New].
func Of(inv *bolt11.Invoice, text, label string, preimage wire.Preimage, network bolt11.Network, now uint64) (Row, error) {
	r := Request{Label: label, Amount: amount.OrAny{Any: true}, Expiry: inv.Expiry, CLTV: inv.MinFinalCLTVExpiryDelta}
	if inv.Amount != nil {
		r.Amount = amount.OrAny{Msat: *inv.Amount}
	}
	if inv.Description != nil {
		r.Description = *inv.Description
	}
	switch err := r.check(inv.Timestamp); {
	case err != nil:
		return Row{}, err
	case inv.Network != network:
		return Row{}, ErrNetwork
	case sha256.Sum256(preimage[:]) != inv.PaymentHash:
		return Row{}, ErrHash
	case now >= inv.ExpiresAt():
		return Row{}, ErrOver
	}
	return Row{
		Label: label, PaymentHash: inv.PaymentHash, Preimage: preimage, Secret: inv.PaymentSecret, Amount: r.Amount,
		Description: r.Description, DescriptionHashOnly: inv.DescriptionHash != nil, Bolt11: text, CreatedAt: now,
		ExpiresAt: inv.ExpiresAt(), MinFinalCLTVExpiryDelta: r.CLTV, Status: Unpaid,
	}, nil
}

func (r Request) check(now uint64) error {
	switch {
	case r.Label == "" || len(r.Label) > MaxLabel || !utf8.ValidString(r.Label):
		return ErrLabel
	case !r.Amount.Any && (r.Amount.Msat == 0 || r.Amount.Msat > amount.Max):
		return ErrAmount
	case r.Units > amount.MaxUnits || r.Property == 0 && r.Units != 0 || r.Property != 0 && !r.Amount.Any:
		return ErrTokens
	case !utf8.ValidString(r.Description):
		return ErrDescription
	case !r.DescriptionHashOnly && len(r.Description) > MaxDescription:
		return ErrDescriptionTooLong
	case r.Expiry == 0 || now > math.MaxInt64 || r.Expiry > math.MaxInt64-now:
		return ErrExpiry
	case r.CLTV < MinFinalCLTVExpiryDelta || r.CLTV > MaxFinalCLTVExpiryDelta:
		return ErrCLTV
	case r.Hold != nil && r.CLTV < MinHoldCLTV:
		return ErrHoldCLTV
	}
	return nil
}

package bolt11

import (
	"crypto/sha256"
	"errors"
	"math"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Defaults of fields that an invoice may leave out (BOLT 11, "Tagged Fields").
const (
	DefaultExpiry                  uint64 = 3600 // seconds
	DefaultMinFinalCLTVExpiryDelta uint32 = 18   // blocks
)

// Errors of [Decode] and [Invoice.Encode].
var (
	ErrBech32            = errors.New("not an invoice: copy it again, from lnbc to the end, all in lower or all in upper case")
	ErrChecksum          = errors.New("the invoice's checksum is wrong: a character was lost or changed, copy it again")
	ErrPrefix            = errors.New("not an invoice for bitcoin: ask for one that begins with lnbc, lntb, lntbs or lnbcrt")
	ErrAmount            = errors.New("the invoice's amount is wrong: ask for another invoice")
	ErrShort             = errors.New("the invoice is too short: copy it again, to the end")
	ErrField             = errors.New("a field of the invoice is wrong: ask for another invoice")
	ErrDuplicate         = errors.New("the invoice has a field twice, which may be a trick: ask for another invoice")
	ErrMissing           = errors.New("the invoice lacks a field: ask for another invoice")
	ErrSignature         = errors.New("the invoice's signature is wrong, do not pay it: ask for another invoice")
	ErrUnknownFeature    = errors.New("the invoice requires a feature that this node does not have: ask for an invoice without it")
	ErrFeatureDependency = errors.New("the invoice has a feature without another that it needs: ask for another invoice")
	ErrDescription       = errors.New("the description does not match the invoice's hash of it: ask who sent it")
	ErrTooLong           = errors.New("a field of an invoice holds at most 639 bytes: shorten it, or put its hash in the invoice")
)

// Network is the chain whose bitcoin is asked for: the prefix of its invoices.
type Network string

// The networks of BOLT 11, "Human-Readable Part".
const (
	Mainnet Network = "lnbc"
	Testnet Network = "lntb"
	Signet  Network = "lntbs"
	Regtest Network = "lnbcrt"
)

// Invoice is a request for a payment.
type Invoice struct {
	Network       Network
	Amount        *amount.MilliSatoshi // nil: the payer chooses
	Timestamp     uint64               // seconds since 1970, below 2^35
	PaymentHash   wire.PaymentHash
	PaymentSecret [32]byte

	// Exactly one of these two. Text is UTF-8 of at most 639 bytes, by whoever
	// made the invoice: escape it before showing it.
	Description     *string
	DescriptionHash *[32]byte // SHA256; check the text with CheckDescription

	Payee                   wire.NodeID // who signed; zero before encoding: whoever signs
	Expiry                  uint64      // seconds after Timestamp
	MinFinalCLTVExpiryDelta uint32      // blocks
	Fallbacks               []Fallback  // on-chain, most preferred first
	Hints                   [][]HopHint // ways from a public node to the payee, most preferred first
	Features                wire.Features
	Metadata                []byte // for payment_metadata; nil: none

	Signature  wire.Signature // set by Decode
	RecoveryID byte           // 0 to 3, set by Decode
}

// HopHint is a channel of a way to the payee that gossip may not know. NodeID is
// the end at which the payment enters.
type HopHint struct {
	NodeID                    wire.NodeID
	SCID                      wire.ShortChannelID
	FeeBaseMsat               uint32
	FeeProportionalMillionths uint32
	CLTVExpiryDelta           uint16 // blocks
}

// ExpiresAt is the last second, since 1970, at which the invoice may be paid.
func (inv *Invoice) ExpiresAt() uint64 {
	if inv.Expiry > math.MaxUint64-inv.Timestamp {
		return math.MaxUint64
	}
	return inv.Timestamp + inv.Expiry
}

// CheckDescription compares a description with what the invoice commits to. Error:
// [ErrDescription].
//
// BOLT 11: "MUST check that the SHA2 256-bit hash in the `h` field exactly matches
// the hashed description."
func (inv *Invoice) CheckDescription(text string) error {
	if inv.DescriptionHash != nil && *inv.DescriptionHash == sha256.Sum256([]byte(text)) {
		return nil
	}
	if inv.Description != nil && *inv.Description == text {
		return nil
	}
	return ErrDescription
}

// known are the features that a payer may be required to have. Var_onion_optin
// and payment_secret are assumed by BOLT 9, but still written.
var known = wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP, wire.PaymentMetadata)

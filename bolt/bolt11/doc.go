// Package bolt11 reads and writes the invoices of BOLT 11: a request for a
// payment as one string, such as lnbc2500u1pvjluez..., signed by who is paid.
//
// To make one:
//
//	inv := bolt11.Invoice{
//		Network:       bolt11.Regtest,
//		Amount:        &msat,
//		Timestamp:     now,
//		PaymentHash:   hash,
//		PaymentSecret: secret,
//		Description:   &text,
//		Expiry:        bolt11.DefaultExpiry,
//		MinFinalCLTVExpiryDelta: bolt11.DefaultMinFinalCLTVExpiryDelta,
//		Features:      wire.NewFeatures(wire.VarOnion, wire.PaymentSecret),
//	}
//	s, err := inv.Encode(signer)
//
// To read one, from lower or upper case, with or without "lightning:" before it:
//
//	inv, err := bolt11.Decode(s)
//
// Invariant: whatever Decode returns is payable as far as the invoice says: its
// checksum and signature are right, all that a payment needs is there exactly
// once, and it requires no feature that we do not have. Anything else is an error
// that says what to do. Encode makes nothing that Decode refuses.
//
// Reading is strict. A field that may stand once and stands twice is refused, since
// two programs that choose differently can be played against each other; so is
// padding that is not zero and a number with leading zeros. BOLT 11 asks to fail
// on a payment hash, secret, description hash or node id of the wrong length, and
// that holds although the text still lists an older example with such fields as
// one to accept. Unknown fields and fallbacks of unknown versions are skipped;
// encoding again does not bring them back.
//
// Whether an invoice has expired, and whether its amount is one we want to pay, is
// for the caller to judge: this package has no clock.
package bolt11

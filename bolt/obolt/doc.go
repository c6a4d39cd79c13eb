// Package obolt reads and writes OmniBOLT's invoices: a request for a payment in an
// asset of the Omni Layer, or in bitcoin, as one string such as
// obort2147483651:500u1p3vlcmz..., signed by who is paid.
//
// To make one:
//
//	inv := obolt.Invoice{
//		Invoice:  bolt11.Invoice{Network: bolt11.Regtest, PaymentHash: hash, ...},
//		Property: 2147483651,
//		Units:    1_250_000_000, // 12.5 tokens of a divisible property
//	}
//	s, err := inv.Encode(signer)
//
// To read one:
//
//	inv, err := obolt.Decode(s)
//
// The form is BOLT 11's with another human-readable part, ob and o, to or ort for the
// network, the property's id, a colon and the amount, and with two fields more: 3, the
// property's id again, and j, set when the payment is refundable. An amount is in tokens
// of 100,000,000 units, with m, u and n for their thousandth, millionth and billionth,
// whether the property is divisible or not: 5 units of one that is not are 50n. The
// amount of property 0, bitcoin, is written as in BOLT 11.
//
// Source: OmniBOLT 07, "Invoice encoding", and the package zpay32 of
// github.com/omnilaboratory/obd (master, oblnd), whose examples are in testdata.
//
// Invariants: those of package bolt11, but that a payment secret may be missing; and the
// property in the human-readable part is the one in field 3. Encode makes nothing that
// Decode refuses.
//
// [Read] reads such an invoice or one of BOLT 11's.
package obolt

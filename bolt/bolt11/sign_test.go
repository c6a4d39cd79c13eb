//go:build !race

package bolt11

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestAnInvoiceIsSignedAnewAndElseUnchanged(t *testing.T) {
	text := "a mug"
	inv := Invoice{
		Network: Regtest, Timestamp: 1_700_000_000, PaymentHash: wire.PaymentHash{1}, PaymentSecret: [32]byte{2}, Description: &text,
		Expiry: 60, MinFinalCLTVExpiryDelta: 40, Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret),
	}
	first := signer(privateKey(1))
	s, err := inv.Encode(first)
	if err != nil {
		t.Fatal(err)
	}
	second := signer(privateKey(2))
	got, again, err := Sign(s, second)
	if err != nil || got.Payee != second.ID || len(again) != len(s) || again[:len(again)-signatureGroups-6] != s[:len(s)-signatureGroups-6] {
		t.Errorf("%s became %s: %v", s, again, err)
	}
	if read, err := Decode(again); err != nil || read.Payee != second.ID || *read.Description != text || read.Expiry != 60 {
		t.Errorf("%+v %v", read, err)
	}
	if _, back, err := Sign(again, first); err != nil || back != s {
		t.Errorf("signed again by the first: %s %v", back, err)
	}
	if _, _, err := Sign(s[:len(s)-1]+"q", second); !errors.Is(err, ErrChecksum) {
		t.Error(err)
	}
	if _, _, err := Sign(s, Signer{Sign: func([32]byte) (sig [65]byte, err error) { return sig, errors.New("no") }}); err == nil {
		t.Error("signed without a signature")
	}
}

func TestNobodySignsForAnotherPayee(t *testing.T) {
	other := signer(privateKey(1)).ID
	if _, err := signFields("lnbcrt", []byte{1, 2, 3}, other, signer(privateKey(2))); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}

//go:build !race

package pay

import (
	"bytes"
	"testing"
)

// BOLT 4: "MUST include `payment_metadata` with every HTLC"
func TestTheMetadataOfAnInvoiceGoesBackToThePayee(t *testing.T) {
	inv := testInvoice(1000, false)
	inv.Metadata = []byte{0xfe, 0xed}
	p, err := New(Request{Bolt11: "ln", Invoice: inv}, node, 1, start)
	if err != nil {
		t.Fatal(err)
	}
	if s := found(t, p, outcome(t, p).Find); !bytes.Equal(s.Metadata, inv.Metadata) {
		t.Errorf("metadata %x", s.Metadata)
	}
	again, err := Load(p.Row(), inv, nil, node.ID, start)
	if err != nil {
		t.Fatal(err)
	}
	if s := found(t, again, outcome(t, again).Find); !bytes.Equal(s.Metadata, inv.Metadata) {
		t.Errorf("after a restart: metadata %x", s.Metadata)
	}
}

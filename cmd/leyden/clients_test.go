package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/leyden-ln/leyden/amount"
)

// clientsVariable names the folder in which npm has installed testdata/clients.
const clientsVariable = "LEYDEN_CLIENTS"

func TestClientsThatNobodyHereWroteInvoicePayAndWait(t *testing.T) {
	if os.Getenv(clientsVariable) == "" {
		if os.Getenv("LEYDEN_CI") != "" {
			t.Fatalf("$%s is not set: npm ci of cmd/leyden/testdata/clients", clientsVariable)
		}
		t.Logf("not run: $%s names no folder with npm's packages of testdata/clients", clientsVariable)
		return
	}
	n := newNetwork(t)
	alice, bob := n.add("alice"), n.add("bob")
	n.open(alice, bob, 1_000_000)
	n.ready(alice, 2)
	rune := ask[struct{ Rune string }](bob, "createrune", nil, [][]string{{"method/stop"}, {"id^02", "id^03"}}).Rune
	host, port, err := net.SplitHostPort(bob.listen)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := socketPath(alice.dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/clients/clients.mjs", socket, bob.id.String(), host, port, rune)
	said, err := cmd.Output()
	if err != nil {
		e, _ := err.(*exec.ExitError)
		t.Fatalf("%v: %s\n%s", err, said, e.Stderr)
	}
	var got struct {
		Remote, Payer    string
		Long, Funds      int
		Refused, Unknown struct {
			Code    int
			Message string
		}
		Invoice struct {
			Bolt11 string
			Hash   string `json:"payment_hash"`
		}
		Bolt11 struct{ Payee, Msat, Hash, Text string }
		Light  map[string]any
		Paid   struct {
			Status, Preimage string
			Hash             string              `json:"payment_hash"`
			Sent             amount.MilliSatoshi `json:"amount_sent_msat"`
		}
		Waited struct {
			Label, Status string
		}
		Listed []struct {
			Label, Status string
			Received      amount.MilliSatoshi `json:"amount_received_msat"`
		}
		Error struct{ Message string }
	}
	if err := json.Unmarshal(said, &got); err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	hash := got.Invoice.Hash
	switch {
	case got.Remote != bob.id.String() || got.Payer != alice.id.String() || got.Long < 60 || got.Funds != 1:
		t.Errorf("the nodes: %s", said)
	case got.Refused.Code != 0x4c51 || got.Unknown.Code != 0x4c51 || got.Refused.Message != "Not permitted: method is equal to stop":
		t.Errorf("runes: %s", said)
	case len(hash) != 64 || got.Bolt11.Payee != bob.id.String() || got.Bolt11.Msat != "5000000" || got.Bolt11.Hash != hash || got.Bolt11.Text != "one tea":
		t.Errorf("bolt11 reads: %s", said)
	case got.Light["amount"] != "5000000" || got.Light["payment_hash"] != hash || got.Light["description"] != "one tea":
		t.Errorf("light-bolt11-decoder reads: %s", said)
	case got.Paid.Status != "complete" || got.Paid.Hash != hash || got.Paid.Sent != 5_000_000 || got.Waited.Label != "tea" || got.Waited.Status != "paid":
		t.Errorf("the payment: %s", said)
	case len(got.Listed) != 1 || got.Listed[0].Status != "paid" || got.Listed[0].Received != 5_000_000 || got.Error.Message == "":
		t.Errorf("what is listed: %s", said)
	}
}

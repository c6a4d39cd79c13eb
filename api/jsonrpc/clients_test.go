package jsonrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// client is a connection to the socket of a node.
type client struct {
	*testing.T
	node *node.Node
	path string
	c    net.Conn
	r    *bufio.Reader
}

func newClient(t *testing.T, chain *regtest.Chain) *client {
	t.Helper()
	n, err := node.Open(context.Background(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: chain.Params(), Source: chain, Listen: "127.0.0.1:0",
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	path := filepath.Join(t.TempDir(), "rpc")
	l, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- (&Server{Node: n, Log: slog.New(slog.DiscardHandler)}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return (&client{T: t, node: n, path: path}).again()
}

// again is one more connection.
func (c *client) again() *client {
	c.Helper()
	conn, err := (&net.Dialer{}).DialContext(c.Context(), "unix", c.path)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	}
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	return &client{c.T, c.node, c.path, conn, bufio.NewReader(conn)}
}

// call gives a command as a client writes it, and reads the answer: with this id, a result
// and no error, or the error with this code.
func (c *client) call(id, method, params string, code command.Code) map[string]json.RawMessage {
	c.Helper()
	if _, err := fmt.Fprintf(c.c, `{"jsonrpc":"2.0","id":%s,"method":"%s","params":%s}`, id, method, params); err != nil {
		c.Fatal(err)
	}
	line, err := c.r.ReadString('\n')
	if empty, _ := c.r.ReadString('\n'); err != nil || empty != "\n" {
		c.Fatalf("%s %s: %q, %v", method, params, line, err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &members); err != nil || string(members["id"]) != id {
		c.Fatalf("%s %s: %s, %v", method, params, line, err)
	}
	var e command.Error
	if code != 0 {
		if err := json.Unmarshal(members["error"], &e); err != nil || e.Code != code || members["result"] != nil {
			c.Fatalf("%s %s: %s, want code %d", method, params, line, code)
		}
		return nil
	}
	if _, failed := members["error"]; failed {
		c.Fatalf("%s %s: %s", method, params, line)
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(members["result"], &result); err != nil {
		c.Fatal(err)
	}
	// Clients take the first member of a result: a list, or an address.
	if list := firstOf[method]; list != "" && !strings.HasPrefix(string(members["result"]), `{"`+list+`":`) {
		c.Errorf("%s begins with %.60s", method, members["result"])
	}
	return result
}

var firstOf = map[string]string{
	"listinvoices": "invoices", "listpays": "pays", "listpeerchannels": "channels", "listchannels": "channels", "listfunds": "outputs", "newaddr": "bech32",
}

func text(t *testing.T, m map[string]json.RawMessage, name string) (s string) {
	t.Helper()
	if err := json.Unmarshal(m[name], &s); err != nil || s == "" {
		t.Fatalf("%s: %s, %v", name, m[name], err)
	}
	return s
}

// last is the last row of a list, and must have fields.
func last(t *testing.T, m map[string]json.RawMessage, list string, fields ...string) map[string]json.RawMessage {
	t.Helper()
	var rows []map[string]json.RawMessage
	if err := json.Unmarshal(m[list], &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%s: %s, %v", list, m[list], err)
	}
	row := rows[len(rows)-1]
	for _, f := range fields {
		if row[f] == nil {
			t.Errorf("%s: no %s in %v", list, f, row)
		}
	}
	return row
}

// BTCPay's connector calls by position, with nulls and the id 0, and LNbits' wallet over pyln
// by name.
func TestTheCallsOfBTCPayAndLNbits(t *testing.T) {
	chain, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	if _, err := chain.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	payer, shop := newClient(t, chain), newClient(t, chain)
	mine := func(blocks int) {
		t.Helper()
		if _, err := chain.Mine(blocks, nil); err != nil {
			t.Fatal(err)
		}
		tip, err := chain.Tip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		until(t, func() bool { return payer.node.Synced() == tip.Height && shop.node.Synced() == tip.Height })
	}
	const id = "0"
	addr, err := address.DecodeAddress(text(t, payer.call(id, "newaddr", "[]", 0), "bech32"), chain.Params())
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Send(script, 2_000_000); err != nil {
		t.Fatal(err)
	}
	mine(1)
	to := shop.node.ID().String()
	payer.call(id, "fundchannel", `["`+to+`",1000000]`, command.FundPeerNotConnected)
	payer.call(id, "connect", `["`+to+`@`+shop.node.Addr().String()+`"]`, 0)
	payer.call(id, "fundchannel", `["`+to+`",1000000,"2000perkb"]`, 0)
	mine(6)
	until(t, func() bool { return string(payer.call(id, "getinfo", "[]", 0)["num_active_channels"]) == "1" })
	last(t, payer.call(id, "listfunds", "[]", 0), "channels", "peer_id", "funding_txid", "funding_output", "our_amount_msat", "amount_msat", "short_channel_id")
	row := last(t, payer.call(id, "listpeerchannels", "[]", 0), "channels", "peer_id", "private", "to_us_msat", "total_msat", "funding_txid", "funding_outnum")
	if text(t, row, "state") != "CHANNELD_NORMAL" {
		t.Errorf("%v", row)
	}
	until(t, func() bool { return string(payer.call(id, "listchannels", "[]", 0)["channels"]) != "[]" })
	last(t, payer.call(id, "listchannels", "["+string(row["short_channel_id"])+"]", 0), "channels", "source", "destination", "amount_msat")

	made := shop.call(id, "invoice", `[5000000,"btcpay 1","one tea",3600,null,null,false]`, 0)
	shop.call(id, "invoice", `["any","btcpay 2","<p>any &amp; more</p>",3600,null,null,true,null,true]`, 0)
	hash := string(made["payment_hash"])
	row = last(t, shop.call(id, "listinvoices", "[null,null,"+hash+"]", 0), "invoices", "label", "payment_hash", "amount_msat", "expires_at", "bolt11")
	if text(t, row, "status") != "unpaid" {
		t.Errorf("%v", row)
	}
	// The next payment wakes it, however far the index that it gives.
	waiting, woken := shop.again(), make(chan map[string]json.RawMessage, 1)
	go func() { woken <- waiting.call(id, "waitanyinvoice", "[99999999999]", 0) }()
	paid := payer.call(id, "xpay", "["+string(made["bolt11"])+",null,25000,null,60]", 0)
	if string(paid["amount_msat"]) != "5000000" || string(paid["amount_sent_msat"]) != "5000000" || len(text(t, paid, "payment_preimage")) != 64 {
		t.Errorf("%v", paid)
	}
	// It may have begun to wait only after the payment: one more wakes it then.
	other := shop.call(id, "invoice", `["7000","btcpay 3","",60]`, 0)
	payer.call(id, "xpay", "["+string(other["bolt11"])+"]", 0)
	w := <-woken
	if text(t, w, "status") != "paid" || w["pay_index"] == nil || w["paid_at"] == nil || w["amount_received_msat"] == nil || w["payment_preimage"] == nil {
		t.Errorf("%v", w)
	}
	row = last(t, payer.call(id, "listpays", "[null,"+hash+"]", 0), "pays", "payment_hash", "preimage", "amount_msat", "amount_sent_msat", "bolt11", "created_at")
	if text(t, row, "status") != "complete" {
		t.Errorf("%v", row)
	}
	gift := payer.call(id, "xkeysend", `["`+to+`",3000]`, 0)
	if len(text(t, gift, "payment_preimage")) != 64 || string(gift["amount_msat"]) != "3000" {
		t.Errorf("%v", gift)
	}
	shop.call(id, "delinvoice", `["btcpay 2","unpaid"]`, 0)
	shop.call(id, "delinvoice", `["btcpay 2","unpaid"]`, command.InvoiceNotFound)
	shop.call(id, "invoice", `[1,"btcpay 1","again"]`, command.InvoiceLabelExists)
	shop.call(id, "xpay", "["+string(made["bolt11"])+",null,null,null,60]", command.InvalidParams) // a payment to itself

	// LNbits over pyln: by name, ids as text.
	const named = `"lnbits:wallet#1"`
	var help []struct{ Command string }
	if err := json.Unmarshal(shop.call(named, "help", `{"command":"invoice"}`, 0)["help"], &help); err != nil || len(help) != 1 || !strings.Contains(help[0].Command, "deschashonly") {
		t.Errorf("%v, %v", help, err)
	}
	last(t, shop.call(named, "listinvoices", "{}", 0), "invoices", "pay_index")
	last(t, shop.call(named, "listfunds", "{}", 0), "channels", "our_amount_msat")
	made = shop.call(named, "invoice", `{"amount_msat":9000,"label":"lbl 1","description":"tea","exposeprivatechannels":true,"preimage":"`+strings.Repeat("07", 32)+`","deschashonly":true,"expiry":null}`, 0)
	paid = payer.call(named, "pay", `{"bolt11":`+string(made["bolt11"])+`,"maxfee":5000,"description":"tea"}`, 0)
	if text(t, paid, "payment_preimage") != strings.Repeat("07", 32) || string(paid["amount_sent_msat"]) != "9000" || string(paid["payment_hash"]) != string(made["payment_hash"]) {
		t.Errorf("%v", paid)
	}
	row = last(t, shop.call(named, "listinvoices", `{"payment_hash":`+string(made["payment_hash"])+`}`, 0), "invoices")
	index := row["pay_index"]
	if text(t, row, "status") != "paid" || index == nil {
		t.Errorf("%v", row)
	}
	shop.call(named, "waitanyinvoice", `{"lastpay_index":`+string(index)+`,"timeout":0}`, command.InvoiceWaitTimedOut)
	shop.call(named, "waitanyinvoice", `{"lastpay_index":1,"timeout":2}`, 0)
	payer.call(named, "pay", `{"bolt11":"lnbc1notone","maxfee":5000,"description":null}`, command.InvalidParams)
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-look.C {
		if time.Now().After(deadline) {
			t.Fatal("never")
		}
	}
}

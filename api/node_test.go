package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// longest is how long a test waits for what nodes do by themselves.
const longest = 3 * time.Minute

// until looks again and again until something is so. Most of the time is not its own: a
// look may take longer than what it waits for.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(longest)
	for begin := time.Now(); !ok(); begin = time.Now() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(min(max(3*time.Since(begin), 2*time.Millisecond), 100*time.Millisecond))
	}
}

// network is a chain and three nodes in this process: Alice, who has coins, Carol
// and Bob, who takes unconfirmed channels of Carol's.
type network struct {
	chain             *regtest.Chain
	alice, carol, bob *node.Node
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	if race.Enabled { // where all takes longer, half of it is to wait for gossip
		t.Parallel()
	}
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil { // coinbases mature after 100
		t.Fatal(err)
	}
	w := &network{chain: c}
	w.alice, w.carol = w.start(t, "alice"), w.start(t, "carol")
	w.bob = w.start(t, "bob", w.carol.ID())
	return w
}

// start starts a node that takes unconfirmed channels of the nodes it trusts.
func (w *network) start(t *testing.T, alias string, trusted ...wire.NodeID) *node.Node {
	t.Helper()
	n, err := node.Open(context.Background(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: w.chain.Params(), Source: w.chain, Alias: alias, Listen: "127.0.0.1:0", ZeroConf: trusted,
		Assets: tokens.Wish{On: alias != "carol", Freezable: map[string][]amount.Property{"alice": {5, 6}, "bob": {6}}[alias]},
		Log:    slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// mine adds blocks and waits until every node has seen them.
func (w *network) mine(t *testing.T, blocks int) {
	t.Helper()
	if _, err := w.chain.Mine(blocks, nil); err != nil {
		t.Fatal(err)
	}
	tip, err := w.chain.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "every node has seen the blocks", func() bool {
		return w.alice.Synced() == tip.Height && w.carol.Synced() == tip.Height && w.bob.Synced() == tip.Height
	})
}

// fund sends coins to an address that the node makes, and mines them.
func (w *network) fund(t *testing.T, n *node.Node, sat amount.Satoshi) {
	t.Helper()
	script := scriptOf(t, w, ask[struct{ Bech32 string }](t, n, "newaddr").Bech32)
	if _, err := w.chain.Send(script, sat); err != nil {
		t.Fatal(err)
	}
	w.mine(t, 1)
}

func scriptOf(t *testing.T, w *network, text string) []byte {
	t.Helper()
	addr, err := address.DecodeAddress(text, w.chain.Params())
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

func at(n *node.Node) string { return n.ID().String() + "@" + n.Addr().String() }

// open opens a channel that blocks must still confirm.
func open(t *testing.T, from, to *node.Node, sat amount.Satoshi) {
	t.Helper()
	ask[struct{}](t, from, "connect", at(to))
	ask[struct{}](t, from, "fundchannel", to.ID(), sat)
}

// line is a network whose channels, from Alice to Carol and from Carol to Bob, are
// announced and known to Alice.
func line(t *testing.T) *network {
	t.Helper()
	w := newNetwork(t)
	w.fund(t, w.alice, 2_000_000)
	w.fund(t, w.carol, 2_000_000)
	open(t, w.alice, w.carol, 1_000_000)
	open(t, w.carol, w.bob, 1_000_000)
	w.mine(t, 6)
	for _, n := range []*node.Node{w.alice, w.bob} {
		until(t, "both directions of both channels are known", func() bool {
			return len(ask[graphResult](t, n, "listchannels").Channels) == 4
		})
	}
	return w
}

// named are parameters by name.
type named map[string]any

// try gives a command with parameters by position, or by name when they are one
// named, and gives its result as JSON.
func try(t *testing.T, n *node.Node, method string, params ...any) (json.RawMessage, error) {
	t.Helper()
	var given any = params
	if len(params) == 1 {
		if m, ok := params[0].(named); ok {
			given = m
		}
	}
	raw, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	res, err := api.Call(ctx, n, method, raw)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	return out, nil
}

// ask gives a command that must succeed, and reads its result.
func ask[T any](t *testing.T, n *node.Node, method string, params ...any) (out T) {
	t.Helper()
	res, err := try(t, n, method, params...)
	if err == nil {
		err = json.Unmarshal(res, &out)
	}
	if err != nil {
		t.Fatalf("%s %v: %v", method, params, err)
	}
	return out
}

// state is all that a refused command must leave as it was.
type state struct{ invoices, pays, attempts, channels, outputs string }

// peersTerms are what a peer says of its side of a channel: it says so when it likes.
var peersTerms = regexp.MustCompile(`,?"remote":\{"htlc_minimum_msat":[^}]*\}`)

func stateOf(t *testing.T, n *node.Node) state {
	t.Helper()
	list := func(method string) string {
		return peersTerms.ReplaceAllString(string(ask[json.RawMessage](t, n, method)), "")
	}
	return state{list("listinvoices"), list("listpays"), list("listsendpays"), list("listpeerchannels"), list("listfunds")}
}

// refused gives a command that must be refused with the code, and must change
// nothing.
func refused(t *testing.T, n *node.Node, want command.Code, method string, params ...any) *command.Error {
	t.Helper()
	until(t, "no HTLC is on its way in or out", func() bool {
		for _, c := range channels(t, n) {
			for _, h := range c.HTLCs {
				if !strings.HasSuffix(h.State, "_ADD_ACK_REVOCATION") {
					return false
				}
			}
		}
		return true
	})
	before := stateOf(t, n)
	res, err := try(t, n, method, params...)
	var e *command.Error
	if !errors.As(err, &e) {
		t.Errorf("%s %v: gave %s, want code %d", method, params, res, want)
		return &command.Error{}
	}
	if e.Code != want || e.Message == "" {
		t.Errorf("%s %v: code %d (%s), want %d", method, params, e.Code, e.Message, want)
	}
	c, _ := api.Find(method)
	if e.Code != command.InvalidParams && !slices.Contains(c.Errors, e.Code) {
		t.Errorf("%s: code %d is not on its page", method, e.Code)
	}
	if after := stateOf(t, n); after != before {
		t.Errorf("%s %v was refused and changed\n%+v\nto\n%+v", method, params, before, after)
	}
	return e
}

// idle waits until no HTLC is left in the channels of any node.
func (w *network) idle(t *testing.T) {
	t.Helper()
	for _, n := range []*node.Node{w.alice, w.carol, w.bob} {
		until(t, "no HTLC is left", func() bool {
			for _, c := range channels(t, n) {
				if len(c.HTLCs) > 0 {
					return false
				}
			}
			return true
		})
	}
}

// What the tests read of results.
type (
	fundsResult struct {
		Outputs []struct {
			Amount   amount.MilliSatoshi `json:"amount_msat"`
			Status   string
			Reserved bool
		}
		Channels []struct {
			PeerID string              `json:"peer_id"`
			Ours   amount.MilliSatoshi `json:"our_amount_msat"`
			Total  amount.MilliSatoshi `json:"amount_msat"`
		}
	}
	peersResult struct {
		Peers []struct {
			ID        string
			Connected bool
			Channels  int `json:"num_channels"`
		}
	}
	channelResult struct {
		PeerID      string `json:"peer_id"`
		ID          string `json:"channel_id"`
		SCID        string `json:"short_channel_id"`
		Alias       struct{ Local, Remote string }
		Private     bool
		Status      []string
		Type        struct{ Bits []int } `json:"channel_type"`
		FundingTxid string               `json:"funding_txid"`
		Opener      string
		State       string
		Connected   bool                `json:"peer_connected"`
		ToUs        amount.MilliSatoshi `json:"to_us_msat"`
		Total       amount.MilliSatoshi `json:"total_msat"`
		HTLCs       []struct{ State string }
	}
	edge struct {
		Source, Destination string
		SCID                string              `json:"short_channel_id"`
		Amount              amount.MilliSatoshi `json:"amount_msat"`
		Active, Public      bool
	}
	graphResult   struct{ Channels []edge }
	invoiceResult struct {
		Label, Bolt11, Status, Description string
		PaymentHash                        string              `json:"payment_hash"`
		PaymentSecret                      string              `json:"payment_secret"`
		PaymentPreimage                    string              `json:"payment_preimage"`
		Amount                             amount.MilliSatoshi `json:"amount_msat"`
		Received                           amount.MilliSatoshi `json:"amount_received_msat"`
		ExpiresAt                          uint64              `json:"expires_at"`
		ExpiryTime                         uint64              `json:"expiry_time"`
		Warning                            string              `json:"warning_capacity"`
	}
	invoicesResult struct{ Invoices []invoiceResult }
	payResult      struct {
		Preimage    string              `json:"payment_preimage"`
		PaymentHash string              `json:"payment_hash"`
		Amount      amount.MilliSatoshi `json:"amount_msat"`
		Sent        amount.MilliSatoshi `json:"amount_sent_msat"`
		Destination string
		Status      string
		CreatedAt   uint64 `json:"created_at"`
	}
	paysResult struct {
		Pays []struct {
			Status, Bolt11, Label, Preimage string
			Sent                            amount.MilliSatoshi `json:"amount_sent_msat"`
		}
	}
)

func channels(t *testing.T, n *node.Node, params ...any) []channelResult {
	t.Helper()
	return ask[struct{ Channels []channelResult }](t, n, "listpeerchannels", params...).Channels
}

func invoices(t *testing.T, n *node.Node, params ...any) []invoiceResult {
	t.Helper()
	return ask[invoicesResult](t, n, "listinvoices", params...).Invoices
}

func sum256(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// foreign makes an invoice of a node that is not in the network.
func foreign(t *testing.T, change func(inv *bolt11.Invoice)) string {
	t.Helper()
	key, public := btcec.PrivKeyFromBytes([]byte{31: 77})
	text, asked := "one coffee", amount.MilliSatoshi(1000)
	inv := &bolt11.Invoice{
		Network: bolt11.Regtest, Amount: &asked, Timestamp: uint64(time.Now().Unix()), PaymentHash: wire.PaymentHash{7},
		PaymentSecret: [32]byte{8}, Description: &text, Expiry: 3600, MinFinalCLTVExpiryDelta: 18,
		Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret),
	}
	change(inv)
	s, err := inv.Encode(bolt11.Signer{ID: wire.PointOf(public), Sign: func(hash [32]byte) (out [65]byte, err error) {
		compact := ecdsa.SignCompact(key, hash[:], true)
		copy(out[:], compact[1:])
		out[64] = (compact[0] - 27) & 3
		return out, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// secret is a preimage in hexadecimal.
func secret(b byte) string { return fmt.Sprintf("%064x", b) }

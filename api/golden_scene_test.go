package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// scene keeps what is asked of the three nodes of a line, and what they answer.
type scene struct {
	*testing.T
	*network
	files map[string][]call
}

// given are parameters as the file has them: by name when they are one named.
func given(params []any) json.RawMessage {
	if len(params) == 1 {
		if m, ok := params[0].(named); ok {
			return masked(m)
		}
	}
	if params == nil {
		params = []any{}
	}
	return masked(params)
}

// right gives a call that must succeed, and keeps it.
func (s *scene) right(on *node.Node, method string, params ...any) json.RawMessage {
	s.Helper()
	res, err := try(s.T, on, method, params...)
	if err != nil {
		s.Fatalf("%s %v: %v", method, params, err)
	}
	var plain any
	d := json.NewDecoder(bytes.NewReader(res))
	d.UseNumber()
	if err := d.Decode(&plain); err != nil {
		s.Fatal(err)
	}
	s.files[method] = append(s.files[method], call{What: "as asked", Params: given(params), Result: masked(plain)})
	return res
}

// wrong gives a call that the command itself must refuse with the code, and keeps it.
func (s *scene) wrong(on *node.Node, code command.Code, method string, params ...any) {
	s.Helper()
	res, err := try(s.T, on, method, params...)
	var e *command.Error
	if !errors.As(err, &e) || e.Code != code {
		s.Errorf("%s %v: gave %s %v, want code %d", method, params, res, err, code)
		return
	}
	if c, _ := api.Find(method); code != command.InvalidParams && !slices.Contains(c.Errors, code) {
		s.Errorf("%s: code %d is not on its page", method, code)
	}
	kept := &command.Error{Code: e.Code, Message: string(maskText([]byte(e.Message)))}
	if e.Data != nil {
		kept.Data = masked(e.Data)
	}
	s.files[method] = append(s.files[method], call{What: "refused", Params: given(params), Error: kept})
}

// result reads a result.
func result[T any](s *scene, res json.RawMessage) (out T) {
	s.Helper()
	if err := json.Unmarshal(res, &out); err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *scene) play() {
	s.playInvoices()
	s.playHeld()
	s.playPayments()
	s.playRoutes()
	s.playChannels()
	s.playCoins()
	s.playBackups()
	s.playRunes()
	s.playEvents()
	s.playNode()
	s.playSteps()
	s.playAssets()
	s.playEnd()
}

const nowhere = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"

func (s *scene) playInvoices() {
	bob := s.bob
	s.right(bob, "invoice", 2000, "tea", "two cups", 3600, nil, strings.Repeat("01", 32))
	s.wrong(bob, command.InvoiceLabelExists, "invoice", 2000, "tea", "two cups")
	s.wrong(bob, command.InvoicePreimageExists, "invoice", 2000, "more tea", "two cups", 3600, nil, strings.Repeat("01", 32))
	s.right(bob, "listinvoices", "tea")
	s.right(bob, "listinvoices", "coffee")
	s.right(bob, "searchinvoices", "cups")
	s.right(bob, "wait", "invoices", "created", 0)
	s.wrong(bob, command.Failed, "waitinvoice", "coffee")
	s.wrong(bob, command.InvoiceWaitTimedOut, "waitinvoice", "tea", 0)
	s.wrong(bob, command.InvoiceWaitTimedOut, "waitanyinvoice", 0, 0)
	s.wrong(bob, command.InvoiceNotFound, "delinvoice", "coffee", "unpaid")
	s.wrong(bob, command.InvoiceStatusUnexpected, "delinvoice", "tea", "paid")
	s.right(bob, "delinvoice", "tea", "unpaid", true)
	s.wrong(bob, command.InvoiceNoDescription, "delinvoice", "tea", "unpaid", true)
	s.right(bob, "delinvoice", "tea", "unpaid")

	draft := func(b byte) string {
		return foreign(s.T, func(inv *bolt11.Invoice) {
			if err := inv.PaymentHash.UnmarshalText([]byte(hashOf(b))); err != nil {
				s.Fatal(err)
			}
		})
	}
	s.right(bob, "signinvoice", draft(1))
	s.right(bob, "createinvoice", draft(1), "mug", secret(1))
	s.wrong(bob, command.InvoiceLabelExists, "createinvoice", draft(12), "mug", secret(12))
	s.wrong(bob, command.InvoicePreimageExists, "createinvoice", draft(1), "jug", secret(1))
	s.wrong(bob, command.InvalidParams, "createinvoice", draft(12), "jug", secret(13))

	s.right(bob, "autoclean-status")
	s.right(bob, "autoclean-once", "expiredinvoices", 60)
	s.right(bob, "delexpiredinvoice")
}

func (s *scene) playHeld() {
	bob := s.bob
	unpaid := hashOf(7)
	s.right(bob, "holdinvoice", unpaid, 1000, "held", "a deposit")
	s.wrong(bob, command.InvoicePreimageExists, "holdinvoice", unpaid, 1000, "held again", "a deposit")
	s.wrong(bob, command.InvoiceLabelExists, "holdinvoice", hashOf(8), 1000, "held", "a deposit")
	s.wrong(bob, command.InvoiceStatusUnexpected, "settleholdinvoice", secret(7))
	s.right(bob, "listholdinvoices", unpaid)
	s.right(bob, "cancelholdinvoice", unpaid)
	s.wrong(bob, command.InvoiceNotFound, "cancelholdinvoice", hashOf(9))
	s.wrong(bob, command.InvoiceExpiredDuring, "waitinvoice", "held", 0)

	made := ask[invoiceResult](s.T, bob, "holdinvoice", hashOf(2), 7000, "coat", "one coat")
	end := paying(s.T, s.alice, made.Bolt11)
	accepted(s.T, bob, hashOf(2))
	s.right(bob, "listholdinvoices", hashOf(2))
	s.wrong(bob, command.InvoiceNotFound, "settleholdinvoice", secret(9))
	s.right(bob, "settleholdinvoice", secret(2))
	if err := <-end; err != nil {
		s.Fatal(err)
	}
	s.wrong(bob, command.InvoiceStatusUnexpected, "cancelholdinvoice", hashOf(2))
	s.idle(s.T)
}

func (s *scene) playPayments() {
	alice, bob := s.alice, s.bob
	bill := func(label string, preimage byte) invoiceResult {
		s.Helper()
		return ask[invoiceResult](s.T, bob, "invoice", 25_000, label, "one "+label, nil, nil, secret(preimage))
	}
	cake, pie := bill("cake", 3), bill("pie", 4)
	s.right(alice, "decode", cake.Bolt11)
	s.right(alice, "decodepay", cake.Bolt11)
	s.wrong(alice, command.InvalidParams, "decode", corrupted(cake.Bolt11))
	s.right(alice, "preapproveinvoice", cake.Bolt11)
	s.wrong(alice, command.InvalidParams, "preapproveinvoice", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")
	s.wrong(bob, command.InvoiceStatusUnexpected, "receipt", "cake")
	s.wrong(alice, command.PayNoSuchPayment, "receipt", cake.Bolt11)
	s.wrong(alice, command.InvoiceNotFound, "receipt", "cake")

	s.right(alice, "pay", cake.Bolt11)
	s.idle(s.T)
	s.right(alice, "pay", cake.Bolt11) // is paid once
	s.right(alice, "listpays", cake.Bolt11)
	s.right(alice, "listsendpays", cake.Bolt11)
	s.right(alice, "paystatus", cake.Bolt11)
	s.right(bob, "listinvoices", "cake")
	s.right(bob, "waitinvoice", "cake")
	s.right(bob, "waitanyinvoice", 1)
	s.right(alice, "receipt", cake.Bolt11)
	s.right(bob, "receipt", "cake")
	s.right(s.carol, "checkreceipt", cake.Bolt11, secret(3))
	s.right(s.carol, "checkreceipt", cake.Bolt11, secret(9))

	s.right(alice, "xpay", pie.Bolt11, nil, nil, nil, nil, nil, nil, nil, "breakfast")
	s.right(alice, "keysend", named{"destination": bob.ID(), "amount_msat": 10_000, "label": "a gift"})
	sent := result[payResult](s, s.right(alice, "xkeysend", bob.ID(), 3000, "another"))
	s.idle(s.T)
	s.right(alice, "delpay", hashOfPreimage(s.T, sent.Preimage), "complete")
	s.wrong(alice, command.PayNoSuchPayment, "delpay", hashOf(9), "complete")
	s.wrong(alice, command.PayStatusUnexpected, "delpay", cake.PaymentHash, "failed")
	s.right(alice, "traces", cake.PaymentHash, nil, 1)

	old := foreign(s.T, func(inv *bolt11.Invoice) { inv.Timestamp, inv.Expiry = 1_600_000_000, 60 })
	far := foreign(s.T, func(inv *bolt11.Invoice) { inv.PaymentHash[0] = 9 })
	dear := bill("dear", 5)
	for method, invoice := range map[string]string{"pay": "bolt11", "xpay": "invstring"} {
		s.wrong(alice, command.PayInvoiceExpired, method, old)
		s.wrong(alice, command.PayRouteNotFound, method, far)
		s.wrong(alice, command.PayRouteTooExpensive, method, named{invoice: dear.Bolt11, "maxfee": 0})
		s.wrong(alice, command.InvalidParams, method, named{invoice: dear.Bolt11, "partial_msat": 25_001})
		s.wrong(alice, command.PayInvoiceRequestWrong, method, named{invoice: dear.Bolt11, "localinvreqid": hashOf(9)})
	}
	s.wrong(alice, command.PayRouteNotFound, "keysend", nowhere, 1000)
	s.wrong(alice, command.PayRouteNotFound, "xkeysend", nowhere, 1000)
}

func (s *scene) playRoutes() {
	alice, bob := s.alice, s.bob
	inv := ask[invoiceResult](s.T, bob, "invoice", 7000, "route", "by hand", nil, nil, secret(6))
	found := result[struct{ Route []map[string]any }](s, s.right(alice, "getroute", bob.ID(), 7000, 1, 50))
	s.wrong(alice, command.PayRouteNotFound, "getroute", bob.ID(), "2000000sat", 1)
	s.right(alice, "paycost", inv.Bolt11)
	s.wrong(alice, command.InvalidParams, "paycost", named{"bolt11": inv.Bolt11, "amount_units": 1})
	s.wrong(alice, command.PayRouteNotFound, "paycost", named{"bolt11": inv.Bolt11, "exclude": []any{s.carol.ID()}})
	s.right(alice, "getroutes", alice.ID(), bob.ID(), 1000, []any{}, 3000, 18)
	s.right(alice, "getroutes", alice.ID(), bob.ID(), 1000, []any{"auto.localchans", "auto.sourcefree"}, 2000, 18)
	s.wrong(alice, command.PayRouteNotFound, "getroutes", alice.ID(), nowhere, 1000, []any{}, 2000, 18)
	s.wrong(alice, command.PayRouteTooExpensive, "getroutes", alice.ID(), bob.ID(), 1000, []any{}, 0, 18)
	s.wrong(alice, command.PayInsufficientFunds, "getroutes", alice.ID(), bob.ID(), "2000000sat", []any{"auto.localchans"}, 2000, 18)

	s.right(alice, "sendpay", named{"route": found.Route, "payment_hash": inv.PaymentHash, "payment_secret": inv.PaymentSecret, "bolt11": inv.Bolt11})
	s.wrong(alice, command.PayInvoiceRequestWrong, "sendpay", named{"route": found.Route, "payment_hash": hashOf(9), "localinvreqid": hashOf(9)})
	s.right(alice, "waitsendpay", inv.PaymentHash)
	s.right(alice, "sendpay", named{"route": found.Route, "payment_hash": hashOf(9), "payment_secret": hashOf(9)})
	s.wrong(alice, command.PayDestinationFailed, "waitsendpay", hashOf(9))
	s.wrong(alice, command.PayNoSuchPayment, "waitsendpay", hashOf(11))
	s.idle(s.T)
	found.Route[0]["channel"] = "1x1x1"
	s.wrong(alice, command.PayTryOtherRoute, "sendpay", named{"route": found.Route, "payment_hash": hashOf(10), "payment_secret": hashOf(10)})
	s.wrong(alice, command.PayNoSuchPayment, "waitsendpay", hashOf(10))
	s.right(alice, "listpays", named{"status": "failed"})
	s.right(alice, "listsendpays", named{"payment_hash": hashOf(9)})
}

func (s *scene) playChannels() {
	alice, carol, bob := s.alice, s.carol, s.bob
	toBob := ""
	for _, c := range channels(s.T, carol) {
		if c.PeerID == bob.ID().String() {
			toBob = c.SCID
		}
	}
	s.right(carol, "listforwards", named{"limit": 1})
	s.right(carol, "listforwards", "local_failed")
	first := ask[struct{ Forwards []forwardResult }](s.T, carol, "listforwards").Forwards[0]
	s.wrong(carol, command.ForwardNotFound, "delforward", first.In, first.HTLC, "failed")
	s.right(carol, "delforward", first.In, first.HTLC, "settled")
	s.right(carol, "setchannel", toBob, 2000, 100, 1000, "900000sat")
	s.wrong(carol, command.InvalidParams, "setchannel", "1x2x3", 1)
	until(s.T, "both sides' terms are known", func() bool {
		type peerChannel struct {
			Updates struct{ Local, Remote json.RawMessage }
		}
		list := ask[struct{ Channels []peerChannel }](s.T, alice, "listpeerchannels", carol.ID()).Channels
		return len(list) == 1 && list[0].Updates.Local != nil && list[0].Updates.Remote != nil
	})
	s.right(alice, "listpeerchannels", carol.ID())
	s.right(alice, "listclosedchannels")
	s.right(alice, "listchannels", named{"source": bob.ID()})
	s.right(alice, "listchannels", "1x2x3")
	until(s.T, "Bob's name is known", func() bool {
		nodes := ask[struct{ Nodes []struct{ Alias string } }](s.T, alice, "listnodes", bob.ID()).Nodes
		return len(nodes) == 1 && nodes[0].Alias != ""
	})
	s.right(alice, "listnodes", bob.ID())
	s.right(alice, "listnodes", nowhere)
	s.right(alice, "getinfo")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	s.wrong(alice, command.ConnectNoKnownAddress, "connect", nowhere)
	s.wrong(alice, command.ConnectAllFailed, "connect", nowhere+"@"+nobody)
	s.wrong(alice, command.Failed, "ping", bob.ID())
	s.wrong(alice, command.Failed, "disconnect", bob.ID())
	s.wrong(alice, command.Failed, "disconnect", carol.ID()) // there is a channel
	s.wrong(alice, command.FundPeerNotConnected, "fundchannel", bob.ID(), 100_000)
	s.right(alice, "connect", at(bob))
	s.right(alice, "ping", bob.ID(), 10, 20)
	s.right(alice, "listpeers", carol.ID())
	s.right(alice, "listpeers", nowhere)
	s.right(alice, "listuptimes")
	s.right(alice, "listuptimes", nowhere)
	s.right(alice, "disconnect", bob.ID())
}

func (s *scene) playCoins() {
	alice := s.alice
	const weight = 42 + 4*(9+22)
	to := ask[struct{ Bech32 string }](s.T, s.bob, "newaddr").Bech32
	s.right(alice, "feerates", "perkw")
	s.right(alice, "newaddr", "all")
	s.right(alice, "listfunds")
	s.wrong(alice, command.FundCannotAfford, "withdraw", to, "5000000sat")
	s.wrong(alice, command.FundOutputIsDust, "withdraw", to, 10)
	s.right(alice, "withdraw", to, 100_000, "1000perkw")
	s.mine(s.T, 1)

	prepared := result[psbtResult](s, s.right(alice, "txprepare", []any{named{to: 10_000}}, "1000perkw"))
	s.wrong(alice, command.FundCannotAfford, "txprepare", []any{named{to: "5000000sat"}}, "1000perkw")
	s.wrong(alice, command.FundOutputIsDust, "txprepare", []any{named{to: 10}}, "1000perkw")
	s.right(alice, "txdiscard", prepared.Txid)
	s.wrong(alice, command.Failed, "txdiscard", prepared.Txid)
	s.wrong(alice, command.Failed, "txsend", prepared.Txid)
	s.right(alice, "txsend", ask[psbtResult](s.T, alice, "txprepare", []any{named{to: 10_000}}, "1000perkw").Txid)
	s.mine(s.T, 1)

	funded := result[psbtResult](s, s.right(alice, "fundpsbt", "100000sat", "1000perkw", weight, nil, nil, nil, nil, true))
	s.wrong(alice, command.FundCannotAfford, "fundpsbt", "5000000sat", "1000perkw", weight)
	s.wrong(alice, command.InvalidParams, "reserveinputs", funded.PSBT) // are reserved
	s.right(alice, "unreserveinputs", funded.PSBT)
	s.right(alice, "reserveinputs", funded.PSBT)
	made := addOutput(s.T, funded.PSBT, to, s.network, 100_000)
	s.wrong(alice, command.InvalidParams, "sendpsbt", made) // is not signed
	s.wrong(s.bob, command.InvalidParams, "signpsbt", made)
	signed := result[psbtResult](s, s.right(alice, "signpsbt", made))
	s.right(alice, "sendpsbt", signed.Signed)
	s.mine(s.T, 1)
	s.right(alice, "listtransactions", 1, 2)

	ask[struct{}](s.T, alice, "connect", at(s.bob))
	s.wrong(alice, command.FundCannotAfford, "fundchannel", s.bob.ID(), "5000000sat")
	s.wrong(alice, command.Failed, "fundchannel", s.bob.ID(), 1000)
	s.wrong(alice, command.FundOutputIsDust, "fundchannel", s.bob.ID(), 100)
	s.wrong(alice, command.InvalidParams, "fundchannel", named{"id": s.bob.ID(), "amount": 200_000, "channel_type": []int{12}})
	s.right(alice, "fundchannel", named{
		"id": s.bob.ID(), "amount": 200_000, "feerate": "1000perkw", "channel_type": []int{12, 22}, "reserve": 3000, "close_to": to,
	})
}

func (s *scene) playAssets() {
	alice, carol := s.alice, s.carol
	s.read(s.T)
	s.right(alice, "assetissue", "fixed", "Tea", "1000.5", true, "Drinks", "Hot", "tea.example", "Earl Grey", "main", nil, "1000perkw")
	s.wrong(alice, command.InvalidParams, "assetissue", "fixed", "Tea")
	s.wrong(carol, command.AssetsOff, "assetissue", "fixed", "Tea", "1")
	s.right(alice, "assetissue", named{"kind": "managed", "name": "Cups", "divisible": false, "ecosystem": "test"})
	s.block(s.T)
	s.right(alice, "listassets")
	s.right(alice, "listassets", 3)
	s.wrong(alice, command.AssetUnknown, "listassets", 77)
	s.wrong(carol, command.AssetsOff, "listassets")
	s.right(alice, "assetgrant", 2147483651, "7")
	s.wrong(alice, command.InvalidParams, "assetgrant", 2147483651, "0.5")
	s.wrong(s.bob, command.AssetRefused, "assetgrant", 2147483651, "1")
	to := tokenAddress(s.T, s.bob)
	s.right(alice, "assetsend", 3, "12.5", to, nil, "1000perkw")
	s.wrong(alice, command.AssetTooFew, "assetsend", 3, "1000.5", to)
	s.wrong(alice, command.AssetUnknown, "assetsend", 77, "1", to)
	s.right(alice, "assetbalance", 3)
	s.block(s.T)
	s.right(alice, "assetbalance")
	s.right(alice, "assetbalance", nil, to)
	s.wrong(alice, command.InvalidParams, "assetbalance", nil, "mine")
	s.wrong(carol, command.AssetsOff, "assetbalance")
	s.right(alice, "listassettransactions", to)
	s.wrong(alice, command.InvalidParams, "listassettransactions", "mine")
	s.right(s.bob, "invoice", named{"amount_msat": "12.5", "asset": 3, "label": "tea", "description": "a pound of tea", "preimage": secret(77)})
	s.wrong(s.bob, command.InvalidParams, "invoice", named{"amount_msat": "12.5sat", "asset": 3, "label": "more", "description": "a pound of tea"})
	s.wrong(s.bob, command.AssetUnknown, "invoice", named{"amount_msat": "12.5", "asset": 77, "label": "more", "description": "a pound of tea"})
	s.right(s.bob, "listinvoices", "tea")
	s.right(alice, "newaddr", "p2sh-segwit")
	s.right(alice, "setassetrate", 3, "1500sat", "1", 10_000, "100")
	s.right(alice, "setassetrate", named{"property_id": 3, "amount_msat": 7, "amount_units": 500, "side": "buy", "spread": 0, "max": "50", "min": "0.5", "maxdelay": 80})
	s.wrong(alice, command.InvalidParams, "setassetrate", named{"property_id": 3, "amount_msat": 1000, "max": "101"})
	s.wrong(alice, command.InvalidParams, "setassetrate", 2147483651, "1500sat")
	s.wrong(alice, command.AssetUnknown, "setassetrate", 77, "1500sat", "1", 10_000, "100")
	s.wrong(carol, command.AssetsOff, "setassetrate", 3, "1500sat", "1", 10_000, "100")
	s.right(alice, "listassetrates")
	s.right(alice, "listassetrates", 31)
	s.right(alice, "setassetrate", named{"property_id": 3, "amount_msat": 0})
	s.right(alice, "listassetchannels")
	s.right(alice, "listassetchannels", 31)
	s.right(alice, "listassetoffers")
	s.right(alice, "listassetoffers", 31)
}

func (s *scene) playBackups() {
	carol := s.carol
	path := filepath.Join(s.TempDir(), "copy")
	s.right(carol, "backup", path)
	s.wrong(carol, command.Failed, "backup", path)
	s.right(carol, "staticbackup")
	s.right(carol, "getemergencyrecoverdata")
	// Channels that are there are not put back: they would be given up.
	scb := ask[staticResult](s.T, carol, "staticbackup").SCB
	s.right(carol, "recoverchannel", scb)
	s.wrong(s.bob, command.Failed, "recoverchannel", scb)
	s.right(carol, "emergencyrecover")
	s.right(carol, "restorefrompeer")
}

func (s *scene) playRunes() {
	bob := s.bob
	free := result[runeResult](s, s.right(bob, "createrune")).Rune
	bound := result[runeResult](s, s.right(bob, "createrune", named{"rune": free, "restrictions": [][]string{{"method=pay"}, {"pnameamount_msat<10000"}}})).Rune
	s.right(bob, "createrune", named{"restrictions": "readonly"})
	s.right(bob, "checkrune", named{"rune": bound, "method": "pay", "params": named{"amount_msat": 9999}})
	s.wrong(bob, command.RuneNotPermitted, "checkrune", named{"rune": bound, "method": "pay", "params": named{"amount_msat": 10_000}})
	s.wrong(bob, command.RuneNotAuthorized, "checkrune", named{"rune": "OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA=="})
	s.right(bob, "showrunes")
	s.right(bob, "showrunes", bound)
	s.right(bob, "blacklistrune", 0, 1)
	s.wrong(bob, command.RuneBlacklisted, "checkrune", named{"rune": bound, "method": "pay"})
	s.wrong(bob, command.InvalidParams, "blacklistrune", 5, 4)
}

func (s *scene) playEvents() {
	bob := s.bob
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer web.Close()
	s.right(bob, "createwebhook", web.URL, "invoice")
	s.wrong(bob, command.InvalidParams, "createwebhook", "ftp://a")
	ask[struct{}](s.T, bob, "invoice", "any", "told", "to a webhook")
	var told deliveriesResult
	until(s.T, "it is delivered", func() bool {
		told = ask[deliveriesResult](s.T, bob, "listwebhookdeliveries", 1)
		return len(told.Deliveries) == 1 && told.Deliveries[0].Status == "delivered"
	})
	s.right(bob, "listwebhookdeliveries", 1)
	s.right(bob, "listwebhooks")
	s.right(bob, "redeliverwebhook", 1, told.Deliveries[0].Event)
	s.wrong(bob, command.InvalidParams, "redeliverwebhook", 1, 99)
	s.right(bob, "listevents", told.Deliveries[0].Event, 1)
	s.right(bob, "deletewebhook", 1)
	s.wrong(bob, command.InvalidParams, "deletewebhook", 1)
}

func (s *scene) playNode() {
	alice, bob := s.alice, s.bob
	heard, err := api.Call(command.WithClient(s.Context(), &listener{}), alice, "notifications", json.RawMessage(`{"enable":true}`))
	if err != nil {
		s.Fatal(err)
	}
	s.files["notifications"] = append(s.files["notifications"], call{What: "as asked", Params: given([]any{named{"enable": true}}), Result: masked(heard)})
	s.wrong(alice, command.Failed, "notifications", true) // who is not at the socket
	key := []string{"shop", "name"}
	s.right(alice, "datastore", named{"key": key, "string": "Tea & Co"})
	s.wrong(alice, command.DataExists, "datastore", named{"key": key, "string": "Tea & Co"})
	s.wrong(alice, command.DataNotFound, "datastore", named{"key": "other", "string": "x", "mode": "must-replace"})
	s.wrong(alice, command.DataWrongGeneration, "datastore", named{"key": key, "string": "x", "mode": "must-replace", "generation": 7})
	s.wrong(alice, command.DataHasChildren, "datastore", "shop", "x")
	s.wrong(alice, command.DataParentHasValue, "datastore", append(slices.Clone(key), "low"), "x")
	s.right(alice, "listdatastore", key)
	s.right(alice, "listdatastore", "other")
	s.wrong(alice, command.DataDelNotFound, "deldatastore", "other")
	s.wrong(alice, command.DataDelGeneration, "deldatastore", key, 7)
	s.right(alice, "deldatastore", key)

	s.right(alice, "listconfigs", "cltv-delta")
	s.wrong(alice, command.InvalidParams, "listconfigs", "dream")
	zbase := result[struct{ ZBase string }](s, s.right(alice, "signmessage", "this is my node")).ZBase
	s.right(alice, "checkmessage", named{"message": "this is my node", "zbase": zbase})
	s.wrong(alice, command.InvalidParams, "checkmessage", "this is my node", "y")
	s.wrong(alice, command.SignerUnknown, "checkmessage", "this is another's node", zbase)
	s.right(alice, "check", "invoice", 1000, "a", "b")
	s.wrong(alice, command.UnknownMethod, "check", "dream")
	s.right(alice, "log")
	s.wrong(alice, command.InvalidParams, "log", "loud")
	s.right(alice, "getlog", "broken")
	s.right(alice, "listmetrics")
	s.right(alice, "listsqlschemas", "invoices")
	s.wrong(alice, command.InvalidParams, "listsqlschemas", "dreams")
	s.right(bob, "sql", "SELECT label, status FROM invoices ORDER BY created_index")
	s.wrong(bob, command.Failed, "sql", "DELETE FROM invoices")
	s.right(s.announcing(), "getinfo")
	s.right(alice, "help", "stop")
	s.wrong(alice, command.UnknownMethod, "help", "dream")
}

// announcing starts a node that tells others where it is.
func (s *scene) announcing() *node.Node {
	s.Helper()
	n, err := node.Open(s.Context(), node.Config{
		Dir: ready.Dir(s.T, s.TempDir()), Network: s.chain.Params(), Source: s.chain, Alias: "dave", Listen: "127.0.0.1:0",
		Announce: []wire.Address{{Kind: wire.AddressDNS, Host: "node.example", Port: 9735}, {Kind: wire.AddressIPv4, Host: "203.0.113.7", Port: 9735}},
		Log:      slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { n.Close() })
	return n
}

// playSteps holds a payment.
func (s *scene) playSteps() {
	alice := s.alice
	s.right(alice, "stepmode")
	s.right(alice, "stepmode", true)
	slow, over := ask[invoiceResult](s.T, s.bob, "invoice", 25_000, "slow", "one slow", nil, nil, secret(21)), make(chan struct{})
	go func() {
		defer close(over)
		ask[payResult](s.T, alice, "pay", slow.Bolt11)
	}()
	until(s.T, "a step is held", func() bool { return len(ask[stepsResult](s.T, alice, "liststeps").Steps) > 0 })
	s.right(alice, "liststeps", slow.PaymentHash)
	s.right(alice, "nextstep", 1)
	s.wrong(alice, command.Failed, "nextstep", 1)
	s.right(alice, "stepmode", false)
	<-over
	s.idle(s.T)
}

// playEnd opens and closes a channel, and stops a node.
func (s *scene) playEnd() {
	two := []any{named{"id": at(s.bob), "amount": 100_000}, named{"id": nowhere, "amount": 100_000}}
	s.wrong(s.alice, command.ConnectNoKnownAddress, "multifundchannel", two, "1000perkw", 0)
	s.right(s.alice, "multifundchannel", two, "1000perkw", 0, nil, 1)
	s.wrong(s.alice, command.InvalidParams, "close", "1x1x1")
	s.right(s.alice, "close", s.carol.ID())
	s.mine(s.T, 1)
	s.mine(s.T, 99)
	until(s.T, "the channel is closed for good", func() bool {
		return string(ask[map[string]json.RawMessage](s.T, s.alice, "listclosedchannels")["closedchannels"]) != "[]"
	})
	s.right(s.alice, "listclosedchannels")
	s.right(s.alice, "stop")
}

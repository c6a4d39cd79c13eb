package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

type (
	assetsResult struct {
		Height uint32 `json:"blockheight"`
		Assets []struct {
			ID                        uint32 `json:"property_id"`
			Name, Issuer, Total       string
			Divisible, Fixed, Managed bool
		}
		Next uint32
	}
	balancesResult struct {
		Balances []struct {
			Address  string
			Property uint32 `json:"property_id"`
			Units    uint64 `json:"amount_units"`
			Amount   string
			Sending  uint64 `json:"sending_units"`
			Frozen   bool
		}
	}
	assetSent struct {
		Txid, From, To, Amount string
		Property               uint32 `json:"property_id"`
		PaidBy                 string `json:"funding_txid"`
	}
	assetHistory struct {
		Transactions []struct {
			Txid  string
			Units uint64 `json:"amount_units"`
			Moves []struct {
				Before uint64 `json:"before_units"`
				After  uint64 `json:"after_units"`
			}
		}
		Next uint64
	}
)

// read waits until the ledgers of Alice and Bob are at the end of the chain.
func (w *network) read(t *testing.T) {
	t.Helper()
	tip, err := w.chain.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node.Node{w.alice, w.bob} {
		until(t, "the ledger has read the chain", func() bool {
			rows, _, err := n.Store().Ledger(t.Context())
			return err == nil && rows.Seen == tip && n.Synced() == tip.Height
		})
	}
}

func tokenAddress(t *testing.T, n *node.Node) string {
	t.Helper()
	return ask[map[string]string](t, n, "newaddr", "p2sh-segwit")["p2sh-segwit"]
}

// has compares what addresses of a node have of a token.
func has(t *testing.T, n *node.Node, property uint32, want ...string) {
	t.Helper()
	var got []string
	for _, b := range ask[balancesResult](t, n, "assetbalance", property).Balances {
		got = append(got, b.Amount)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Helper()
		t.Errorf("it has %v, want %v", got, want)
	}
}

func (w *network) block(t *testing.T) {
	t.Helper()
	w.mine(t, 1)
	w.read(t)
}

func TestTokensAreIssuedAndSentToTheUnit(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.fund(t, w.bob, 100_000)
	w.read(t)
	issued := ask[assetSent](t, w.alice, "assetissue", named{"kind": "fixed", "name": "Tea", "amount": "1000.5", "category": "Drinks", "url": "tea.example"})
	if issued.Property != 3 || issued.PaidBy == "" {
		t.Errorf("%+v", issued)
	}
	w.block(t)
	list := ask[assetsResult](t, w.alice, "listassets", 3)
	if len(list.Assets) != 1 || list.Assets[0].Total != "1000.5" || list.Assets[0].Issuer != issued.From || !list.Assets[0].Divisible || !list.Assets[0].Fixed {
		t.Errorf("%+v", list)
	}
	page := ask[assetsResult](t, w.alice, "listassets", named{"limit": 2})
	equal(t, "a page", fmt.Sprint(len(page.Assets), page.Next), "2 3")
	has(t, w.alice, 3, "1000.5")

	to := tokenAddress(t, w.bob)
	sent := ask[assetSent](t, w.alice, "assetsend", 3, "12.5", to)
	equal(t, "who sends to whom", [2]string{sent.From, sent.To}, [2]string{issued.From, to})
	equal(t, "a coin was there to send with", sent.PaidBy, "")
	b := ask[balancesResult](t, w.alice, "assetbalance").Balances
	if len(b) != 1 || b[0].Sending != 1_250_000_000 || b[0].Units != 100_050_000_000 {
		t.Errorf("while it is in no block: %+v", b)
	}
	// What is on its way cannot be sent again.
	ask[assetSent](t, w.alice, "assetsend", 3, "500", to)
	refused(t, w.alice, command.AssetTooFew, "assetsend", 3, "488.00000001", to)
	ask[assetSent](t, w.alice, "assetsend", 3, "487.99999999", to)
	w.block(t)
	has(t, w.alice, 3, "0.00000001")
	has(t, w.bob, 3, "1000.49999999")

	// All that there is: nothing stays, and the coin is free for payments.
	ask[assetSent](t, w.alice, "assetsend", 3, "0.00000001", to)
	back := tokenAddress(t, w.alice)
	ask[assetSent](t, w.bob, "assetsend", 3, "0.49999999", back)
	w.block(t)
	has(t, w.alice, 3, "0.49999999")
	has(t, w.bob, 3, "1000.00000001")
	equal(t, "what anybody has", ask[balancesResult](t, w.alice, "assetbalance", nil, to).Balances[0].Units, uint64(100_000_000_001))

	h := ask[assetHistory](t, w.alice, "listassettransactions", to)
	if len(h.Transactions) != 5 || h.Transactions[0].Txid != sent.Txid || h.Transactions[0].Moves[0].After != 1_250_000_000 || h.Next != 0 {
		t.Errorf("%+v", h)
	}
	first := ask[assetHistory](t, w.alice, "listassettransactions", to, nil, 2)
	rest := ask[assetHistory](t, w.alice, "listassettransactions", to, first.Next)
	equal(t, "in pages", fmt.Sprint(len(first.Transactions), len(rest.Transactions)), "2 3")
	equal(t, "the third", rest.Transactions[0].Txid, h.Transactions[2].Txid)
}

func TestAManagedTokenIsGrantedByItsIssuer(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.read(t)
	id := ask[assetSent](t, w.alice, "assetissue", named{"kind": "managed", "name": "Cups", "divisible": false, "ecosystem": "test"}).Property
	equal(t, "its number", id, uint32(2147483651))
	w.block(t)
	to := tokenAddress(t, w.bob)
	ask[assetSent](t, w.alice, "assetgrant", id, "7", to)
	ask[assetSent](t, w.alice, "assetgrant", id, "5")
	w.block(t)
	has(t, w.alice, id, "5")
	has(t, w.bob, id, "7")
	refused(t, w.alice, command.InvalidParams, "assetgrant", id, "1.5")
	refused(t, w.alice, command.InvalidParams, "assetsend", id, "0.5", to)
	refused(t, w.alice, command.AssetRefused, "assetgrant", id, "9223372036854775807")
	refused(t, w.bob, command.AssetRefused, "assetgrant", id, "1")
	refused(t, w.alice, command.AssetUnknown, "assetgrant", 77, "1")
	issuer := ask[assetsResult](t, w.alice, "listassets", id).Assets[0].Issuer
	equal(t, "it has its coin still", ask[assetSent](t, w.alice, "assetsend", named{"property_id": id, "amount": "5", "destination": to, "from": issuer}).PaidBy, "")
}

// A payment in bitcoin never takes the coin that tokens are moved with.
func TestPaymentsLeaveTokensWhereTheyCanMove(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.read(t)
	mine := ask[struct{ Bech32 string }](t, w.alice, "newaddr").Bech32
	ask[assetSent](t, w.alice, "assetissue", "fixed", "Tea", "10")
	w.block(t)
	// Tokens at an ordinary address of the wallet keep its coin apart too.
	ask[assetSent](t, w.alice, "assetsend", 3, "4", mine)
	w.block(t)
	type funds struct {
		Outputs []struct {
			Txid   string
			Output uint32
			Apart  bool `json:"kept_for_tokens"`
		}
	}
	apart := func() (names []string) {
		for _, o := range ask[funds](t, w.alice, "listfunds").Outputs {
			if o.Apart {
				names = append(names, fmt.Sprintf("%s:%d", o.Txid, o.Output))
			}
		}
		return names
	}
	var kept []string
	until(t, "two coins are kept", func() bool { kept = apart(); return len(kept) == 2 })
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	for _, coin := range kept {
		refused(t, w.alice, command.Failed, "withdraw", named{"destination": to, "satoshi": "all", "utxos": []string{coin}})
		refused(t, w.alice, command.Failed, "txprepare", named{"outputs": []any{named{to: "all"}}, "utxos": []string{coin}})
	}
	ask[struct{}](t, w.alice, "withdraw", to, "all")
	equal(t, "after all was paid out", fmt.Sprint(apart()), fmt.Sprint(kept))
	refused(t, w.alice, command.FundCannotAfford, "withdraw", to, "all")
	refused(t, w.alice, command.FundCannotAfford, "txprepare", []any{named{to: "all"}})
	refused(t, w.alice, command.FundCannotAfford, "fundpsbt", "all", "1000perkw", 200)
	refused(t, w.alice, command.FundCannotAfford, "assetsend", 3, "1", tokenAddress(t, w.bob)) // nothing pays its fee
	w.fund(t, w.alice, 50_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetsend", 3, "6", tokenAddress(t, w.bob))
	w.block(t)
	has(t, w.alice, 3, "4")
	has(t, w.bob, 3, "6")
}

func TestASendThatAReorgUndidIsThereAgainWithItsBlock(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", "fixed", "Tea", "10")
	w.block(t)
	to := tokenAddress(t, w.bob)
	ask[assetSent](t, w.alice, "assetsend", 3, "4", to)
	w.block(t)
	has(t, w.bob, 3, "4")
	if err := w.chain.Reorg(2); err != nil {
		t.Fatal(err)
	}
	w.read(t)
	has(t, w.bob, 3)
	equal(t, "the token", len(ask[assetsResult](t, w.alice, "listassets", named{"start": 3}).Assets), 0)
	until(t, "all are in the mempool again", func() bool { return w.chain.Waiting() == 3 })
	w.block(t)
	has(t, w.alice, 3, "6")
	has(t, w.bob, 3, "4")

	// A node that was away reads what it missed.
	dir := w.alice.Dir()
	ask[assetSent](t, w.alice, "assetsend", 3, "1", to)
	if err := w.alice.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.chain.Mine(1, nil); err != nil {
		t.Fatal(err)
	}
	again, err := node.Open(context.Background(), node.Config{
		Dir: dir, Network: w.chain.Params(), Source: w.chain, Assets: tokens.Wish{On: true}, Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	w.alice = again
	w.read(t)
	has(t, w.alice, 3, "5")
	has(t, w.bob, 3, "5")
}

func TestWhatTheRulesWouldRefuseIsNotSent(t *testing.T) {
	race.Like(t, TestPaying)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.read(t)
	to := tokenAddress(t, w.bob)
	ask[assetSent](t, w.alice, "assetissue", "fixed", "Tea", "10", false)
	w.block(t)
	for name, c := range map[string]struct {
		code   command.Code
		method string
		params []any
	}{
		"more than there is":       {command.AssetTooFew, "assetsend", []any{3, "11", to}},
		"none":                     {command.InvalidParams, "assetsend", []any{3, "0", to}},
		"a part of a unit":         {command.InvalidParams, "assetsend", []any{3, "1.5", to}},
		"words":                    {command.InvalidParams, "assetsend", []any{3, "many", to}},
		"beyond all":               {command.InvalidParams, "assetsend", []any{3, "9223372036854775808", to}},
		"no such token":            {command.AssetUnknown, "assetsend", []any{4, "1", to}},
		"bitcoin":                  {command.AssetUnknown, "assetsend", []any{0, "1", to}},
		"to nobody":                {command.InvalidParams, "assetsend", []any{3, "1", "mine"}},
		"to another network":       {command.InvalidParams, "assetsend", []any{3, "1", "3F2pXMKZJ2LGdbRuyZ4rhkPu6AU2eXiEBD"}},
		"from somebody":            {command.InvalidParams, "assetsend", []any{3, "1", to, to}},
		"from where none is":       {command.AssetRefused, "assetsend", []any{3, "1", to, tokenAddress(t, w.alice)}},
		"too low a feerate":        {command.InvalidParams, "assetsend", []any{3, "1", to, nil, "1perkw"}},
		"a kind of its own":        {command.InvalidParams, "assetissue", []any{"free", "Tea", "1"}},
		"a fixed one without any":  {command.InvalidParams, "assetissue", []any{"fixed", "Tea"}},
		"a managed one with some":  {command.InvalidParams, "assetissue", []any{"managed", "Tea", "1"}},
		"no name":                  {command.InvalidParams, "assetissue", []any{"fixed", "", "1"}},
		"an ecosystem of its own":  {command.InvalidParams, "assetissue", []any{named{"kind": "fixed", "name": "Tea", "amount": "1", "ecosystem": "mine"}}},
		"half an indivisible unit": {command.InvalidParams, "assetissue", []any{"fixed", "Tea", "0.5", false}},
		"a balance of nobody":      {command.InvalidParams, "assetbalance", []any{nil, "mine"}},
		"a history of nobody":      {command.InvalidParams, "listassettransactions", []any{"mine"}},
		"a list of no token":       {command.AssetUnknown, "listassets", []any{77}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.alice, c.code, c.method, c.params...) })
	}
	refused(t, w.carol, command.AssetsOff, "assetissue", "fixed", "Tea", "10")
	refused(t, w.carol, command.AssetsOff, "assetsend", 3, "1", to)
	refused(t, w.carol, command.AssetsOff, "assetgrant", 3, "1")
	for _, method := range []string{"listassets", "assetbalance"} {
		refused(t, w.carol, command.AssetsOff, method)
	}
	refused(t, w.carol, command.AssetsOff, "listassettransactions", to)
	equal(t, "nothing was sent", w.chain.Waiting(), 0)
	// An address at which another's token is frozen.
	mine := tokenAddress(t, w.alice)
	frozen := w.freeze(t, scriptOf(t, w, mine))
	w.read(t)
	b := ask[balancesResult](t, w.alice, "assetbalance", frozen).Balances
	if len(b) != 1 || !b[0].Frozen || b[0].Amount != "5" {
		t.Fatalf("%+v", b)
	}
	refused(t, w.alice, command.AssetRefused, "assetsend", frozen, "1", to)
	refused(t, w.alice, command.AssetRefused, "assetgrant", frozen, "1")
}

// issuer makes tokens, and anybody may be it: its address is of a script that is always true.
type issuer struct {
	w            *network
	open, redeem []byte
	script       []byte
	at           btcwire.OutPoint // its coin
	value        amount.Satoshi
}

func (w *network) issuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{w: w, open: []byte{txscript.OP_TRUE}, value: 100_000}
	hash := sha256.Sum256(i.open)
	i.redeem = bolt11.Fallback{Version: 0, Program: hash[:]}.Script()
	i.script = bolt11.Fallback{Version: bolt11.ScriptHash, Program: address.Hash160(i.redeem)}.Script()
	var err error
	if i.at.Hash, err = w.chain.Send(i.script, i.value); err != nil {
		t.Fatal(err)
	}
	w.mine(t, 1)
	return i
}

// send has the issuer send a payload, to somebody or nobody.
func (i *issuer) send(t *testing.T, payload, to []byte) {
	t.Helper()
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: i.at, SignatureScript: append([]byte{byte(len(i.redeem))}, i.redeem...), Witness: [][]byte{i.open}})
	i.value -= 2000
	tx.AddTxOut(btcwire.NewTxOut(int64(i.value), i.script)) //nolint:gosec // small
	tx.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
	if to != nil {
		i.value -= 600
		tx.TxOut[0].Value -= 600
		tx.AddTxOut(btcwire.NewTxOut(600, to))
	}
	if err := i.w.chain.Broadcast(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	i.at = btcwire.OutPoint{Hash: tx.TxHash()}
	i.w.mine(t, 1)
}

// issue makes a managed token and grants units of it.
func (i *issuer) issue(t *testing.T, id uint32, units amount.Units, holder []byte) {
	t.Helper()
	payload, err := asset.IssueManaged(false, false, asset.About{Name: "Ice"})
	if err != nil {
		t.Fatal(err)
	}
	grant, err := asset.Grant(amount.Property(id), units)
	if err != nil {
		t.Fatal(err)
	}
	i.send(t, payload, nil)
	i.send(t, grant, holder)
}

// mayFreeze enables freezing.
func (i *issuer) mayFreeze(t *testing.T, id uint32) {
	t.Helper()
	i.send(t, binary.BigEndian.AppendUint32([]byte{0, 0, 0, 71}, id), nil)
}

// freeze freezes a token at a script's address, or lets it go.
func (i *issuer) freeze(t *testing.T, id uint32, holder []byte, frozen bool) {
	t.Helper()
	kind := byte(186)
	if frozen {
		kind = 185
	}
	f, _ := bolt11.FallbackOf(holder)
	payload := binary.BigEndian.AppendUint32([]byte{0, 0, 0, kind}, id)
	payload = append(append(payload, make([]byte, 8)...), 0xc4)
	i.send(t, append(payload, f.Program...), nil)
}

// freeze has an issuer make the second token of this chain, grant 5 of it to a script, and
// freeze it there. It gives the token's number.
func (w *network) freeze(t *testing.T, holder []byte) uint32 {
	t.Helper()
	const id = 4
	i := w.issuer(t)
	i.issue(t, id, 5, holder)
	i.mayFreeze(t, id)
	i.freeze(t, id, holder, true)
	return id
}

// The bytes on the chain are those of Omni's own examples: marker, version, type, token,
// units.
func TestASendOnTheChainIsWhatOthersRead(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", "fixed", "Tea", "10")
	w.block(t)
	to := tokenAddress(t, w.bob)
	txid := ask[assetSent](t, w.alice, "assetsend", 3, "0.1", to).Txid
	var tx *btcwire.MsgTx
	block, err := w.chain.Mine(1, nil)
	if err != nil || len(block) != 1 {
		t.Fatal(err)
	}
	tip, err := w.chain.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := w.chain.Block(tip.Height)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range whole.Transactions {
		if other.TxHash().String() == txid {
			tx = other
		}
	}
	equal(t, "its payload", hex.EncodeToString(tx.TxOut[0].PkScript), "6a146f6d6e6900000000000000030000000000989680")
	last := tx.TxOut[len(tx.TxOut)-1]
	equal(t, "its receiver, the last one", hex.EncodeToString(last.PkScript), hex.EncodeToString(scriptOf(t, w, to)))
	equal(t, "what it carries", last.Value, int64(546))
}

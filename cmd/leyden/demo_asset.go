package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// What the demonstration moves of its token, in units: a hundred-millionth each.
const (
	oneToken         amount.Units   = 100_000_000
	demoIssued                      = 1000 * oneToken
	demoForCarol                    = 400 * oneToken
	demoAsked                       = 25 * oneToken / 2
	demoAssetChannel amount.Satoshi = 200_000
)

// demoAssetChannels are who opens a channel with whom, with how many tokens.
var demoAssetChannels = []struct {
	from, to string
	units    amount.Units
}{{"alice", "carol", 500 * oneToken}, {"carol", "bob", 300 * oneToken}}

// assets is the demonstration with a token: it is issued, put into channels, and paid.
func (d *demo) assets(ctx context.Context) error {
	property, err := d.openAssets(ctx)
	if err != nil {
		return err
	}
	d.token = property
	if err := d.payAsset(ctx, property); err != nil {
		return err
	}
	if d.o.close {
		return d.closeAssets(ctx, property)
	}
	return nil
}

// openAssets issues the token and opens the channels, where that has not been done.
func (d *demo) openAssets(ctx context.Context) (amount.Property, error) {
	alice, carol := d.nodes["alice"], d.nodes["carol"]
	for _, c := range demoAssetChannels {
		if _, err := d.nodes[c.from].Connect(ctx, d.nodes[c.to].ID(), d.nodes[c.to].Addr().String()); err != nil {
			return 0, err
		}
	}
	d.out.title("The token")
	for _, l := range alice.Links().All() {
		if p := l.Params().Property; p != 0 {
			d.out.row("property", strconv.FormatUint(uint64(p), 10), "it has channels already")
			return p, d.usable(ctx, p)
		}
	}
	for _, n := range []*node.Node{alice, carol} {
		if err := d.fund(ctx, n); err != nil {
			return 0, err
		}
	}
	if err := d.mineLedgers(ctx, 1); err != nil {
		return 0, err
	}
	issued, err := alice.Tokens().Issue(ctx, tokens.Issuance{
		About: asset.About{Name: "Demo Dollar", Category: "Money"}, Divisible: true, Units: demoIssued, Test: true, FeePerKw: regtest.FeePerKw,
	})
	if err != nil {
		return 0, err
	}
	property := issued.Property
	d.out.row("issued", demoIssued.Tokens(true)+" Demo Dollar, property "+strconv.FormatUint(uint64(property), 10), "by "+issued.Tx.TxHash().String())
	if err := d.mineLedgers(ctx, 1); err != nil {
		return 0, err
	}
	pending, err := carol.Wallet().NewAddress(wallet.Token)
	if err != nil {
		return 0, err
	}
	to, err := pending.Commit(ctx, carol.Store())
	if err != nil {
		return 0, err
	}
	sent, err := alice.Tokens().Send(ctx, tokens.Order{To: to.Script, Property: property, Units: demoForCarol, FeePerKw: regtest.FeePerKw})
	if err != nil {
		return 0, err
	}
	d.out.row("to carol", demoForCarol.Tokens(true)+" on-chain", "by "+sent.Tx.TxHash().String())
	if err := d.mineLedgers(ctx, 1); err != nil {
		return 0, err
	}
	d.out.title("Channels with tokens")
	for _, c := range demoAssetChannels {
		opened, err := d.nodes[c.from].OpenChannel(ctx, d.nodes[c.to].ID(), funding.Request{
			Amount: demoAssetChannel, FeePerKw: regtest.FeePerKw, Commit: regtest.FeePerKw, MinConf: 1,
			Asset: &open.Asset{Property: property, Tokens: c.units},
		})
		if err != nil {
			return 0, fmt.Errorf("%s – %s: %w", c.from, c.to, err)
		}
		d.out.row(c.from+" – "+c.to, fmt.Sprintf("%s tokens, carried by %s sat", c.units.Tokens(true), group(uint64(demoAssetChannel))), "funded by "+opened.Tx.TxHash().String())
	}
	if err := d.mineLedgers(ctx, int(open.AssetDepth)); err != nil {
		return 0, err
	}
	return property, d.usable(ctx, property)
}

// mineLedgers mines, and waits until every node's ledger has read the chain too.
func (d *demo) mineLedgers(ctx context.Context, blocks int) error {
	if err := d.mine(ctx, blocks); err != nil {
		return err
	}
	tip, err := d.chain.Tip(ctx)
	if err != nil {
		return err
	}
	return await(ctx, "the ledgers to read the chain", func() bool {
		for _, n := range d.nodes {
			if _, height, err := n.Tokens().View(ctx); err != nil || height < tip.Height {
				return false
			}
		}
		return true
	})
}

// usable waits until tokens can go all the way.
func (d *demo) usable(ctx context.Context, property amount.Property) error {
	return await(ctx, "the channels with tokens to be usable", func() bool {
		for _, c := range demoAssetChannels {
			if able := d.sendable(d.nodes[c.from], d.nodes[c.to], property); able < demoAsked {
				return false
			}
		}
		return len(d.nodes["bob"].IncomingTokens(property, nil).Hints) > 0
	})
}

// sendable is what one node can send another at once.
func (d *demo) sendable(from, to *node.Node, property amount.Property) (most amount.Units) {
	for _, l := range from.Links().All() {
		if p := l.Params(); p.Peer == to.ID() && p.Property == property {
			units, _, _ := l.Tokens()
			most = max(most, units)
		}
	}
	return most
}

// held is what a node has of the token, by the ledger and in channels, and in bitcoin.
type held struct {
	chain, channels amount.Units
	msat            amount.MilliSatoshi
}

func (h held) total() amount.Units { return h.chain + h.channels }

func (d *demo) holdings(ctx context.Context, property amount.Property) (map[string]held, error) {
	bitcoin, err := d.balances(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]held{}
	for name, n := range d.nodes {
		h := held{msat: bitcoin[name].total()}
		rows, err := n.Tokens().Holdings(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.Property == property {
				h.chain += r.Units
			}
		}
		for _, l := range n.Links().All() {
			if l.Params().Property == property {
				h.channels += l.View().TokensToLocal
			}
		}
		out[name] = h
	}
	return out, nil
}

// payAsset has Bob ask for tokens and Alice pay them, and checks every figure.
func (d *demo) payAsset(ctx context.Context, property amount.Property) error {
	bob := d.nodes["bob"]
	before, err := d.holdings(ctx, property)
	if err != nil {
		return err
	}
	d.out.title("Bob's invoice in the token")
	row, err := bob.NewInvoice(ctx, invoice.Request{
		Label: "demo-" + strconv.FormatInt(time.Now().UnixNano(), 36), Amount: amount.OrAny{Any: true}, Property: property, Units: demoAsked,
		Description: "one dinner", Expiry: 3600,
	})
	if err != nil {
		return err
	}
	d.out.line("  %s", row.Bolt11)

	d.out.title("Alice reads it")
	inv, err := obolt.Decode(row.Bolt11)
	if err != nil {
		return err
	}
	d.out.row("who", inv.Payee.String(), "recovered from the signature")
	d.out.row("how much", fmt.Sprintf("%s of property %d", inv.Units.Tokens(true), inv.Property), group(uint64(inv.Units))+" units")
	d.out.row("for what", *inv.Description, "")
	d.out.row("hash", inv.PaymentHash.String(), "")

	paid, took, err := d.watch(ctx, pay.Request{Bolt11: row.Bolt11, Invoice: &inv.Invoice, Description: *inv.Description, Property: inv.Property, Asked: inv.Units})
	if err != nil {
		return err
	}
	if sha256.Sum256(paid.Result.Preimage[:]) != inv.PaymentHash || inv.Payee != bob.ID() {
		return errors.New("the receipt is not bob's for this payment")
	}
	d.out.title("The receipt")
	d.out.row("preimage", paid.Result.Preimage.String(), "sha256 is the payment hash: checked")
	d.out.row("amount", paid.Units.Tokens(true), group(uint64(paid.Units))+" units")
	d.out.row("fee", (paid.Result.UnitsSent - paid.Units).Tokens(true), group(uint64(paid.Result.UnitsSent-paid.Units))+" units")
	d.out.row("carried by", group(uint64(paid.Result.AmountSent))+" msat", "with what Carol takes in bitcoin")
	d.out.row("took", fmt.Sprintf("%.1f ms", float64(took.Microseconds())/1000), "")

	after, err := d.holdings(ctx, property)
	if err != nil {
		return err
	}
	fee := paid.Result.UnitsSent - paid.Units
	want := map[string]int64{"alice": -int64(paid.Result.UnitsSent), "carol": int64(fee), "bob": int64(paid.Units)} //nolint:gosec // at most 2^63-1
	if err := d.tokenFigures(before, after, want); err != nil {
		return err
	}
	return d.ledgers(ctx, property, after)
}

// tokenFigures prints what each has of the token and checks by how much it has changed,
// to the unit; and that no bitcoin came or went but between them.
func (d *demo) tokenFigures(before, after map[string]held, want map[string]int64) error {
	d.out.title("Tokens, in units")
	var msat int64
	for _, name := range d.names {
		change := int64(after[name].total()) - int64(before[name].total()) //nolint:gosec // at most 2^63-1
		msat += int64(after[name].msat) - int64(before[name].msat)         //nolint:gosec // below MaxMoney
		d.out.line("  %-8s  %18s  →  %18s   %+d", name, group(uint64(before[name].total())), group(uint64(after[name].total())), change)
		if change != want[name] {
			return fmt.Errorf("%s's tokens changed by %d units, not by %d", name, change, want[name])
		}
	}
	if msat != 0 {
		return fmt.Errorf("the balances in bitcoin changed by %d msat together, not by nothing", msat)
	}
	d.out.line("  every figure adds up, those in bitcoin too")
	return nil
}

// ledgers compares what the channels say with the ledger: each funding address has all
// tokens of its channel, and all together are what was issued.
func (d *demo) ledgers(ctx context.Context, property amount.Property, have map[string]held) error {
	d.out.title("The ledger")
	var sum, locked, inChannels amount.Units
	for _, name := range d.names {
		sum += have[name].total()
		inChannels += have[name].channels
	}
	carol := d.nodes["carol"]
	v, height, err := carol.Tokens().View(ctx)
	if err != nil {
		return err
	}
	for _, l := range carol.Links().All() {
		p := l.Params()
		if p.Property != property {
			continue
		}
		address, err := carol.Tokens().FundingAddress(ctx, p)
		if err != nil {
			return err
		}
		rows, err := v.AssetHoldings(ctx, address)
		if err != nil {
			return err
		}
		var units amount.Units
		for _, r := range rows {
			if r.Property == property {
				units += r.Units
			}
		}
		if units != p.Tokens {
			return fmt.Errorf("the ledger has %d units at %s, the channel %d", units, address, p.Tokens)
		}
		locked += units
		d.out.row("channel", address, units.Tokens(true)+" at block "+strconv.FormatUint(uint64(height), 10))
	}
	total, err := v.AssetTotal(ctx, property)
	if err != nil {
		return err
	}
	if locked != inChannels || sum != total {
		return fmt.Errorf("the channels have %d units and their addresses %d; all have %d, and %d were issued", inChannels, locked, sum, total)
	}
	d.out.row("all", total.Tokens(true), "is what was issued: checked")
	return nil
}

// closeAssets closes the channels by agreement and shows the tokens on-chain.
func (d *demo) closeAssets(ctx context.Context, property amount.Property) error {
	d.out.title("Closing")
	before, err := d.holdings(ctx, property)
	if err != nil {
		return err
	}
	closing := 0
	for _, l := range d.nodes["carol"].Links().All() {
		if l.Params().Property == property {
			if err := d.nodes["carol"].CloseChannel(ctx, l.ID(), nil, regtest.FeePerKw); err != nil {
				return err
			}
			closing++
		}
	}
	if err := await(ctx, "the closing transactions", func() bool { return d.chain.Waiting() == closing }); err != nil {
		return err
	}
	if err := d.mineLedgers(ctx, 1); err != nil {
		return err
	}
	var after map[string]held
	if err := await(ctx, "the tokens to be home", func() bool {
		after, err = d.holdings(ctx, property)
		for _, name := range d.names {
			if err != nil || after[name].chain != before[name].total() {
				return false
			}
		}
		return true
	}); err != nil {
		return fmt.Errorf("%w: %+v, before %+v", err, after, before)
	}
	var sum amount.Units
	for _, name := range d.names {
		sum += after[name].chain
		d.out.row(name, after[name].chain.Tokens(true)+" on-chain, by the ledger", "all that it had: checked")
	}
	d.out.row("all", sum.Tokens(true), "")
	return nil
}

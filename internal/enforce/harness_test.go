//go:build !race

package enforce_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/keys"
)

// tester is what both *testing.T and *rapid.T are.
type tester interface {
	Helper()
	Fatalf(string, ...any)
}

const delayA, delayB = 10, 7 // blocks that a and b make the other one wait

// disk applies the rows of one channel as a store does.
type disk struct {
	rows    channel.Rows
	htlcs   map[enforce.HTLC]channel.HTLCRow
	secrets map[int]channel.SecretRow
}

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	for _, r := range rows {
		switch r := r.(type) {
		case channel.ParamsRow:
			d.rows.Params = r
		case channel.StateRow:
			d.rows.State = r
		case channel.StatusRow:
			d.rows.Status = r
		case channel.CommitmentRow:
			d.rows.Commitment = r
		case channel.SecretRow:
			d.secrets[r.Bucket] = r
		case channel.HTLCRow:
			d.htlcs[enforce.HTLC{Incoming: r.Incoming, ID: r.ID}] = r
		case channel.HTLCStateRow:
			k := enforce.HTLC{Incoming: r.Incoming, ID: r.ID}
			h := d.htlcs[k]
			h.HTLCState = r.HTLCState
			d.htlcs[k] = h
		}
	}
	return nil
}

// load gathers the rows, of HTLCs those that are not done.
func (d *disk) load() channel.Rows {
	r := d.rows
	for _, s := range d.secrets {
		r.Secrets = append(r.Secrets, s)
	}
	for _, h := range d.htlcs {
		if !h.Done {
			r.HTLCs = append(r.HTLCs, h)
		}
	}
	slices.SortFunc(r.HTLCs, func(a, b channel.HTLCRow) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(r.HTLCs, func(a, b channel.HTLCRow) int { return cmp.Compare(origin(a), origin(b)) })
	return r
}

func origin(h channel.HTLCRow) int {
	if h.Incoming {
		return 1
	}
	return 0
}

// past gathers the HTLCs that are done and stood in the peer's commitment of a
// number, as the store's query does.
func (d *disk) past(number uint64) (list []channel.HTLCRow) {
	for _, h := range d.htlcs {
		if h.Done && h.StoodIn(dance.Remote, number) {
			list = append(list, h)
		}
	}
	return list
}

// held is a commitment that a node could broadcast at some time, with its rows of
// that time.
type held struct {
	*script.Commitment
	tx   *btcwire.MsgTx
	rows channel.Rows
}

// node is one side.
type node struct {
	name    string
	ch      *channel.Channel
	signer  *keys.Channel // refuses to go back
	thief   *keys.Channel // the same keys, without a memory
	disk    *disk
	out     []wire.Message
	held    []held // by number
	decided map[uint64]bool
}

type verifier struct{}

func (verifier) Verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}

// pair is a channel that a opened to b.
type pair struct {
	t         tester
	a, b      *node
	preimages map[wire.PaymentHash]wire.Preimage
	next      uint64
	last      channel.Add
	incoming  map[channel.Ref]uint32 // expiries of what a's and b's HTLCs forward
}

var rings = func() (out [2]*keys.Ring) {
	for i := range out {
		seed, err := keys.NewSeed(bytes.NewReader(bytes.Repeat([]byte{byte(i + 1)}, 32)))
		if err != nil {
			panic(err)
		}
		r, err := keys.NewRing(seed, &chaincfg.RegressionNetParams)
		if err != nil {
			panic(err)
		}
		out[i] = r
	}
	return out
}()

func channelKeys(who int) *keys.Channel {
	k, err := rings[who].Channel(1)
	if err != nil {
		panic(err)
	}
	return k
}

// The keys of a and b: signers forget when a channel is opened.
var (
	signers = [2]*keys.Channel{channelKeys(0), channelKeys(1)}
	thieves = [2]*keys.Channel{channelKeys(0), channelKeys(1)}
)

// terms are what a test may change.
type terms struct {
	capacity     amount.Satoshi
	toA          amount.MilliSatoshi
	dustA, dustB amount.Satoshi
	tokensToA    amount.Units // of tokensOf; zero: the channel has none
}

func usual() terms { return terms{capacity: 1_000_000, toA: 600_000_000, dustA: 354, dustB: 500} }

var funding = btcwire.OutPoint{Hash: chainhash.Hash{1, 2, 3}, Index: 1}

// open makes a channel that works.
func open(t tester, terms terms) *pair {
	t.Helper()
	p := &pair{t: t, preimages: map[wire.PaymentHash]wire.Preimage{}, incoming: map[channel.Ref]uint32{}}
	var opened [2]channel.Opened
	nodes := [2]*node{}
	for i := range nodes {
		signers[i].Remember(keys.SignerRow{KeyIndex: 1})
		nodes[i] = &node{
			name: string(rune('a' + i)), signer: signers[i], thief: thieves[i], decided: map[uint64]bool{},
			disk: &disk{htlcs: map[enforce.HTLC]channel.HTLCRow{}, secrets: map[int]channel.SecretRow{}},
		}
	}
	limits := [2]channel.Limits{}
	for i := range limits {
		limits[i] = channel.Limits{
			DustLimit: terms.dustA, MaxHTLCValueInFlight: 900_000_000, ChannelReserve: 10_000, HTLCMinimum: 1,
			ToSelfDelay: delayA, MaxAcceptedHTLCs: 483,
		}
	}
	limits[1].DustLimit, limits[1].ToSelfDelay = terms.dustB, delayB
	format := script.Anchors
	if terms.tokensToA > 0 {
		format = script.Tokens
		for i := range limits {
			limits[i].MaxAcceptedHTLCs = uint16(2 + i)
			limits[i].Tokens = tally.TokenLimits{HTLCMinimum: 1, MaxInFlight: tokensOf}
		}
	}
	for i, n := range nodes {
		o := nodes[1-i]
		to := terms.toA
		if i == 1 {
			to = terms.capacity.Msat() - to
		}
		opened[i] = channel.Opened{
			Params: channel.ParamsRow{
				Channel: script.ChannelID(funding), KeyIndex: 1, LocalIsOpener: i == 0, Format: format,
				Funding: funding, Capacity: terms.capacity, MinimumDepth: 1,
				LocalKeys: n.signer.Basepoints(), RemoteKeys: o.signer.Basepoints(),
				LocalLimits: limits[i], RemoteLimits: limits[1-i], MaxDustExposure: 5_000_000,
				LocalScript: script.P2WPKH(n.signer.Basepoints().Payment),
			},
			ToLocal: to, FeePerKw: 1000, RemotePoint: o.signer.PerCommitmentPoint(0),
		}
		if format == script.Tokens {
			opened[i].Params.Property, opened[i].Params.Tokens, opened[i].Tokens = property, tokensOf, terms.tokensToA
			if i == 1 {
				opened[i].Tokens = tokensOf - terms.tokensToA
			}
		}
	}
	for i, n := range nodes {
		theirs, err := channel.New(opened[i], n.signer).TheirCommitments()
		if err != nil {
			t.Fatalf("%v", err)
		}
		if opened[1-i].Signatures, err = n.signer.SignCommitment(theirs[0]); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for i, n := range nodes {
		n.ch = channel.New(opened[i], n.signer)
	}
	p.a, p.b = nodes[0], nodes[1]
	p.take(p.a)
	p.take(p.b)
	p.a.ch.FundingDepth(42, 1)
	p.b.ch.FundingDepth(42, 1)
	p.settle()
	return p
}

func (p *pair) other(n *node) *node {
	if n == p.a {
		return p.b
	}
	return p.a
}

// take commits one outcome, and remembers the commitment that may be broadcast.
func (p *pair) take(n *node) int {
	p.t.Helper()
	pending, err := n.ch.Take(n.signer)
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	v, err := pending.Commit(context.Background(), n.disk)
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	n.out = append(n.out, v.Send...)
	if number := n.disk.rows.State.Received; uint64(len(n.held)) <= number {
		c, tx, _, err := n.ch.OurCommitment(n.signer)
		if err != nil {
			p.t.Fatalf("%s: %v", n.name, err)
		}
		n.held = append(n.held, held{Commitment: c, tx: tx})
	}
	// What is newest of the rows while this commitment is the latest.
	n.held[len(n.held)-1].rows = n.disk.load()
	return len(v.Send)
}

func (p *pair) deliver(n *node) {
	p.t.Helper()
	from := p.other(n)
	m, err := wire.Decode(wire.Encode(from.out[0]))
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	from.out = from.out[1:]
	if err := n.ch.Receive(m, verifier{}); err != nil {
		p.t.Fatalf("%s: %s: %v", n.name, wire.Name(m), err)
	}
}

// settle delivers and takes until nothing moves.
func (p *pair) settle() {
	p.t.Helper()
	for range 1000 {
		for _, n := range []*node{p.a, p.b} {
			for len(p.other(n).out) > 0 {
				p.deliver(n)
			}
		}
		if p.take(p.a)+p.take(p.b) == 0 {
			return
		}
	}
	p.t.Fatalf("the channel does not settle")
}

// add makes an HTLC with a preimage of its own.
func (p *pair) add(a amount.MilliSatoshi, cltv uint32) channel.Add {
	p.next++
	var r wire.Preimage
	binary.BigEndian.PutUint64(r[:], p.next)
	hash := wire.PaymentHash(sha256.Sum256(r[:]))
	p.preimages[hash] = r
	p.last = channel.Add{Amount: a, PaymentHash: hash, CLTVExpiry: cltv, Origin: channel.Origin{Attempt: p.next}}
	return p.last
}

// offer offers an HTLC that must be taken.
func (p *pair) offer(n *node, a amount.MilliSatoshi, cltv uint32) uint64 {
	p.t.Helper()
	id, err := n.ch.Offer(p.add(a, cltv))
	if err != nil {
		p.t.Fatalf("%s offers %v: %v", n.name, a, err)
	}
	return id
}

// fulfill settles an incoming HTLC of n.
func (p *pair) fulfill(n *node, id uint64) {
	p.t.Helper()
	h := n.disk.htlcs[enforce.HTLC{Incoming: true, ID: id}]
	if err := n.ch.Fulfill(id, p.preimages[h.PaymentHash]); err != nil {
		p.t.Fatalf("%s fulfills %d: %v", n.name, id, err)
	}
}

// chain is a best chain without what does not concern the channel. It checks
// every transaction as consensus and relay do, but for fees.
type chain struct {
	t       tester
	height  uint32
	spends  map[btcwire.OutPoint]enforce.Spend
	outputs map[btcwire.OutPoint]*btcwire.TxOut
	heights map[chainhash.Hash]uint32
	tokens  *book // nil: there are none
}

func newChain(t tester, p *pair, height uint32) *chain {
	params := p.a.disk.rows.Params
	_, pkScript := params.Format.FundingScript(p.a.signer.Basepoints().Funding, p.b.signer.Basepoints().Funding)
	return &chain{
		t: t, height: height, tokens: newBook(pkScript, params.Tokens),
		spends:  map[btcwire.OutPoint]enforce.Spend{},
		outputs: map[btcwire.OutPoint]*btcwire.TxOut{funding: btcwire.NewTxOut(int64(p.a.disk.rows.Params.Capacity), pkScript)},
		heights: map[chainhash.Hash]uint32{funding.Hash: 1},
	}
}

// taken tells whether an input of a transaction is spent already.
func (c *chain) taken(tx *btcwire.MsgTx) bool {
	return slices.ContainsFunc(tx.TxIn, func(in *btcwire.TxIn) bool {
		_, spent := c.spends[in.PreviousOutPoint]
		return spent
	})
}

// valid runs every input through the script engine and checks the locks as of the
// next block.
func (c *chain) valid(tx *btcwire.MsgTx) error {
	fetch := txscript.NewMultiPrevOutFetcher(nil)
	for _, in := range tx.TxIn {
		out := c.outputs[in.PreviousOutPoint]
		if out == nil {
			return fmt.Errorf("%s does not exist", in.PreviousOutPoint)
		}
		fetch.AddPrevOut(in.PreviousOutPoint, out)
		if age := c.height + 1 - c.heights[in.PreviousOutPoint.Hash]; in.Sequence>>31 == 0 && age < in.Sequence&0xffff {
			return fmt.Errorf("input %s is %d blocks old and wants %d", in.PreviousOutPoint, age, in.Sequence)
		}
		if tx.LockTime != 0 && tx.LockTime < 500_000_000 && tx.LockTime >= c.height+1 {
			return fmt.Errorf("locktime %d at height %d", tx.LockTime, c.height+1)
		}
	}
	hashes := txscript.NewTxSigHashes(tx, fetch)
	for i, in := range tx.TxIn {
		out := c.outputs[in.PreviousOutPoint]
		e, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, fetch)
		if err == nil {
			err = e.Execute()
		}
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	return nil
}

// confirm puts a transaction into the next block.
func (c *chain) confirm(tx *btcwire.MsgTx) {
	c.t.Helper()
	if c.taken(tx) {
		c.t.Fatalf("%s is a double spend", tx.TxHash())
	}
	if err := c.valid(tx); err != nil {
		c.t.Fatalf("%s is not valid: %v", tx.TxHash(), err)
	}
	txid := tx.TxHash()
	if c.tokens != nil {
		c.tokens.execute(tx, string(c.outputs[tx.TxIn[0].PreviousOutPoint].PkScript))
	}
	for _, in := range tx.TxIn {
		c.spends[in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: c.height + 1}
	}
	for i, out := range tx.TxOut {
		c.outputs[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] = out
	}
	c.heights[txid] = c.height + 1
}

// wallet is what swept money goes to.
var wallet = []byte{txscript.OP_0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}

// sweep makes a signed transaction of claims whose money goes to the wallet.
func sweep(t tester, s enforce.Signer, claims ...enforce.Claim) *btcwire.MsgTx {
	t.Helper()
	return sweepTo(t, s, nil, claims...)
}

// sweepTo is sweep with an address for tokens.
func sweepTo(t tester, s enforce.Signer, home []byte, claims ...enforce.Claim) *btcwire.MsgTx {
	t.Helper()
	d, err := enforce.Assemble(claims...)
	if err == nil && claims[0].Tokens > 0 && claims[0].Whole == nil {
		err = d.Carry(home)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	if d.In > d.Out && claims[0].Whole == nil {
		d.Tx.AddTxOut(btcwire.NewTxOut(int64(d.In-d.Out), wallet))
	}
	for _, in := range d.Tx.TxIn {
		if in.Sequence >= btcwire.MaxTxInSequenceNum-1 {
			t.Fatalf("%s cannot be replaced", claims[0].Kind)
		}
	}
	most := d.Weight()
	if err := d.Sign(func(wire.ChannelID) (enforce.Signer, error) { return s, nil }); err != nil {
		t.Fatalf("%v", err)
	}
	if got := weight(d.Tx); got > most || got+12*uint64(len(claims)) < most {
		t.Fatalf("%s weighs %d, at most %d was said", claims[0].Kind, got, most)
	}
	return d.Tx
}

func weight(tx *btcwire.MsgTx) uint64 {
	return uint64(3*tx.SerializeSizeStripped() + tx.SerializeSize())
}

// facts are n's at the chain's height.
func (p *pair) facts(n *node, c *chain) enforce.Facts {
	p.t.Helper()
	f := enforce.Facts{Height: c.height, Spends: c.spends, Incoming: p.incoming}
	if s, ok := c.spends[funding]; ok {
		number, revoked, err := enforce.Revoked(n.disk.load(), s.Tx)
		if err != nil {
			p.t.Fatalf("%v", err)
		}
		if revoked {
			f.Past = n.disk.past(number)
		}
	}
	return f
}

// resolve makes n's plan.
func (p *pair) resolve(n *node, c *chain) enforce.Plan {
	p.t.Helper()
	plan, err := enforce.Resolve(n.disk.load(), n.signer, p.facts(n, c), enforce.DefaultPolicy())
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return plan
}

// one is the claim of a kind; there must be exactly one.
func one(t *testing.T, plan enforce.Plan, kind enforce.ClaimKind) enforce.Claim {
	t.Helper()
	var found []enforce.Claim
	for _, c := range plan.Claims {
		if c.Kind == kind {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d claims of kind %s: %v", len(found), kind, kinds(plan))
	}
	return found[0]
}

func kinds(plan enforce.Plan) (list []string) {
	for _, c := range plan.Claims {
		list = append(list, c.Kind.String())
	}
	return list
}

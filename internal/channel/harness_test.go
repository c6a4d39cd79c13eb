//go:build !race

package channel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
)

// signer is a Signer with memory that refuses to go back. It is stricter than a
// real one: a commitment that is signed again must be the very same.
type signer struct {
	seed                                  [32]byte
	funding, revocation, payment, delayed *btcec.PrivateKey
	htlc                                  *btcec.PrivateKey
	base                                  script.Basepoints
	memory                                signerRow
	points                                map[uint64]wire.Point
	rogue                                 uint64 // from this number on secrets are of another seed; zero: never
}

type signerRow struct {
	signed, revoked uint64
	hash            [32]byte
}

func (signerRow) Table() string { return "signers" }

func newSigner(name string) *signer {
	key := func(what string) (*btcec.PrivateKey, wire.Point) {
		h := sha256.Sum256([]byte(name + what))
		k, p := btcec.PrivKeyFromBytes(h[:])
		return k, wire.PointOf(p)
	}
	s := &signer{seed: sha256.Sum256([]byte(name)), points: map[uint64]wire.Point{}}
	s.funding, s.base.Funding = key("funding")
	s.revocation, s.base.Revocation = key("revocation")
	s.payment, s.base.Payment = key("payment")
	s.delayed, s.base.DelayedPayment = key("delayed")
	s.htlc, s.base.HTLC = key("htlc")
	return s
}

func (s *signer) Basepoints() script.Basepoints { return s.base }

func (s *signer) PerCommitmentPoint(n uint64) wire.Point {
	p, ok := s.points[n]
	if !ok {
		p = script.PointOfSecret(s.secret(n))
		s.points[n] = p
	}
	return p
}

var errRefused = errors.New("the signer refuses")

func (s *signer) SignCommitment(c *script.Commitment) (Signatures, error) {
	hash := c.SigHash()
	switch c.Number {
	case s.memory.signed + 1:
	case s.memory.signed:
		if hash != s.memory.hash && s.memory.hash != [32]byte{} {
			return Signatures{}, fmt.Errorf("%w: another commitment %d", errRefused, c.Number)
		}
	default:
		return Signatures{}, fmt.Errorf("%w: commitment %d after %d", errRefused, c.Number, s.memory.signed)
	}
	s.memory.signed, s.memory.hash = c.Number, hash
	key := script.DerivePrivKey(s.htlc, wire.PointOf(s.htlc.PubKey()), c.Keys.PerCommitment)
	sigs := Signatures{Signature: script.Sign(s.funding, hash)}
	for i := range c.HTLCs {
		sigs.HTLCSignatures = append(sigs.HTLCSignatures, script.Sign(key, c.HTLCSigHash(i)))
	}
	for _, d := range c.Delays() {
		sigs.DelaySignatures = append(sigs.DelaySignatures, script.Sign(key, d.SigHash()))
	}
	return sigs, nil
}

func (s *signer) Revoke(n uint64) ([32]byte, error) {
	if n > s.memory.revoked {
		return [32]byte{}, fmt.Errorf("%w: to revoke %d after %d", errRefused, n, s.memory.revoked)
	}
	s.memory.revoked = max(s.memory.revoked, n+1)
	return s.secret(n), nil
}

func (s *signer) secret(n uint64) [32]byte {
	seed := s.seed
	if s.rogue > 0 && n >= s.rogue {
		seed[0] ^= 1
	}
	return script.PerCommitmentSecret(seed, n)
}

func (s *signer) SignClosing(tx *btcwire.MsgTx, capacity amount.Satoshi, fundingScript []byte) (wire.Signature, error) {
	return script.Sign(s.funding, script.ClosingSigHash(tx, fundingScript, capacity)), nil
}

func (s *signer) SignOurs(c *script.Commitment) (wire.Signature, error) {
	if c.Number < s.memory.revoked {
		return wire.Signature{}, fmt.Errorf("%w: commitment %d is revoked", errRefused, c.Number)
	}
	return script.Sign(s.funding, c.SigHash()), nil
}

func (s *signer) Memory() durable.Row { return s.memory }

// verifier checks signatures one after the other.
type verifier struct{}

func (verifier) Verify(checks []Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}

// disk applies rows as a store does.
type disk struct {
	rows        Rows
	memory      signerRow
	htlcs       map[htlcKey]HTLCRow
	secrets     map[int]SecretRow
	settlements map[uint64]SettlementRow
	events      []durable.Event
	writes      int
}

type htlcKey struct {
	incoming bool
	id       uint64
}

func newDisk() *disk {
	return &disk{htlcs: map[htlcKey]HTLCRow{}, secrets: map[int]SecretRow{}, settlements: map[uint64]SettlementRow{}}
}

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	d.writes++
	for _, r := range rows {
		switch r := r.(type) {
		case ParamsRow:
			d.rows.Params = r
		case StateRow:
			d.rows.State = r
		case StatusRow:
			d.rows.Status = r
		case CommitmentRow:
			d.rows.Commitment = r
		case SecretRow:
			d.secrets[r.Bucket] = r
		case HTLCRow:
			k := htlcKey{r.Incoming, r.ID}
			if _, exists := d.htlcs[k]; exists {
				return fmt.Errorf("HTLC %v inserted twice", k)
			}
			d.htlcs[k] = r
		case HTLCStateRow:
			k := htlcKey{r.Incoming, r.ID}
			h, exists := d.htlcs[k]
			if !exists || h.Done {
				return fmt.Errorf("HTLC %v changed though it is not there", k)
			}
			h.HTLCState = r.HTLCState
			if h.Done {
				h.Onion, h.PathKey = nil, nil
			}
			d.htlcs[k] = h
		case SettlementRow:
			if _, exists := d.settlements[r.HTLC.ID]; exists {
				return fmt.Errorf("HTLC %d settled twice", r.HTLC.ID)
			}
			d.settlements[r.HTLC.ID] = r
		case durable.Event:
			d.events = append(d.events, r)
		case signerRow:
			d.memory = r
		default:
			return fmt.Errorf("unknown row %T", r)
		}
	}
	return nil
}

// load gathers the rows as a store's query does, in no order.
func (d *disk) load() Rows {
	r := d.rows
	for _, s := range d.secrets {
		r.Secrets = append(r.Secrets, s)
	}
	for _, h := range d.htlcs {
		if !h.Done {
			r.HTLCs = append(r.HTLCs, h)
		}
	}
	return r
}

// durablePart is what must survive: the machine without stage 0.
func durablePart(c *Channel) any {
	type part struct {
		params   ParamsRow
		status   StatusRow
		steps    dance.Steps
		fees     dance.Feerates
		htlcs    [2][]HTLCRow
		state    StateRow
		points   [2]wire.Point
		secrets  *script.Secrets
		fundings []funding
		name     string
	}
	p := part{
		params: c.params, status: c.status, steps: c.steps, fees: c.fees, state: c.stateRow(),
		points: c.points, secrets: c.secrets, fundings: c.fundings, name: c.state,
	}
	p.fees[dance.Proposed] = 0
	c.each(func(h *htlc) {
		if h.Added != (dance.Numbers{}) {
			p.htlcs[h.by()] = append(p.htlcs[h.by()], h.HTLCRow)
		}
	})
	return p
}

// node is one side with its disk and what is on its way to the other side.
type node struct {
	name     string
	ch       *Channel
	signer   *signer
	disk     *disk
	out      []wire.Message
	events   []Event
	tx       []*btcwire.MsgTx
	cut      bool  // asked to disconnect
	violated error // the last violation
	decided  map[uint64]removal
}

type pair struct {
	t         tester
	a, b      *node
	preimages map[wire.PaymentHash]wire.Preimage
	connected bool
	simple    bool // option_simple_close is negotiated
	engine    bool // run every transaction that could be broadcast
	ran       map[chainhash.Hash]bool
	trace     func(from *node, m wire.Message)
	next      uint64
	tokensToA amount.Units // at the start
}

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// terms are what a test may change about the channel.
type terms struct {
	capacity amount.Satoshi
	toA      amount.MilliSatoshi // the opener's balance at the start
	feePerKw uint32
	a, b     Limits
	exposure amount.MilliSatoshi
	depth    uint32
	format   script.Format
	alias    bool
	upfront  bool
	simple   bool

	tokens, tokensToA amount.Units // with script.Tokens
}

func usual() terms {
	l := Limits{
		DustLimit: 354, MaxHTLCValueInFlight: 900_000_000, ChannelReserve: 10_000,
		HTLCMinimum: 1, ToSelfDelay: 144, MaxAcceptedHTLCs: 483,
	}
	return terms{
		capacity: 1_000_000, toA: 600_000_000, feePerKw: 1000, a: l, b: l, exposure: 5_000_000, depth: 1,
		format: script.Anchors,
	}
}

func closingScript(of byte, f script.Format) []byte {
	if f == script.Tokens {
		pkScript, _ := script.Wrapped(closingScript(of, script.Anchors))
		return pkScript
	}
	return append([]byte{txscript.OP_0, 20}, slices.Repeat([]byte{of}, 20)...)
}

// open makes a channel that a opened, at its first commitments and connected.
func open(t tester, terms terms) *pair {
	p := &pair{tokensToA: terms.tokensToA, simple: terms.simple, t: t, preimages: map[wire.PaymentHash]wire.Preimage{}, connected: true, ran: map[chainhash.Hash]bool{}}
	p.a = &node{name: "a", signer: newSigner("a"), disk: newDisk(), decided: map[uint64]removal{}}
	p.b = &node{name: "b", signer: newSigner("b"), disk: newDisk(), decided: map[uint64]removal{}}
	funding := btcwire.OutPoint{Hash: chainhash.Hash{1, 2, 3}, Index: 1}
	for _, n := range []*node{p.a, p.b} {
		o := p.other(n)
		mine, theirs, to := terms.a, terms.b, terms.toA
		if n == p.b {
			mine, theirs, to = theirs, mine, terms.capacity.Msat()-to
		}
		params := ParamsRow{
			Channel: script.ChannelID(funding), Peer: o.signer.base.Funding, LocalIsOpener: n == p.a,
			Format: terms.format, Funding: funding, Capacity: terms.capacity, MinimumDepth: terms.depth,
			LocalKeys: n.signer.base, RemoteKeys: o.signer.base, LocalLimits: mine, RemoteLimits: theirs,
			MaxDustExposure: terms.exposure, LocalScript: closingScript(n.name[0], terms.format), LocalUpfront: terms.upfront,
		}
		if terms.upfront {
			params.RemoteUpfront = closingScript(o.name[0], terms.format)
		}
		if terms.alias {
			params.LocalAlias = wire.ShortChannelID(n.name[0])
		}
		tokens := terms.tokensToA
		if n == p.b {
			tokens = terms.tokens - tokens
		}
		if params.Tokens = terms.tokens; terms.tokens > 0 {
			params.Property = 0x80000003
		}
		n.ch = New(Opened{Params: params, ToLocal: to, Tokens: tokens, FeePerKw: terms.feePerKw, RemotePoint: o.signer.PerCommitmentPoint(0), SimpleClose: terms.simple}, n.signer)
	}
	for _, n := range []*node{p.a, p.b} {
		c, err := n.ch.buildLatest(&n.ch.fundings[0], dance.Remote, n.ch.points[current])
		if err != nil {
			t.Fatalf("commitment 0: %v", err)
		}
		sigs, err := n.signer.SignCommitment(c)
		if err != nil {
			t.Fatalf("commitment 0: %v", err)
		}
		p.other(n).ch.fundings[0].ours.Signatures = sigs
	}
	p.take(p.a)
	p.take(p.b)
	return p
}

// ready makes a channel that can be used.
func ready(t tester, terms terms) *pair {
	p := open(t, terms)
	p.a.ch.FundingDepth(42, max(1, terms.depth))
	p.b.ch.FundingDepth(42, max(1, terms.depth))
	p.settle()
	if !p.a.ch.usable() || !p.b.ch.usable() {
		t.Fatalf("the channel is not ready")
	}
	return p
}

func (p *pair) other(n *node) *node {
	if n == p.a {
		return p.b
	}
	return p.a
}

// take commits one outcome and makes it visible.
func (p *pair) take(n *node) (sent int) {
	p.t.Helper()
	pending, err := n.ch.Take(n.signer)
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	v, err := pending.Commit(context.Background(), n.disk)
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	p.reload(n)
	if p.engine {
		p.execute(n)
	}
	if p.connected {
		for _, m := range v.Send {
			if p.trace != nil {
				p.trace(n, m)
			}
			n.out = append(n.out, m)
		}
	} else if len(v.Send) > 0 {
		p.t.Fatalf("%s sends %s while not connected", n.name, wire.Name(v.Send[0]))
	}
	n.events = append(n.events, v.Raise...)
	for _, e := range v.Raise {
		if e, ok := e.(ClosedMutually); ok {
			n.tx = append(n.tx, e.Tx)
		}
	}
	n.cut = n.cut || v.Disconnect
	return len(v.Send)
}

// reload checks that nothing is forgotten in the rows.
func (p *pair) reload(n *node) {
	p.t.Helper()
	c, err := Load(n.disk.load())
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	if got, want := durablePart(c), durablePart(n.ch); !reflect.DeepEqual(got, want) {
		p.t.Fatalf("%s: the rows give (-) another machine (+):\n%s", n.name,
			cmp.Diff(got, want, cmp.Exporter(func(reflect.Type) bool { return true })))
	}
}

// deliver hands the first message on its way to n over.
func (p *pair) deliver(n *node) {
	from := p.other(n)
	m := from.out[0]
	from.out = from.out[1:]
	// Over the wire: nothing is shared between the two.
	b := wire.Encode(m)
	decoded, err := wire.Decode(b)
	if err != nil {
		p.t.Fatalf("%s: %v", wire.Name(m), err)
	}
	if err := n.ch.Receive(decoded, verifier{}); err != nil {
		n.violated = err
	}
}

// settle delivers and takes until nothing moves.
func (p *pair) settle() {
	p.t.Helper()
	for range 10_000 {
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

// sound fails when a rule was broken.
func (p *pair) sound() {
	p.t.Helper()
	for _, n := range []*node{p.a, p.b} {
		if n.violated != nil {
			p.t.Fatalf("%s: %v", n.name, n.violated)
		}
		if n.ch.status.Status != Open {
			p.t.Fatalf("%s: the channel is not open: %s", n.name, n.ch.status.Failure)
		}
	}
}

// disconnect loses what is on its way.
func (p *pair) disconnect() {
	p.connected = false
	for _, n := range []*node{p.a, p.b} {
		n.out, n.cut = nil, false
		n.ch.Disconnected()
	}
}

func (p *pair) connect() {
	p.connected = true
	p.a.ch.Connected(p.a.signer, p.simple)
	p.b.ch.Connected(p.b.signer, p.simple)
}

// restart loads a node from its rows.
func (p *pair) restart(n *node) {
	p.t.Helper()
	c, err := Load(n.disk.load())
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	n.ch, n.signer.memory = c, n.disk.memory
}

// add makes an HTLC with a preimage of its own.
func (p *pair) add(a amount.MilliSatoshi) Add {
	p.next++
	var r wire.Preimage
	binary.BigEndian.PutUint64(r[:], p.next)
	hash := wire.PaymentHash(sha256.Sum256(r[:]))
	p.preimages[hash] = r
	add := Add{Amount: a, PaymentHash: hash, CLTVExpiry: 500 + uint32(p.next%7), Origin: Origin{Attempt: p.next}}
	binary.BigEndian.PutUint64(add.Onion[:], p.next)
	return add
}

// offer offers an HTLC that must be taken.
func (p *pair) offer(n *node, a amount.MilliSatoshi) uint64 {
	p.t.Helper()
	id, err := n.ch.Offer(p.add(a))
	if err != nil {
		p.t.Fatalf("%s offers %v: %v", n.name, a, err)
	}
	return id
}

// fulfill settles an incoming HTLC of n.
func (p *pair) fulfill(n *node, id uint64) {
	p.t.Helper()
	h := n.ch.find(dance.Remote, id)
	if h == nil {
		p.t.Fatalf("%s has no HTLC %d", n.name, id)
	}
	if err := n.ch.Fulfill(id, p.preimages[h.PaymentHash]); err != nil {
		p.t.Fatalf("%s fulfills %d: %v", n.name, id, err)
	}
}

// execute runs every transaction that n could broadcast now through the script
// engine.
func (p *pair) execute(n *node) {
	p.t.Helper()
	c, tx, sigs, err := n.ch.OurCommitment(n.signer)
	if err != nil {
		p.t.Fatalf("%s: %v", n.name, err)
	}
	if p.ran[tx.TxHash()] {
		return
	}
	p.ran[tx.TxHash()] = true
	_, pkScript := n.ch.params.Format.FundingScript(p.a.signer.base.Funding, p.b.signer.base.Funding)
	p.run(tx, pkScript, n.ch.params.Capacity)
	delayed := script.DerivePrivKey(n.signer.delayed, n.signer.base.DelayedPayment, c.Keys.PerCommitment)
	for i, d := range c.Delays() {
		out := btcwire.NewTxOut(int64(d.Value), n.ch.params.Format.Pays(d.WitnessScript))
		p.run(d.Signed(script.Sign(delayed, d.SigHash()), n.ch.DelaySignatures()[i]), out.PkScript, d.Value)
	}
	key := script.DerivePrivKey(n.signer.htlc, wire.PointOf(n.signer.htlc.PubKey()), c.Keys.PerCommitment)
	for i, h := range c.HTLCs {
		var preimage *wire.Preimage
		if r, ok := p.preimages[h.PaymentHash]; ok && !h.Offered {
			preimage = &r
		}
		second := c.SignedHTLC(i, script.Sign(key, c.HTLCOwnSigHash(i)), sigs[i], preimage)
		out := tx.TxOut[h.Index]
		p.run(second, out.PkScript, amount.Satoshi(out.Value))
	}
}

func (p *pair) run(tx *btcwire.MsgTx, pkScript []byte, value amount.Satoshi) {
	p.t.Helper()
	fetch := txscript.NewCannedPrevOutputFetcher(pkScript, int64(value))
	e, err := txscript.NewEngine(pkScript, tx, 0, txscript.StandardVerifyFlags, nil,
		txscript.NewTxSigHashes(tx, fetch), int64(value), fetch)
	if err == nil {
		err = e.Execute()
	}
	if err != nil {
		p.t.Fatalf("transaction %s is not valid: %v", tx.TxHash(), err)
	}
}

// raised lists the events of one type.
func raised[E Event](n *node) (list []E) {
	for _, e := range n.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

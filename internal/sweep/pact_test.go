package sweep_test

import (
	"bytes"
	"cmp"
	"context"

	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/sweep"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// pact is a channel with tokens between two sides that know what happens from the chain
// alone: each has its rows, its keys, a wallet, and the rooms that get it what is its own.
// Alice opened it.
type pact struct {
	*town
	alice, bob *side
	units      amount.Units // of the channel
	number     uint64       // of the latest commitments, of both sides
	funded     uint32       // height of the funding transaction
}

// side is one of them.
type side struct {
	*testing.T
	name    string
	other   *side
	town    *town
	keys    *keys.Channel
	wallet  *wallet.Wallet
	spends  *sweep.Spends
	sweeper *sweep.Sweeper
	secrets script.Secrets // of the other one
	rows    channel.Rows
	done    []channel.HTLCRow
	held    []held // by number of its own commitment
	decided map[uint64]wire.Preimage
	plan    enforce.Plan
	asleep  bool // it does nothing
	height  uint32
}

// held is a commitment as its owner had it, with the rows of that time.
type held struct {
	tx   *btcwire.MsgTx
	rows channel.Rows
}

const (
	pactCapacity = amount.Satoshi(200_000)
	pactFee      = 1000 // satoshi for 1000 weight
	pactCarrier  = amount.Satoshi(5_000)
	// What alice makes bob wait, and bob alice.
	delayOfBob, delayOfAlice = 12, 9
)

// channelKeys are those of a side's channel, without a memory.
func channelKeys(t *testing.T, ring *keys.Ring) *keys.Channel {
	t.Helper()
	k, err := ring.Channel(1)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *town) side(name string) *side {
	w.Helper()
	entropy := sha256.Sum256([]byte(w.Name() + name))
	seed, err := keys.NewSeed(bytes.NewReader(entropy[:]))
	if err != nil {
		w.Fatal(err)
	}
	ring, err := keys.NewRing(seed, &chaincfg.RegressionNetParams)
	if err != nil {
		w.Fatal(err)
	}
	s := &side{T: w.T, name: name, town: w, keys: channelKeys(w.T, ring), spends: sweep.NewSpends(), decided: map[uint64]wire.Preimage{}}
	if s.wallet, err = wallet.Load(wallet.Config{Network: &chaincfg.RegressionNetParams, Keys: ring}, wallet.Rows{}); err != nil {
		w.Fatal(err)
	}
	s.sweeper = sweep.New(sweep.Config{
		Wallet: s.wallet, Chain: w.chain, Writer: memory{}, Log: slog.New(slog.DiscardHandler),
		Signer: func(wire.ChannelID) (enforce.Signer, error) { return s.keys, nil },
	})
	tip, err := w.chain.Tip(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	s.height = tip.Height
	return s
}

// agree opens a channel in which alice has some of its tokens and bob the others; each has
// bitcoin for fees beside.
func agree(t *testing.T, toAlice, toBob amount.Units) *pact {
	t.Helper()
	p := &pact{town: build(t, 440), units: toAlice + toBob}
	p.alice, p.bob = p.side("alice"), p.side("bob")
	p.alice.other, p.bob.other = p.bob, p.alice
	for _, s := range p.sides() {
		p.pay(s.address(wallet.P2WPKH), 500_000)
	}
	funding := p.issued(p.units, p.fundingScript(), pactCapacity)
	p.funded = p.ledger.Seen().Height
	for i, s := range p.sides() {
		o := s.other
		limits := func(delay uint16) channel.Limits {
			return channel.Limits{DustLimit: script.ScriptHashDust, ToSelfDelay: delay, MaxAcceptedHTLCs: 5, MaxHTLCValueInFlight: pactCapacity.Msat()}
		}
		mine, theirs := limits(delayOfBob), limits(delayOfAlice)
		tokens, sat := toAlice, pactCapacity-50_000
		if i == 1 {
			mine, theirs, tokens, sat = theirs, mine, toBob, 50_000
		}
		s.rows = channel.Rows{
			Params: channel.ParamsRow{
				Channel: script.ChannelID(funding.at), KeyIndex: 1, LocalIsOpener: i == 0, Format: script.Tokens,
				Funding: funding.at, Capacity: pactCapacity, Property: token, Tokens: p.units, MinimumDepth: 6,
				LocalKeys: s.keys.Basepoints(), RemoteKeys: o.keys.Basepoints(), LocalLimits: mine, RemoteLimits: theirs,
			},
			State: channel.StateRow{
				Channel: script.ChannelID(funding.at), ToLocal: sat.Msat(), TokensToLocal: tokens, FeeIrrevocable: pactFee,
			},
			Status: channel.StatusRow{Channel: script.ChannelID(funding.at), ReadySent: true},
		}
		s.spends.Watch(s.rows.Params)
	}
	p.sign()
	p.turn()
	return p
}

func (p *pact) sides() []*side { return []*side{p.alice, p.bob} }

// address is a new one of the wallet.
func (s *side) address(k wallet.Kind) []byte {
	s.Helper()
	pending, err := s.wallet.NewAddress(k)
	if err != nil {
		s.Fatal(err)
	}
	a, err := pending.Commit(s.Context(), memory{})
	if err != nil {
		s.Fatal(err)
	}
	return a.Script
}

func (s *side) machine() *channel.Channel {
	s.Helper()
	m, err := channel.Load(s.rows)
	if err != nil {
		s.Fatalf("%s: %v", s.name, err)
	}
	return m
}

// sign makes both sides' commitments of the newest number, which are the only valid ones.
func (p *pact) sign() {
	p.Helper()
	for _, s := range p.sides() {
		st := &s.rows.State
		st.Received, st.Signed, st.SignedAfter, st.Revoked = p.number, p.number, p.number, p.number
		st.CurrentPoint, st.NextPoint = s.other.keys.PerCommitmentPoint(p.number), s.other.keys.PerCommitmentPoint(p.number+1)
		s.rows.Commitment.Channel, s.rows.Commitment.Number = s.rows.Params.Channel, p.number
	}
	for _, s := range p.sides() {
		theirs, err := s.machine().TheirCommitments()
		if err != nil {
			p.Fatal(err)
		}
		if s.other.rows.Commitment.Signatures, err = s.keys.SignCommitment(theirs[0]); err != nil {
			p.Fatal(err)
		}
	}
	for _, s := range p.sides() {
		_, tx, _, err := s.machine().OurCommitment(s.keys)
		if err != nil {
			p.Fatal(err)
		}
		s.held = append(s.held, held{tx, s.copy()})
	}
}

// copy are the rows as they are.
func (s *side) copy() channel.Rows {
	r := s.rows
	r.HTLCs, r.Secrets = slices.Clone(r.HTLCs), slices.Clone(r.Secrets)
	return r
}

// htlc is an HTLC of a pact.
type htlc struct {
	from, to *side
	id       uint64
	hash     wire.PaymentHash
	preimage wire.Preimage
	tokens   amount.Units
}

// advance goes on to the next state, and revokes the one before.
func (p *pact) advance(change func()) {
	p.Helper()
	p.number++
	change()
	for _, s := range p.sides() {
		secret, err := s.keys.Revoke(p.number - 1)
		if err != nil {
			p.Fatal(err)
		}
		if _, err := s.other.secrets.Insert(p.number-1, secret); err != nil {
			p.Fatal(err)
		}
		s.other.rows.Secrets = nil
		for _, b := range s.other.secrets.Buckets() {
			s.other.rows.Secrets = append(s.other.rows.Secrets, channel.SecretRow{Channel: s.rows.Params.Channel, Bucket: b.Bucket, Number: b.Number, Secret: b.Secret})
		}
	}
	p.sign()
}

// offer adds an HTLC that expires so many blocks from now.
func (p *pact) offer(from *side, tokens amount.Units, blocks uint32) htlc {
	p.Helper()
	h := htlc{from: from, to: from.other, id: from.rows.State.NextLocalID, tokens: tokens}
	binary.BigEndian.PutUint64(h.preimage[:], p.number+1)
	copy(h.preimage[8:], from.name)
	h.hash = sha256.Sum256(h.preimage[:])
	p.advance(func() {
		for _, s := range p.sides() {
			row := channel.HTLCRow{
				Channel: s.rows.Params.Channel, Incoming: s != from, ID: h.id, Amount: pactCarrier.Msat(), PaymentHash: h.hash,
				CLTVExpiry: from.height + blocks, Tokens: tokens, HTLCState: channel.HTLCState{Added: dance.Numbers{p.number, p.number}},
			}
			if s == from {
				row.Origin.Attempt = p.number
				s.rows.State.NextLocalID++
			} else {
				s.rows.State.NextRemoteID++
			}
			s.rows.HTLCs = append(s.rows.HTLCs, row)
		}
	})
	return h
}

// settle removes an HTLC: paid, or failed.
func (p *pact) settle(h htlc, paid bool) {
	p.Helper()
	p.advance(func() {
		for _, s := range p.sides() {
			s.rows.HTLCs = slices.DeleteFunc(s.rows.HTLCs, func(r channel.HTLCRow) bool {
				if r.ID != h.id || r.Incoming != (s == h.to) {
					return false
				}
				r.Removed, r.Done = dance.Numbers{p.number, p.number}, true
				s.done = append(s.done, r)
				return true
			})
			switch {
			case paid && s == h.to:
				s.rows.State.ToLocal += pactCarrier.Msat()
				s.rows.State.TokensToLocal += h.tokens
			case paid:
				s.rows.State.ToLocal -= pactCarrier.Msat()
				s.rows.State.TokensToLocal -= h.tokens
			}
		}
	})
}

// fail makes a side close the channel by its latest commitment.
func (p *pact) fail(s *side) {
	p.Helper()
	s.rows.Status.Status = channel.Failed
	p.send(s.held[p.number].tx)
}

// memory is a disk of which nothing is read again.
type memory struct{}

func (memory) Write(context.Context, ...durable.Row) error { return nil }

// turn is one block: it is mined, both sides look at it and do what is to be done.
func (p *pact) turn() {
	p.Helper()
	p.pass(1)
}

// pass is so many blocks that nobody does anything between.
func (p *pact) pass(blocks int) {
	p.Helper()
	p.mine(blocks)
	for _, s := range p.sides() {
		s.look()
	}
	for _, s := range p.sides() {
		s.act()
	}
}

func (p *pact) turns(n int) {
	p.Helper()
	for range n {
		p.turn()
	}
}

// reorg replaces so many blocks by empty ones and one more; what they held waits in the
// mempool.
func (p *pact) reorg(blocks uint32) {
	p.Helper()
	if err := p.chain.Reorg(int(blocks)); err != nil {
		p.Fatal(err)
	}
	p.follow()
	for _, s := range p.sides() {
		for range blocks {
			pending, err := s.wallet.Disconnect(s.height)
			if err == nil {
				_, err = pending.Commit(s.Context(), memory{})
			}
			if err != nil {
				s.Fatal(err)
			}
			s.spends.Undo(s.height)
			s.height--
		}
		s.look()
	}
	for _, s := range p.sides() {
		s.act()
	}
}

// look reads the blocks that have come.
func (s *side) look() {
	s.Helper()
	tip, err := s.town.chain.Tip(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for s.height < tip.Height {
		s.height++
		block, err := s.town.chain.Block(s.height)
		if err != nil {
			s.Fatal(err)
		}
		pending, err := s.wallet.Connect(s.height, block.Transactions[1:])
		if err == nil {
			_, err = pending.Commit(s.Context(), memory{})
		}
		if err != nil {
			s.Fatal(err)
		}
		s.spends.Expect(s.rows.Params.Channel, s.machine().View().HTLCs)
		for _, tx := range block.Transactions[1:] {
			s.spends.Note(tx, s.height)
		}
	}
}

// facts are what the side knows.
func (s *side) facts() enforce.Facts {
	s.Helper()
	f := enforce.Facts{Height: s.height, Spends: s.spends.Of(s.rows.Params.Channel), Decided: s.decided}
	var err error
	if f.Ledger, err = ledger.Judge(s.Context(), s.town.store, asset.Regtest(), token, f.Spends); err != nil {
		s.Fatal(err)
	}
	if spend, ok := f.Spends[s.rows.Params.Funding]; ok {
		number, revoked, err := enforce.Revoked(s.rows, spend.Tx)
		if err != nil {
			s.Fatal(err)
		}
		for _, h := range s.done {
			if revoked && h.StoodIn(dance.Remote, number) {
				f.Past = append(f.Past, h)
			}
		}
	}
	return f
}

// act makes a plan and gets it done.
func (s *side) act() {
	s.Helper()
	if s.asleep {
		return
	}
	f := s.facts()
	var err error
	if s.plan, err = enforce.Resolve(s.rows, s.keys, f, enforce.DefaultPolicy()); err != nil {
		s.Fatalf("%s: %v", s.name, err)
	}
	work := sweep.Work{Height: s.height, Alive: map[chainhash.Hash]bool{}}
	work.Add(&s.plan, f.Spends)
	if err := s.sweeper.Do(s.Context(), &work); err != nil {
		s.Fatal(err)
	}
	for _, tx := range s.wallet.Unconfirmed() { // as the node does
		_ = s.town.chain.Broadcast(s.Context(), tx)
	}
}

// cheat makes a side one that has forgotten all since an earlier commitment, and
// broadcasts that.
func (p *pact) cheat(s *side, number uint64) {
	p.Helper()
	s.rows = s.held[number].rows
	s.rows.Status.Status = channel.Failed
	s.keys.Remember(keys.SignerRow{KeyIndex: 1, Signed: number + 1, Revoked: number})
	p.send(s.held[number].tx)
}

// finish goes on until nothing is left to do for those who are awake.
func (p *pact) finish() {
	p.Helper()
	for range 400 {
		p.pass(p.idle())
		if !slices.ContainsFunc(p.sides(), func(s *side) bool { return !s.asleep && !s.plan.Done }) {
			return
		}
	}
	for _, s := range p.sides() {
		p.Errorf("%s is never done: %+v", s.name, s.plan)
	}
	p.FailNow()
}

// idle is how many blocks it takes until something can happen.
func (p *pact) idle() int {
	if p.chain.Waiting() > 0 {
		return 1
	}
	next := p.alice.height + 100
	soon := func(h uint32) {
		if h > p.alice.height {
			next = min(next, h)
		}
	}
	for _, s := range p.sides() {
		for _, c := range s.plan.Claims {
			soon(max(c.NotBefore-1, c.LockTime))
		}
		for _, spend := range s.spends.Of(s.rows.Params.Channel) {
			soon(spend.Height)
			soon(spend.Height + 5)
			soon(spend.Height + 99)
		}
		for _, h := range s.rows.HTLCs {
			soon(h.CLTVExpiry + 99)
		}
	}
	return int(next - p.alice.height)
}

// tokens is what a side has at the addresses of its wallet, by a walk over the blocks.
func (s *side) tokens() (sum amount.Units) {
	s.Helper()
	b := walk(s.T, s.town.chain)
	for _, a := range s.wallet.Addresses(wallet.Token) {
		sum += amount.Units(b.has(a.Script, uint32(token)))
	}
	return sum
}

// ends checks what both have in the end, to the unit.
func (p *pact) ends(alice, bob amount.Units) {
	p.Helper()
	if a, b := p.alice.tokens(), p.bob.tokens(); a != alice || b != bob {
		p.Errorf("alice has %d and bob %d, want %d and %d", a, b, alice, bob)
		held := walk(p.T, p.chain).held
		for _, k := range slices.SortedFunc(maps.Keys(held), func(a, b holding) int { return cmp.Compare(a.script, b.script) }) {
			if held[k] > 0 {
				p.Logf("%x has %d", k.script, held[k])
			}
		}
	}
}

// fundingScript is where the tokens are as long as the channel is open.
func (p *pact) fundingScript() []byte {
	_, pkScript := script.Tokens.FundingScript(p.alice.keys.Basepoints().Funding, p.bob.keys.Basepoints().Funding)
	return pkScript
}

// signClosing signs a transaction that spends the funding output, for both.
func (p *pact) signClosing(tx *btcwire.MsgTx) *btcwire.MsgTx {
	p.Helper()
	a, b := p.alice.keys.Basepoints().Funding, p.bob.keys.Basepoints().Funding
	witnessScript, _ := script.FundingScript(a, b)
	var sigs []wire.Signature
	for _, s := range p.sides() {
		sig, err := s.keys.SignClosing(tx, pactCapacity, witnessScript)
		if err != nil {
			p.Fatal(err)
		}
		sigs = append(sigs, sig)
	}
	return script.SignedClosing(tx, a, b, sigs[0], sigs[1])
}

func der(s wire.Signature) []byte {
	sig, err := s.ECDSA()
	if err != nil {
		panic(err)
	}
	return append(sig.Serialize(), byte(txscript.SigHashAll))
}

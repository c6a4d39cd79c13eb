//go:build !race

package enforce_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/keys"
)

func TestACheatOfWhichTheHistoryIsMissingIsTold(t *testing.T) {
	p, cheat := cheated(t)
	c := confirmed(t, p, cheat, 450)
	f := p.facts(p.a, c)
	known, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	f.Past = nil
	plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
	if err != nil || plan.Kind != enforce.TheirsRevoked || plan.Warning == known.Warning || !has(plan, enforce.RevokedToLocal) {
		t.Errorf("%s, %q, %v, %v", plan.Kind, plan.Warning, kinds(plan), err)
	}
}

func TestAForgottenCommitmentOfTheirsGivesOurBalanceBack(t *testing.T) {
	p := open(t, usual())
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	add := p.add(20_000_000, cltv)
	add.Origin = channel.Origin{In: &in}
	if _, err := p.a.ch.Offer(add); err != nil {
		t.Fatal(err)
	}
	p.settle()
	old := p.a.disk.load() // the backup
	oldSigner := channelKeys(0)
	for range 3 {
		p.offer(p.a, 7_000_000, 600)
		p.offer(p.b, 9_000_000, 600)
		p.settle()
	}
	h := latest(p.b)
	c := confirmed(t, p, h, 450)
	f := enforce.Facts{Height: 450, Spends: c.spends}
	plan, err := enforce.Resolve(old, oldSigner, f, enforce.DefaultPolicy())
	if err != nil || plan.Kind != enforce.TheirsFuture || plan.Number != h.Number || plan.Warning == "" {
		t.Fatalf("%s, number %d, %v", plan.Kind, plan.Number, err)
	}
	claim := one(t, plan, enforce.ToUs)
	c.confirm(sweep(t, oldSigner, claim))
	c.confirm(sweep(t, oldSigner, one(t, plan, enforce.Anchor)))
	if len(plan.Claims) != 2 {
		t.Errorf("claims %v", kinds(plan))
	}
	// An output that may be our HTLC's is there: the peer may still show a preimage.
	f.Height = 1000
	plan, err = enforce.Resolve(old, oldSigner, f, enforce.DefaultPolicy())
	if err != nil || plan.Upstream[0].Kind != enforce.Wait || plan.Done {
		t.Fatalf("%+v, done %v, %v", plan.Upstream, plan.Done, err)
	}
	f.Incoming = map[channel.Ref]uint32{in: 600}
	policy := enforce.DefaultPolicy()
	policy.MaxAtRisk = 20_000_000
	plan, err = enforce.Resolve(old, oldSigner, f, policy)
	if err != nil || plan.Upstream[0].Kind != enforce.Fail || !plan.Upstream[0].AtRisk || plan.Done {
		t.Fatalf("%+v, done %v, %v", plan.Upstream, plan.Done, err)
	}
	// It does.
	theirs := p.facts(p.b, c)
	hash := p.b.disk.htlcs[enforce.HTLC{Incoming: true, ID: 0}].PaymentHash
	theirs.Decided = map[uint64]wire.Preimage{0: p.preimages[hash]}
	theirPlan, err := enforce.Resolve(p.b.disk.load(), p.b.signer, theirs, enforce.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	c.confirm(sweep(t, p.b.signer, one(t, theirPlan, enforce.SuccessTx)))
	if plan, err = enforce.Resolve(old, oldSigner, f, enforce.DefaultPolicy()); err != nil || plan.Upstream[0].Kind != enforce.Fulfil {
		t.Fatalf("%+v, %v", plan.Upstream, err)
	}
}

func TestAForgottenCommitmentOfOurOwnGivesOurBalanceBack(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	old := p.a.disk.load()
	oldSigner := channelKeys(0)
	for range 3 {
		p.offer(p.a, 7_000_000, 600)
		p.settle()
	}
	h := latest(p.a)
	c := confirmed(t, p, h, 450)
	plan, err := enforce.Resolve(old, oldSigner, enforce.Facts{Height: 450, Spends: c.spends}, enforce.DefaultPolicy())
	if err != nil || plan.Kind != enforce.OursFuture || plan.Number != h.Number || plan.Warning == "" {
		t.Fatalf("%s, number %d, %v", plan.Kind, plan.Number, err)
	}
	claim := one(t, plan, enforce.Delayed)
	c.height = claim.NotBefore - 1
	c.confirm(sweep(t, oldSigner, claim))
	if len(plan.Claims) != 2 { // and the anchor
		t.Errorf("claims %v", kinds(plan))
	}
}

func TestParametersAloneFindOurBalance(t *testing.T) {
	p := open(t, usual())
	for range 3 {
		p.offer(p.a, 7_000_000, 600)
		p.settle()
	}
	params := p.a.disk.rows.Params
	bare := channel.Rows{
		Params:     params,
		State:      channel.StateRow{Channel: params.Channel, FeeIrrevocable: 253},
		Status:     channel.StatusRow{Channel: params.Channel, Status: channel.Lost},
		Commitment: channel.CommitmentRow{Channel: params.Channel},
	}
	for _, x := range []struct {
		h     held
		kind  enforce.Kind
		claim enforce.ClaimKind
	}{
		{latest(p.b), enforce.TheirsFuture, enforce.ToUs},
		{p.b.held[1], enforce.TheirsFuture, enforce.ToUs}, // revoked, but who knows
		{latest(p.a), enforce.OursFuture, enforce.Delayed},
	} {
		c := confirmed(t, p, x.h, 450)
		plan, err := enforce.Resolve(bare, channelKeys(0), enforce.Facts{Height: 450, Spends: c.spends}, enforce.DefaultPolicy())
		if err != nil || plan.Kind != x.kind || plan.Publish {
			t.Fatalf("%s, %v", plan.Kind, err)
		}
		claim := one(t, plan, x.claim)
		c.height = claim.NotBefore - 1
		c.confirm(sweep(t, channelKeys(0), claim))
	}
}

// What spends the funding output of a channel whose state was lost raises no false
// alarm: its first commitment, in which nothing was ours yet, or a close by agreement
// that was forgotten too.
func TestAChannelOfWhichAllIsForgottenRaisesNoFalseAlarm(t *testing.T) {
	terms := usual()
	terms.toA = terms.capacity.Msat()
	p := open(t, terms)
	p.offer(p.a, 50_000_000, cltv)
	p.settle()
	params := p.b.disk.rows.Params
	bare := channel.Rows{
		Params:     params,
		State:      channel.StateRow{Channel: params.Channel, FeeIrrevocable: 253, CurrentPoint: params.RemoteKeys.Payment},
		Status:     channel.StatusRow{Channel: params.Channel, Status: channel.Lost},
		Commitment: channel.CommitmentRow{Channel: params.Channel},
	}
	resolve := func(spends map[btcwire.OutPoint]enforce.Spend) enforce.Plan {
		plan, err := enforce.Resolve(bare, channelKeys(1), enforce.Facts{Height: 450, Spends: spends}, enforce.DefaultPolicy())
		if err != nil || plan.Publish {
			t.Fatalf("%+v, %v", plan, err)
		}
		return plan
	}
	if plan := resolve(confirmed(t, p, p.a.held[0], 450).spends); plan.Kind != enforce.TheirsFuture {
		t.Errorf("their first commitment is %s", plan.Kind)
	}
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: funding, Sequence: btcwire.MaxTxInSequenceNum})
	tx.AddTxOut(btcwire.NewTxOut(900_000, []byte{0, 20, 1}))
	if plan := resolve(nil); plan.Kind != enforce.Unspent || len(plan.Claims) != 0 {
		t.Errorf("before anything is spent: %+v", plan)
	}
	if plan := resolve(map[btcwire.OutPoint]enforce.Spend{funding: {Tx: tx, Height: 450}}); plan.Kind != enforce.Mutual || plan.Warning != "" {
		t.Errorf("a mutual close is %s: %s", plan.Kind, plan.Warning)
	}
}

// The one who opened the channel, and so pays for its commitments, cannot build any.
func TestAnOpenerOfWhichAllIsForgottenGetsItsBalanceOfTheFirstCommitment(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 50_000_000, cltv)
	p.settle()
	params := p.a.disk.rows.Params
	bare := channel.Rows{
		Params:     params,
		State:      channel.StateRow{Channel: params.Channel, FeeIrrevocable: 253, CurrentPoint: params.RemoteKeys.Payment},
		Status:     channel.StatusRow{Channel: params.Channel, Status: channel.Lost},
		Commitment: channel.CommitmentRow{Channel: params.Channel},
	}
	for _, spends := range []map[btcwire.OutPoint]enforce.Spend{nil, confirmed(t, p, p.b.held[0], 450).spends} {
		plan, err := enforce.Resolve(bare, channelKeys(0), enforce.Facts{Height: 450, Spends: spends}, enforce.DefaultPolicy())
		if err != nil || plan.Publish {
			t.Fatalf("%+v, %v", plan, err)
		}
		if spends != nil {
			one(t, plan, enforce.ToUs)
		}
	}
}

func TestARevokedCommitmentOfOursIsTheirs(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	h := latest(p.a)
	p.offer(p.a, 7_000_000, 600)
	p.settle()
	c := confirmed(t, p, h, 450)
	plan := p.resolve(p.a, c)
	if plan.Kind != enforce.OursRevoked || plan.Warning == "" || len(plan.Claims) != 1 || plan.Claims[0].Kind != enforce.Anchor {
		t.Fatalf("%s: %v", plan.Kind, kinds(plan))
	}
	if plan.Upstream[0].Kind != enforce.Wait {
		t.Fatalf("%+v", plan.Upstream)
	}
	// The signer would refuse anyway.
	stale, err := enforce.Resolve(h.rows, p.a.signer, p.facts(p.a, c), enforce.DefaultPolicy())
	if err != nil || stale.Kind != enforce.Ours {
		t.Fatalf("%s, %v", stale.Kind, err)
	}
	for _, claim := range stale.Claims {
		d, err := enforce.Assemble(claim)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Sign(func(wire.ChannelID) (enforce.Signer, error) { return p.a.signer, nil })
		if refused := errors.Is(err, keys.ErrGoesBack); refused != (claim.Kind != enforce.Anchor) {
			t.Errorf("%s: %v", claim.Kind, err)
		}
	}
}

func TestAClosingTransactionLeavesNothingToDo(t *testing.T) {
	p := open(t, usual())
	if err := p.a.ch.Shutdown(nil, 1000); err != nil {
		t.Fatal(err)
	}
	p.settle()
	tx, err := p.a.ch.ClosingTx(p.a.signer)
	if err != nil || tx == nil {
		t.Fatal(err)
	}
	c := newChain(t, p, 449)
	p.a.ch.ForceClose("a test")
	p.take(p.a)
	if plan := p.resolve(p.a, c); plan.Publish {
		t.Error("our commitment is to be published beside an agreed closing transaction")
	}
	c.confirm(tx)
	c.height = 450
	for _, n := range []*node{p.a, p.b} {
		plan := p.resolve(n, c)
		if plan.Kind != enforce.Mutual || len(plan.Claims) != 0 || plan.Warning != "" || plan.Done || plan.State() != "ONCHAIN" {
			t.Fatalf("%+v", plan)
		}
		mine := 0
		for _, o := range plan.Outputs {
			if o.Type == "OUTPUT_TO_US" && o.State == enforce.Taken {
				mine++
			}
		}
		if mine != 1 {
			t.Errorf("%+v", plan.Outputs)
		}
	}
	c.height = 548
	if p.resolve(p.a, c).Done {
		t.Error("done 99 deep")
	}
	c.height = 549
	if plan := p.resolve(p.a, c); !plan.Done || plan.State() != "CLOSED" {
		t.Error("not done 100 deep")
	}
}

func TestAnUnknownSpendIsToldToTheUser(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: funding, Sequence: btcwire.MaxTxInSequenceNum})
	tx.AddTxOut(btcwire.NewTxOut(900_000, wallet))
	f := enforce.Facts{Height: 455, Spends: map[btcwire.OutPoint]enforce.Spend{funding: {Tx: tx, Height: 450}}}
	plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
	if err != nil || plan.Kind != enforce.Unknown || plan.Warning == "" || len(plan.Claims) != 0 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if plan.Upstream[0].Kind != enforce.Fail {
		t.Errorf("%+v", plan.Upstream)
	}
	// The form of a commitment alone makes none.
	tx.TxIn[0].Sequence, tx.LockTime = 0x80000000, 0x20000000
	if plan, err = enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy()); err != nil || len(plan.Claims) != 0 ||
		plan.Kind != enforce.Unknown && plan.Kind != enforce.TheirsFuture {
		t.Fatalf("%+v, %v", plan, err)
	}
}

func TestAReorganizationThatSwapsCommitmentsSwapsThePlan(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	first := p.resolve(p.a, confirmed(t, p, latest(p.b), 450))
	second := p.resolve(p.a, confirmed(t, p, latest(p.a), 451))
	if first.Kind != enforce.Theirs || second.Kind != enforce.Ours || !has(first, enforce.Timeout) || !has(second, enforce.TimeoutTx) {
		t.Fatalf("%s %v, then %s %v", first.Kind, kinds(first), second.Kind, kinds(second))
	}
	p.a.ch.SpentOnChain()
	p.take(p.a)
	p.a.ch.Unspent()
	p.take(p.a)
	gone := p.resolve(p.a, newChain(t, p, 449))
	if gone.Kind != enforce.Unspent || !gone.Publish || gone.State() != "AWAITING_UNILATERAL" {
		t.Fatalf("%s, publish %v", gone.Kind, gone.Publish)
	}
}

func TestRowsOfAnotherFormAreRefused(t *testing.T) {
	p := open(t, usual())
	rows := p.a.disk.load()
	rows.Params.Format = script.StaticRemoteKey
	if _, err := enforce.Resolve(rows, p.a.signer, enforce.Facts{}, enforce.DefaultPolicy()); !errors.Is(err, enforce.ErrFormat) {
		t.Error(err)
	}
	rows = p.a.disk.load()
	rows.State.Received++
	if _, err := enforce.Resolve(rows, p.a.signer, enforce.Facts{}, enforce.DefaultPolicy()); err == nil {
		t.Error("rows that contradict themselves are taken")
	}
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	c := confirmed(t, p, latest(p.a), 450)
	rows = p.a.disk.load()
	rows.Commitment.HTLCSignatures = nil
	if _, err := enforce.Resolve(rows, p.a.signer, p.facts(p.a, c), enforce.DefaultPolicy()); err == nil {
		t.Error("an HTLC without its signature is taken")
	}
}

// A spend without witnesses, inputs or outputs that make sense must not panic.
func FuzzResolveTakesAnySpend(f *testing.F) {
	p := open(f, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	rows := p.a.disk.load()
	var seed bytes.Buffer
	latest(p.b).tx.Serialize(&seed)
	f.Add(seed.Bytes(), seed.Bytes())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		spends := map[btcwire.OutPoint]enforce.Spend{}
		var first, second btcwire.MsgTx
		if first.Deserialize(bytes.NewReader(a)) != nil || second.Deserialize(bytes.NewReader(b)) != nil {
			return
		}
		spends[funding] = enforce.Spend{Tx: &first, Height: 450}
		for i := range first.TxOut {
			spends[btcwire.OutPoint{Hash: first.TxHash(), Index: uint32(i)}] = enforce.Spend{Tx: &second, Height: 451}
		}
		spends[btcwire.OutPoint{Hash: chainhash.Hash{}, Index: 0}] = enforce.Spend{}
		if _, err := enforce.Resolve(rows, p.a.signer, enforce.Facts{Height: 500, Spends: spends}, enforce.DefaultPolicy()); err != nil {
			t.Fatal(err)
		}
	})
}

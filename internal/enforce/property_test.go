//go:build !race

package enforce_test

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// act does one random legal thing to the channel.
func (p *pair) act(t *rapid.T) {
	n := p.a
	if rapid.Bool().Draw(t, "b") {
		n = p.b
	}
	switch rapid.SampledFrom([]string{"offer", "offer", "offer", "again", "settle", "settle", "take", "deliver", "round", "round", "round", "fee"}).Draw(t, "act") {
	case "offer":
		a := rapid.SampledFrom([]amount.MilliSatoshi{1_000, 353_999, 400_000, 499_999, 5_000_000, 60_000_000}).Draw(t, "amount")
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			add := p.add(a, 500+uint32(rapid.IntRange(0, 6).Draw(t, "expiry")))
			if n.disk.rows.Params.Format == script.Tokens {
				add.Amount += n.ch.Carrier()
				add.Tokens = amount.Units(rapid.SampledFrom([]uint64{1, 50, 50, 3_000}).Draw(t, "tokens"))
			}
			if rapid.IntRange(0, 3).Draw(t, "forwards") == 0 {
				add.Origin = channel.Origin{In: &channel.Ref{Channel: wire.ChannelID{9}, ID: p.next}}
			}
			n.ch.Offer(add) // may be refused
		}
	case "again": // another HTLC with the same hash, and the same script
		if add := p.last; add.Amount != 0 {
			p.next++
			add.Origin = channel.Origin{Attempt: p.next}
			n.ch.Offer(add)
		}
	case "settle":
		if list := n.ch.Unsettled(); len(list) > 0 {
			in := list[rapid.IntRange(0, len(list)-1).Draw(t, "which")]
			fulfil, ok := n.decided[in.Ref.ID]
			if !ok {
				fulfil = rapid.Bool().Draw(t, "fulfil")
				n.decided[in.Ref.ID] = fulfil
			}
			if fulfil {
				n.ch.Fulfill(in.Ref.ID, p.preimages[in.PaymentHash])
			} else {
				n.ch.Fail(in.Ref.ID, []byte{1})
			}
		}
	case "take":
		p.take(n)
	case "deliver":
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			if len(p.other(n).out) > 0 {
				p.deliver(n)
			}
		}
	case "round":
		p.take(n)
		for len(n.out) > 0 {
			p.deliver(p.other(n))
		}
		p.take(p.other(n))
		for len(p.other(n).out) > 0 {
			p.deliver(n)
		}
	case "fee":
		n.ch.SetFee(uint32(rapid.IntRange(253, 4000).Draw(t, "fee")))
	}
}

// player is a side once the channel is on the chain.
type player struct {
	name    string
	points  channel.Points
	signer  enforce.Signer
	rows    channel.Rows
	past    []channel.HTLCRow
	decided map[uint64]wire.Preimage
	got     amount.Satoshi
	took    map[btcwire.OutPoint]bool
	home    []byte // where its tokens go
}

// war is what follows the confirmation of a commitment.
type war struct {
	*pair
	t       *rapid.T
	c       *chain
	on      *held // the commitment
	ours    bool  // it is the honest side's own
	honest  *player
	plans   map[uint32]enforce.Plan
	revoked bool
}

// player is n with the rows given; it decides by which preimages it claims.
func (p *pair) player(t *rapid.T, n *node, rows channel.Rows, s enforce.Signer) *player {
	pl := &player{name: n.name, points: n.signer, signer: s, rows: rows, decided: map[uint64]wire.Preimage{}, took: map[btcwire.OutPoint]bool{}, home: homeOf(n.name)}
	for i := range rows.HTLCs {
		h := &rows.HTLCs[i]
		if fulfil, ok := n.decided[h.ID]; h.Incoming && h.Committed(&rows.State) && (fulfil || !ok) && rapid.Bool().Draw(t, "has the preimage") {
			pl.decided[h.ID] = p.preimages[h.PaymentHash]
		}
	}
	return pl
}

func (w *war) facts(pl *player, height uint32) enforce.Facts {
	return enforce.Facts{Height: height, Spends: w.c.spends, Past: pl.past, Decided: pl.decided, Ledger: w.c.ledger(height)}
}

func (w *war) resolve(pl *player, height uint32) enforce.Plan {
	plan, err := enforce.Resolve(pl.rows, pl.points, w.facts(pl, height), enforce.DefaultPolicy())
	if err != nil {
		w.t.Fatalf("%s: %v", pl.name, err)
	}
	return plan
}

// move makes a player take what it can in the next block, and tells whether it
// left something.
func (w *war) move(pl *player, plan *enforce.Plan, lazy bool) (left bool) {
	var batch []enforce.Claim
	try := func(claims ...enforce.Claim) {
		tx := sweepTo(w.t, pl.signer, pl.home, claims...)
		if w.c.taken(tx) {
			left = true // the other one was faster in this block
			return
		}
		w.c.confirm(tx)
		for i := range claims {
			pl.took[claims[i].OutPoint] = true
			if claims[i].Presigned == nil && claims[i].Whole == nil {
				pl.got += claims[i].Value
			}
		}
	}
	for i := range plan.Claims {
		c := &plan.Claims[i]
		switch {
		case c.Kind == enforce.Anchor || c.NotBefore > w.c.height+1:
		case lazy && (c.Deadline == 0 || c.Deadline > w.c.height+3) && rapid.IntRange(0, 3).Draw(w.t, "waits") == 0:
			left = true
		case c.Apart || c.Whole != nil || rapid.IntRange(0, 3).Draw(w.t, "alone") == 0:
			try(*c)
		default:
			batch = append(batch, *c)
		}
	}
	if len(batch) > 0 {
		try(batch...)
	}
	return left
}

// output is the index of the output that an HTLC has in the commitment.
func (w *war) output(incoming bool, id uint64) (*script.HTLCOutput, bool) {
	for i := range w.on.HTLCs {
		if h := &w.on.HTLCs[i]; h.ID == id && h.Offered == (incoming != w.ours) {
			return h, true
		}
	}
	return nil, false
}

// judge checks the verdicts of the honest side against the chain.
func (w *war) judge(plan *enforce.Plan, height uint32) {
	depth := func(at uint32) uint32 { return height + 1 - at }
	start := w.c.spends[funding].Height
	for _, v := range plan.Upstream {
		known := false
		var hash wire.PaymentHash
		for i := range w.honest.rows.HTLCs {
			if h := &w.honest.rows.HTLCs[i]; !h.Incoming && h.ID == v.HTLC.ID {
				known, hash = h.Preimage != nil, h.PaymentHash
			}
		}
		// The oracle: the receiver of some HTLC with this hash took it, by its preimage.
		for _, h := range w.on.HTLCs {
			at := btcwire.OutPoint{Hash: w.on.Tx.TxHash(), Index: h.Index}
			receives := h.Offered != w.ours // the honest side
			if s, spent := w.c.spends[at]; spent && s.Height <= height && h.PaymentHash == hash &&
				w.honest.took[at] == receives && (!receives || !w.revoked) {
				known = true
			}
		}
		if known != (v.Kind == enforce.Fulfil) {
			w.t.Fatalf("height %d: HTLC %d: %s (%s), preimage known: %v", height, v.HTLC.ID, v.Kind, v.Why, known)
		}
		if v.Kind != enforce.Fail {
			continue
		}
		if depth(start) < 6 {
			w.t.Fatalf("height %d: HTLC %d is failed while the commitment is %d deep", height, v.HTLC.ID, depth(start))
		}
		if v.AtRisk { // the honest side was lazy, and nobody would pay the fee to take it
			if !slices.ContainsFunc(plan.Outputs, func(o enforce.Output) bool {
				return o.HTLC != nil && *o.HTLC == enforce.HTLC{ID: v.HTLC.ID} && o.By == nil && o.Worthless
			}) {
				w.t.Fatalf("height %d: HTLC %d is at risk: %s", height, v.HTLC.ID, v.Why)
			}
			continue
		}
		if o, ok := w.output(false, v.HTLC.ID); ok {
			at := btcwire.OutPoint{Hash: w.on.Tx.TxHash(), Index: o.Index}
			if s, spent := w.c.spends[at]; !spent || s.Height > height || depth(s.Height) < 6 || !w.honest.took[at] {
				w.t.Fatalf("height %d: HTLC %d is failed though its output is open", height, v.HTLC.ID)
			}
		}
	}
}

// run plays until nothing is left for the honest side. It returns the last plan.
func (w *war) run(enemy *player) enforce.Plan {
	for range 400 {
		height := w.c.height
		plan := w.resolve(w.honest, height)
		w.plans[height] = plan
		w.judge(&plan, height)
		if plan.Done {
			return plan
		}
		left := w.move(w.honest, &plan, true)
		next := uint32(math.MaxUint32)
		soon := func(h uint32) {
			if h > height {
				next = min(next, h)
			}
		}
		wake := func(p *enforce.Plan) {
			for i := range p.Claims {
				if p.Claims[i].Kind != enforce.Anchor {
					soon(p.Claims[i].NotBefore - 1)
				}
			}
		}
		wake(&plan)
		if enemy != nil {
			theirs := w.resolve(enemy, height)
			left = w.move(enemy, &theirs, false) || left
			wake(&theirs)
		}
		for _, s := range w.c.spends {
			soon(s.Height)
			soon(s.Height + 5)
			soon(s.Height + 99)
		}
		for _, h := range w.honest.rows.HTLCs {
			soon(h.CLTVExpiry + 99)
		}
		if left || next == math.MaxUint32 {
			next = height + 1
		}
		w.c.height = next
	}
	w.t.Fatalf("height %d: the channel is never done: %+v", w.c.height, w.plans[w.c.height])
	return enforce.Plan{}
}

// due is what the honest side is entitled to, by who took what was contested.
func (w *war) due() (sum amount.Satoshi) {
	if w.ours {
		if w.on.ToLocal != nil {
			sum += w.on.ToLocal.Value
		}
	} else {
		if w.on.ToRemote != nil {
			sum += w.on.ToRemote.Value
		}
		if w.revoked && w.on.ToLocal != nil {
			sum += w.on.ToLocal.Value
		}
	}
	for i := range w.on.HTLCs {
		h := &w.on.HTLCs[i]
		at := btcwire.OutPoint{Hash: w.on.Tx.TxHash(), Index: h.Index}
		switch incoming := h.Offered != w.ours; {
		case w.revoked:
			sum += h.Amount.Sat()
		case incoming:
			if _, has := w.honest.decided[h.ID]; has || w.hasPreimage(h.ID) {
				sum += h.Amount.Sat()
			}
		case w.honest.took[at]: // else its receiver had the preimage, which judge has seen
			sum += h.Amount.Sat()
		}
	}
	return sum
}

func (w *war) hasPreimage(id uint64) bool {
	for i := range w.honest.rows.HTLCs {
		if h := &w.honest.rows.HTLCs[i]; h.Incoming && h.ID == id {
			return h.Preimage != nil
		}
	}
	return false
}

func TestWhateverCommitmentIsConfirmedTheHonestSideGetsItsDue(t *testing.T) {
	terms := usual()
	terms.capacity, terms.toA = 300_000, 180_000_000
	wages(t, terms)
}

// wages plays a channel for a while, confirms a commitment that was ever valid, and lets
// both sides fight for it.
func wages(t *testing.T, terms terms) {
	rapid.Check(t, func(t *rapid.T) {
		p := open(t, terms)
		for range rapid.IntRange(0, 40).Draw(t, "acts") {
			p.act(t)
		}
		p.take(p.a)
		p.take(p.b)
		honest, other := p.a, p.b
		if rapid.Bool().Draw(t, "b is honest") {
			honest, other = other, honest
		}
		w := &war{pair: p, t: t, plans: map[uint32]enforce.Plan{}, c: newChain(t, p, uint32(rapid.IntRange(400, 520).Draw(t, "height")))}
		rows, theirRows := honest.disk.load(), other.disk.load()
		var enemy *player
		if w.ours = rapid.IntRange(0, 2).Draw(t, "ours") == 0; w.ours {
			w.on = &honest.held[len(honest.held)-1]
		} else {
			n := rapid.IntRange(0, len(other.held)-1).Draw(t, "commitment")
			if rapid.Bool().Draw(t, "a late one") {
				n = max(n, len(other.held)-2)
			}
			w.on = &other.held[n]
			theirRows, w.revoked = w.on.rows, uint64(n) < rows.State.Revoked
		}
		w.honest = p.player(t, honest, rows, honest.signer)
		if w.revoked {
			w.honest.past = honest.disk.past(w.on.Number)
		}
		if rapid.IntRange(0, 3).Draw(t, "alone") > 0 {
			enemy = p.player(t, other, theirRows, other.thief)
		}
		w.c.confirm(w.on.tx)
		w.c.height++

		plan := w.run(enemy)
		want := enforce.Theirs
		switch {
		case w.ours:
			want = enforce.Ours
		case w.revoked:
			want = enforce.TheirsRevoked
		}
		if plan.Kind != want || plan.Number != w.on.Number {
			t.Fatalf("commitment %d is said to be %s, number %d", w.on.Number, plan.Kind, plan.Number)
		}
		if w.c.tokens != nil {
			if got, due := w.c.tokens.held[string(w.honest.home)], w.dueTokens(); got != due {
				t.Fatalf("%s: the honest side got %d tokens of %d", plan.Kind, got, due)
			}
		} else if got, due := w.honest.got, w.due(); got != due {
			t.Fatalf("%s: the honest side got %d of %d", plan.Kind, got, due)
		}
		for _, v := range plan.Upstream {
			if v.Kind == enforce.Wait {
				t.Fatalf("HTLC %d waits for ever", v.HTLC.ID)
			}
		}
		// Facts, not memory: a plan of any earlier height comes out the same again.
		heights := slices.Sorted(maps.Keys(w.plans))
		for i := range min(4, len(heights)) {
			height := heights[i*(len(heights)-1)/3]
			was := w.plans[height]
			if now := w.resolve(w.honest, height); !reflect.DeepEqual(now, was) {
				t.Fatalf("height %d: the plan was %+v and is %+v", height, was, now)
			}
		}
	})
}

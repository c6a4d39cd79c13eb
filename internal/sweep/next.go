package sweep

import (
	"cmp"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Work is what is to be done at a height.
type Work struct {
	Height  uint32 // of the newest block
	Claims  []enforce.Claim
	Parents map[chainhash.Hash]Parent // commitments that we broadcast and no block has
	// Alive are the transactions of channels that are in a block or may come into
	// one: what claims an output of another is given up, and its coins are free
	// again. Nil: it is not known, and nothing is given up.
	Alive map[chainhash.Hash]bool
}

// Add adds what a channel's plan asks for; spends are the transactions of the channel
// that blocks hold.
func (w *Work) Add(p *enforce.Plan, spends map[btcwire.OutPoint]enforce.Spend) {
	w.Claims = append(w.Claims, p.Claims...)
	if w.Alive == nil {
		return
	}
	for _, s := range spends {
		w.Alive[s.Tx.TxHash()] = true
	}
	for i := range p.Claims {
		w.Alive[p.Claims[i].OutPoint.Hash] = true
	}
}

// Parent is a commitment that we have broadcast.
type Parent struct {
	Tx     *btcwire.MsgTx
	Fee    amount.Satoshi
	Weight uint64
	Ours   amount.Satoshi // what of it is ours, or may become so
	AtRisk amount.Satoshi // what of that is lost if it comes after its anchor's deadline
}

// ParentOf is our commitment of a channel, for its anchor to pay for.
func ParentOf(rows channel.Rows, s channel.Signer) (Parent, error) {
	ch, err := channel.Load(rows)
	if err != nil {
		return Parent{}, err
	}
	c, tx, _, err := ch.OurCommitment(s)
	if err != nil {
		return Parent{}, err
	}
	ours, risk := rows.State.ToLocal, amount.MilliSatoshi(0) // what is in HTLCs that we offered is in the balance
	for i := range rows.HTLCs {
		switch h := &rows.HTLCs[i]; {
		case h.Done:
		case h.Incoming && h.Preimage != nil:
			ours += h.Amount
			risk += h.Amount
		case !h.Incoming && h.Origin.In != nil:
			risk += h.Amount
		}
	}
	most := rows.Params.Capacity
	return Parent{Tx: tx, Fee: c.Fee, Weight: Weight(tx), Ours: min(ours.Sat(), most), AtRisk: min(risk.Sat(), most)}, nil
}

// feerate is what it pays by itself.
func (p *Parent) feerate() uint64 { return uint64(p.Fee) * 1000 / max(p.Weight, 1) }

// lacks is what is missing from its fee at a feerate.
func (p *Parent) lacks(perKw uint32) amount.Satoshi {
	needs := cost(p.Weight, perKw)
	return needs - min(needs, p.Fee)
}

// Flight is a transaction of ours that is on its way.
type Flight struct {
	Tx     *btcwire.MsgTx
	Fee    amount.Satoshi
	Weight uint64
	Coins  []btcwire.OutPoint // of the wallet, among its inputs
}

// Batch is a transaction to make.
type Batch struct {
	Claims   []enforce.Claim
	FeePerKw uint32
	Floor    uint32             // below it the transaction is not worth making, when coins are few
	Replaces amount.Satoshi     // the fee of what is on its way, which it replaces
	With     []btcwire.OutPoint // coins of what is replaced
	Parent   *Parent            // for which an anchor pays; nil: none
	Coins    bool               // the wallet's may be added
	Split    bool               // not all claims of what is replaced are in it: the others are taken by the next call
}

// most is how many claims are taken by one transaction.
const most = 100

// Next tells which transactions to make.
func Next(w Work, flights []Flight, estimate Feerates) []Batch {
	p := planner{work: &w, estimate: estimate, claims: map[btcwire.OutPoint]*enforce.Claim{}}
	for i := range w.Claims {
		if c := &w.Claims[i]; p.ready(c) {
			p.claims[c.OutPoint] = c
		}
	}
	for i := range flights {
		p.flight(&flights[i])
	}
	p.group()
	return p.batches
}

// planner makes the batches.
type planner struct {
	work     *Work
	estimate Feerates
	claims   map[btcwire.OutPoint]*enforce.Claim // that no batch and no flight takes
	batches  []Batch
}

// ready tells whether the next block may hold the claim.
func (p *planner) ready(c *enforce.Claim) bool {
	if c.Unconfirmed {
		_, ours := p.work.Parents[c.OutPoint.Hash]
		return ours // of the other side's we cannot tell whether it is on its way
	}
	return c.NotBefore <= p.work.Height+1 && c.LockTime <= p.work.Height
}

// wish is the feerate that a claim asks for.
func (p *planner) wish(c *enforce.Claim) uint32 {
	may, weight := budget(c), weigh(*c)
	if c.Unconfirmed {
		parent := p.work.Parents[c.OutPoint.Hash]
		may, weight = parent.budget(c.Deadline), weight+parent.Weight
	}
	return feerate(c.Deadline, p.work.Height, may, weight, p.estimate)
}

// affords tells whether a claim may be taken at a feerate: within its budget, or at
// its own wish.
func (p *planner) affords(c *enforce.Claim, perKw uint32) bool {
	return c.Unconfirmed || p.wish(c) >= perKw || cost(share(c), perKw) <= budget(c)
}

// flight looks at a transaction that is on its way: it is left alone, or replaced
// by one that pays clearly more.
func (p *planner) flight(f *Flight) {
	var claims []enforce.Claim
	for _, in := range f.Tx.TxIn {
		if c := p.claims[in.PreviousOutPoint]; c != nil {
			claims = append(claims, *c)
			delete(p.claims, in.PreviousOutPoint)
		}
	}
	if len(claims) > 0 && claims[0].Whole != nil {
		return // it pays what it was signed to pay
	}
	for _, b := range p.replacements(claims) {
		has := uint64(f.Fee) * 1000 / max(f.Weight, 1)
		if b.Parent != nil {
			has = uint64(f.Fee+b.Parent.Fee) * 1000 / max(f.Weight+b.Parent.Weight, 1)
		}
		if uint64(b.FeePerKw)*4 < has*5 {
			return // it pays what it should, or nearly
		}
		b.Floor = bounded((has*5 + 3) / 4)
		b.Replaces, b.With, b.Split = f.Fee, f.Coins, len(b.Claims) < len(claims)
		if b.Parent != nil || p.worth(&b) {
			p.put(b)
			return
		}
	}
}

// replacements are the batches that could stand in for a transaction on its way, the
// most urgent one first. It is all of the claims, but for those that must stand
// apart by now and those for which it is too dear.
func (p *planner) replacements(claims []enforce.Claim) (list []Batch) {
	if len(claims) == 1 {
		return []Batch{p.batch(claims)}
	}
	var together []enforce.Claim
	for i := range claims {
		if c := &claims[i]; c.Apart {
			list = append(list, p.batch(claims[i:i+1]))
		} else {
			together = append(together, *c)
		}
	}
	if len(together) > 0 {
		b := p.batch(together)
		b.Claims = slices.DeleteFunc(together, func(c enforce.Claim) bool { return !p.affords(&c, b.FeePerKw) })
		list = append(list, b)
	}
	slices.SortStableFunc(list, func(a, b Batch) int { return cmp.Compare(b.FeePerKw, a.FeePerKw) })
	return list
}

// batch begins one at the highest feerate that a claim asks for.
func (p *planner) batch(claims []enforce.Claim) Batch {
	b := Batch{Claims: claims, Floor: wallet.MinFeePerKw}
	for i := range claims {
		b.FeePerKw = max(b.FeePerKw, p.wish(&claims[i]))
	}
	if c := &claims[0]; c.Unconfirmed {
		parent := p.work.Parents[c.OutPoint.Hash]
		b.Parent = &parent
		b.Floor = bounded((parent.feerate()*5 + 3) / 4)
	}
	return b
}

// kind is what claims must have in common to be taken together.
type kind struct {
	apart     btcwire.OutPoint // of a claim that is taken alone
	presigned bool
	lockTime  uint32 // of what the peer has signed
	hurried   bool   // before a deadline
}

// group makes batches of the claims that nothing takes yet.
func (p *planner) group() {
	groups := map[kind][]enforce.Claim{}
	var order []kind
	left := make([]*enforce.Claim, 0, len(p.claims))
	for _, c := range p.claims {
		left = append(left, c)
	}
	slices.SortFunc(left, func(a, b *enforce.Claim) int {
		return wallet.ByOutPoint(a.OutPoint, b.OutPoint)
	})
	for _, c := range left {
		k := kind{presigned: c.Presigned != nil, hurried: c.Deadline != 0 && c.Deadline <= p.work.Height+patient}
		if k.presigned {
			k.lockTime = c.LockTime
		}
		if c.Apart || c.Tokens > 0 || c.Whole != nil {
			k.apart = c.OutPoint
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], *c)
	}
	for _, k := range order {
		for claims := range slices.Chunk(groups[k], most) {
			p.fresh(claims)
		}
	}
}

// fresh makes batches of claims: those for which the hurry of others is too dear go
// by themselves. What is worth less than its fee waits.
func (p *planner) fresh(claims []enforce.Claim) {
	for len(claims) > 0 {
		b := p.batch(claims)
		if claims[0].Whole != nil {
			p.put(b)
			return
		}
		if b.Parent != nil {
			if b.Parent.lacks(b.FeePerKw) > 0 { // else it pays for itself
				p.put(b)
			}
			return
		}
		var with, dear []enforce.Claim
		for i := range claims {
			switch c := &claims[i]; {
			case !p.affords(c, b.FeePerKw):
				dear = append(dear, *c)
			case worth(c) > cost(share(c), b.FeePerKw):
				with = append(with, *c)
			}
		}
		b.Claims, claims = with, dear
		if len(with) > 0 && p.worth(&b) {
			p.put(b)
		}
	}
}

// worth tells whether what a batch takes is worth more than its fee.
func (p *planner) worth(b *Batch) bool {
	var sum amount.Satoshi
	for i := range b.Claims {
		sum += worth(&b.Claims[i])
	}
	fee := cost(weigh(b.Claims...), b.FeePerKw)
	if b.Replaces > 0 {
		fee = max(fee, b.Replaces+cost(weigh(b.Claims...), wallet.RelayFeePerKw))
	}
	return sum >= fee+dust
}

// put takes a batch. Where its claims leave nothing for the fee the wallet adds it.
func (p *planner) put(b Batch) {
	b.Coins = b.Parent != nil || slices.ContainsFunc(b.Claims, func(c enforce.Claim) bool { return needsCoins(&c) })
	p.batches = append(p.batches, b)
}

package sweep

import (
	"cmp"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// Work is what is to be done at a height.
type Work struct {
	Height  uint32 // of the newest block
	Claims  []enforce.Claim
	Parents map[chainhash.Hash]Parent // commitments that we broadcast and no block has
}

// Parent is a commitment that we have broadcast.
type Parent struct {
	Tx     *btcwire.MsgTx
	Fee    amount.Satoshi
	Weight uint64
	Stake  amount.Satoshi // what is lost if it comes too late
}

// Flight is a transaction of ours that is on its way.
type Flight struct {
	Tx     *btcwire.MsgTx
	Fee    amount.Satoshi
	Weight uint64
	Coins  []btcwire.OutPoint // of the wallet, among its inputs
}

func (f *Flight) feerate() uint64 { return uint64(f.Fee) * 1000 / max(f.Weight, 1) }

// Batch is a transaction to make.
type Batch struct {
	Claims   []enforce.Claim
	FeePerKw uint32
	AtLeast  amount.Satoshi     // the fee that replaces what is on its way
	With     []btcwire.OutPoint // coins of what is replaced
	Parent   *Parent            // for which an anchor pays; nil: none
	Extra    amount.Satoshi     // what the parent lacks
	Coins    bool               // the wallet's may be added
}

const (
	// most is how many claims are taken by one transaction.
	most = 100
	// overhead is the weight of a transaction beside its inputs: with one output.
	overhead = 4*(4+4+1+1) + 2 + 4*(8+1+22)
	// relay is the feerate by which a replacement pays for its own way (BIP 125).
	relay = 250
)

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

// stake is what is lost when a claim comes too late.
func (p *planner) stake(c *enforce.Claim) amount.Satoshi {
	if c.Unconfirmed {
		return p.work.Parents[c.OutPoint.Hash].Stake
	}
	return c.Value
}

// wish is the feerate that a claim asks for.
func (p *planner) wish(c *enforce.Claim) uint32 {
	weight := overhead + c.Weight()
	if c.Unconfirmed {
		weight += p.work.Parents[c.OutPoint.Hash].Weight
	}
	return feerate(c.Deadline, p.work.Height, budget(c, p.stake(c)), weight, p.estimate)
}

// flight looks at a transaction that is on its way: it is left alone, or replaced
// by one that pays clearly more.
func (p *planner) flight(f *Flight) {
	b := Batch{AtLeast: f.Fee + cost(f.Weight, relay), With: f.Coins}
	for _, in := range f.Tx.TxIn {
		if c := p.claims[in.PreviousOutPoint]; c != nil {
			b.Claims = append(b.Claims, *c)
			delete(p.claims, in.PreviousOutPoint)
		}
	}
	if len(b.Claims) == 0 {
		return
	}
	b.FeePerKw = p.highest(b.Claims)
	has := f.feerate()
	if parent := p.parent(&b); parent != nil {
		has = uint64(f.Fee+parent.Fee) * 1000 / max(f.Weight+parent.Weight, 1)
	}
	if uint64(b.FeePerKw)*4 < has*5 {
		return // it pays what it should, or nearly
	}
	p.put(b)
}

// parent makes a batch that takes an anchor pay for its commitment.
func (p *planner) parent(b *Batch) *Parent {
	c := &b.Claims[0]
	if !c.Unconfirmed {
		return nil
	}
	parent := p.work.Parents[c.OutPoint.Hash]
	b.Parent, b.Coins = &parent, true
	if needs := cost(parent.Weight, b.FeePerKw); needs > parent.Fee {
		b.Extra = needs - parent.Fee
	}
	return &parent
}

func (p *planner) highest(claims []enforce.Claim) (perKw uint32) {
	for i := range claims {
		perKw = max(perKw, p.wish(&claims[i]))
	}
	return perKw
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
		return cmp.Or(slices.Compare(a.OutPoint.Hash[:], b.OutPoint.Hash[:]), cmp.Compare(a.OutPoint.Index, b.OutPoint.Index))
	})
	for _, c := range left {
		k := kind{presigned: c.Presigned != nil, hurried: c.Deadline != 0 && c.Deadline <= p.work.Height+patient}
		if k.presigned {
			k.lockTime = c.LockTime
		}
		if c.Apart {
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

// fresh makes a batch of claims, without those that are not worth their fee.
func (p *planner) fresh(claims []enforce.Claim) {
	b := Batch{Claims: claims, FeePerKw: p.highest(claims)}
	if parent := p.parent(&b); parent != nil {
		if b.Extra == 0 {
			return // it pays for itself
		}
		p.put(b)
		return
	}
	b.Claims = slices.DeleteFunc(slices.Clone(claims), func(c enforce.Claim) bool {
		return c.Value <= cost(c.Weight(), b.FeePerKw)
	})
	var sum amount.Satoshi
	weight := uint64(overhead)
	for i := range b.Claims {
		sum += b.Claims[i].Value
		weight += b.Claims[i].Weight()
	}
	if len(b.Claims) == 0 || sum <= cost(weight, b.FeePerKw)+dust {
		return
	}
	p.put(b)
}

// dust is the least that an output of ours may hold.
const dust amount.Satoshi = 294

// put takes a batch. What the peer signed beside our outputs leaves nothing for the
// fee: the wallet adds it.
func (p *planner) put(b Batch) {
	b.Coins = b.Coins || slices.ContainsFunc(b.Claims, func(c enforce.Claim) bool { return c.Presigned != nil })
	p.batches = append(p.batches, b)
}

package miner

import (
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/wallet"
)

// pool is what waits for a block, and what that costs.
type pool struct {
	list   []*waiting // parents before their children
	byID   map[chainhash.Hash]*waiting
	spends map[btcwire.OutPoint]*waiting
	rivals []*waiting // they lost against what is in the list; a miner may have them all the same

	// held are outputs whose spends are passed over until a height.
	held      map[btcwire.OutPoint]uint32
	congested int // blocks that a transaction may have to wait for

	// In satoshi for 1000 weight: what the next block asks for, and the last one did,
	// what mempools take, and the most there ever was.
	floor, was, least, peak uint32
	storm                   uint32 // what the block of fair weather asks for, until a height
	calmAt                  uint32
}

// fair is what blocks and mempools ask for on a good day: a satoshi for a virtual byte.
const fair = 250

func newPool() pool {
	return pool{
		byID: map[chainhash.Hash]*waiting{}, spends: map[btcwire.OutPoint]*waiting{}, held: map[btcwire.OutPoint]uint32{},
		congested: 2, floor: fair, was: fair, least: fair, peak: fair,
	}
}

// waiting is a transaction that no block has yet.
type waiting struct {
	tx     *btcwire.MsgTx
	fee    int64
	weight int64
}

func (m *waiting) pays(perKw uint32) bool { return m.fee*1000 >= int64(perKw)*m.weight }

var (
	errMissing = errors.New("an input is spent, or not there")
	errEarly   = errors.New("a lock holds it")
	errCheap   = errors.New("mempools ask for more")
	errRival   = errors.New("what it would replace pays as much")
)

// Broadcast offers transactions, as one when there are several, parents first. Those
// of an honest node are checked: they must be valid, and in time.
func (c *Chain) Broadcast(from Node, txs ...*btcwire.MsgTx) error {
	if err := c.enter(from, txs); err != nil {
		c.env.Log("%s broadcasts %s in vain: %v", from, txs[len(txs)-1].TxHash(), err)
		return err
	}
	return nil
}

func (c *Chain) enter(from Node, txs []*btcwire.MsgTx) error {
	var fresh []*waiting
	var all waiting
	for _, tx := range txs {
		txid := tx.TxHash()
		if c.pool.byID[txid] != nil || c.mined[txid] {
			continue
		}
		m, err := c.weigh(from, tx, fresh)
		if err != nil {
			return err
		}
		all.fee, all.weight = all.fee+m.fee, all.weight+m.weight
		fresh = append(fresh, m)
		if _, known := c.First[txid]; !known {
			c.First[txid] = from
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if !all.pays(c.pool.least) {
		return errCheap
	}
	if err := c.replace(fresh, &all); err != nil {
		return err
	}
	for _, m := range fresh {
		c.put(m)
		c.env.Log("%s broadcasts %s, at %d", from, m.tx.TxHash(), m.fee*1000/m.weight)
	}
	return nil
}

func (c *Chain) put(m *waiting) {
	p := &c.pool
	p.list = append(p.list, m)
	p.byID[m.tx.TxHash()] = m
	for _, in := range m.tx.TxIn {
		p.spends[in.PreviousOutPoint] = m
		if _, drawn := p.held[in.PreviousOutPoint]; !drawn {
			p.held[in.PreviousOutPoint] = 0
			if c.chance(4) {
				p.held[in.PreviousOutPoint] = c.Tip.Height + 2 + uint32(c.env.Rand.IntN(p.congested)) //nolint:gosec // small
			}
		}
	}
}

// weigh checks a transaction and tells what it pays.
func (c *Chain) weigh(from Node, tx *btcwire.MsgTx, fresh []*waiting) (*waiting, error) {
	m := &waiting{tx: tx, weight: int64(3*tx.SerializeSizeStripped() + tx.SerializeSize())}
	spends := make([]*btcwire.TxOut, len(tx.TxIn))
	for i, in := range tx.TxIn {
		prev := in.PreviousOutPoint
		if coin, ok := c.UTXO[prev]; ok {
			spends[i] = coin.Out
		} else if parent := c.pool.byID[prev.Hash]; parent != nil {
			spends[i] = parent.tx.TxOut[prev.Index]
		} else if k := slices.IndexFunc(fresh, func(f *waiting) bool { return f.tx.TxHash() == prev.Hash }); k >= 0 {
			spends[i] = fresh[k].tx.TxOut[prev.Index]
		} else {
			return nil, errMissing
		}
		m.fee += spends[i].Value
	}
	for _, out := range tx.TxOut {
		m.fee -= out.Value
	}
	if !c.final(tx) {
		// What was made in time may not be after a reorganization.
		if _, known := c.First[tx.TxHash()]; !known && from != nil && c.env.Strict(from) {
			c.env.Fail("%s broadcasts %s, which is not final at height %d: locktime %d, sequence %x", from, tx.TxHash(), c.Tip.Height, tx.LockTime, tx.TxIn[0].Sequence)
		}
		if _, known := c.First[tx.TxHash()]; !known {
			c.First[tx.TxHash()] = from
		}
		return nil, errEarly
	}
	err := c.run(tx, spends)
	if err == nil && m.fee < 0 {
		err = fmt.Errorf("it pays out %d more than it has", -m.fee)
	}
	if err != nil {
		c.env.Fail("%s broadcast %s, which is not valid: %v", from, tx.TxHash(), err)
	}
	return m, nil
}

// replace drops what the fresh transactions conflict with, if they pay more (BIP
// 125).
func (c *Chain) replace(fresh []*waiting, all *waiting) error {
	out := map[*waiting]bool{}
	for _, m := range fresh {
		for _, in := range m.tx.TxIn {
			if r := c.pool.spends[in.PreviousOutPoint]; r != nil {
				if r.fee*all.weight >= all.fee*r.weight {
					return c.lost(fresh)
				}
				out[r] = true
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	c.below(out)
	fees := int64(wallet.RelayFeePerKw) * all.weight / 1000
	for r := range out {
		fees += r.fee
	}
	if all.fee < fees {
		return c.lost(fresh)
	}
	for _, r := range c.drop(out) {
		c.env.Log("%s is replaced", r.tx.TxHash())
		c.rival(r)
	}
	return nil
}

// lost says that a transaction was not taken; some miner may have it.
func (c *Chain) lost(fresh []*waiting) error {
	if len(fresh) == 1 {
		c.rival(fresh[0])
	}
	return errRival
}

func (c *Chain) rival(m *waiting) {
	if c.chance(4) && !c.env.Calm() {
		c.pool.rivals = append(c.pool.rivals, m)
	}
}

// below adds all that spends an output of what is in the set.
func (c *Chain) below(set map[*waiting]bool) {
	for _, m := range c.pool.list { // parents come first
		for _, in := range m.tx.TxIn {
			if parent := c.pool.byID[in.PreviousOutPoint.Hash]; parent != nil && set[parent] {
				set[m] = true
			}
		}
	}
}

// drop takes a set out of the pool.
func (c *Chain) drop(set map[*waiting]bool) (dropped []*waiting) {
	p := &c.pool
	p.list = slices.DeleteFunc(p.list, func(m *waiting) bool {
		if !set[m] {
			return false
		}
		dropped = append(dropped, m)
		delete(p.byID, m.tx.TxHash())
		for _, in := range m.tx.TxIn {
			if p.spends[in.PreviousOutPoint] == m {
				delete(p.spends, in.PreviousOutPoint)
			}
		}
		return true
	})
	return dropped
}

// pick chooses what the next block has: what pays, with what it needs, and now and
// then what others have never heard of.
func (c *Chain) pick() (picked []*waiting) {
	p := &c.pool
	for _, r := range p.rivals {
		if _, err := c.weigh(nil, r.tx, nil); err == nil && r.pays(p.floor) && !c.holds(r) && c.confirmed(r) {
			conflicts := map[*waiting]bool{}
			for _, in := range r.tx.TxIn {
				if m := p.spends[in.PreviousOutPoint]; m != nil {
					conflicts[m] = true
				}
			}
			c.below(conflicts)
			c.drop(conflicts)
			p.list = append([]*waiting{r}, p.list...)
			p.byID[r.tx.TxHash()] = r
			for _, in := range r.tx.TxIn {
				p.spends[in.PreviousOutPoint] = r
			}
		}
	}
	p.rivals = nil
	in := map[*waiting]bool{}
	for again := true; again; {
		again = false
		for _, m := range p.list {
			if in[m] {
				continue
			}
			with := map[*waiting]bool{}
			if !c.above(m, in, with) {
				continue
			}
			var sum waiting
			for a := range with {
				sum.fee, sum.weight = sum.fee+a.fee, sum.weight+a.weight
			}
			if !sum.pays(p.floor) {
				continue
			}
			again = true
			for a := range with {
				in[a] = true
			}
		}
	}
	return c.drop(in)
}

// confirmed tells whether a transaction needs no other one.
func (c *Chain) confirmed(m *waiting) bool {
	return !slices.ContainsFunc(m.tx.TxIn, func(in *btcwire.TxIn) bool {
		_, ok := c.UTXO[in.PreviousOutPoint]
		return !ok
	})
}

// above gathers a transaction and what it needs; false: something of it cannot be in
// the next block.
func (c *Chain) above(m *waiting, have, with map[*waiting]bool) bool {
	if have[m] || with[m] {
		return true
	}
	if c.holds(m) || !c.final(m.tx) {
		return false
	}
	with[m] = true
	for _, in := range m.tx.TxIn {
		if parent := c.pool.byID[in.PreviousOutPoint.Hash]; parent != nil && !c.above(parent, have, with) {
			return false
		}
	}
	return true
}

// holds tells whether a transaction is passed over.
func (c *Chain) holds(m *waiting) bool {
	return slices.ContainsFunc(m.tx.TxIn, func(in *btcwire.TxIn) bool {
		return c.pool.held[in.PreviousOutPoint] > c.Tip.Height+1
	})
}

// tidy takes out what can never be, and what pays too little by now.
func (c *Chain) tidy() {
	out := map[*waiting]bool{}
	for _, m := range c.pool.list {
		for _, in := range m.tx.TxIn {
			if _, ok := c.UTXO[in.PreviousOutPoint]; !ok && c.pool.byID[in.PreviousOutPoint.Hash] == nil {
				out[m] = true
			}
		}
	}
	c.below(out)
	c.drop(out)
	// A parent stays for the sake of a child.
	for {
		out = map[*waiting]bool{}
		for _, m := range c.pool.list {
			if !m.pays(c.pool.least) && !c.fed(m) {
				out[m] = true
			}
		}
		if len(out) == 0 {
			return
		}
		c.below(out)
		for _, m := range c.drop(out) {
			c.Stats.Evicted++
			c.env.Log("%s is evicted", m.tx.TxHash())
		}
	}
}

// fed tells whether a child pays for a transaction.
func (c *Chain) fed(m *waiting) bool {
	txid := m.tx.TxHash()
	for i := range m.tx.TxOut {
		if child := c.pool.spends[btcwire.OutPoint{Hash: txid, Index: uint32(i)}]; child != nil { //nolint:gosec // an output's index
			if (&waiting{fee: m.fee + child.fee, weight: m.weight + child.weight}).pays(c.pool.least) {
				return true
			}
		}
	}
	return false
}

// Lose forgets about half of what waits, with what spends it.
func (c *Chain) Lose() {
	out := map[*waiting]bool{}
	for _, m := range c.pool.list {
		if c.chance(2) {
			out[m] = true
		}
	}
	c.below(out)
	for _, m := range c.drop(out) {
		c.Stats.Evicted++
		c.env.Log("%s is forgotten", m.tx.TxHash())
	}
}

// again takes what was in blocks that are gone, and what waited.
func (c *Chain) again(txs []*btcwire.MsgTx) {
	for _, m := range c.pool.list {
		txs = append(txs, m.tx)
	}
	old := c.pool
	c.pool = newPool()
	c.pool.held, c.pool.congested, c.pool.rivals = old.held, old.congested, old.rivals
	c.pool.was, c.pool.peak, c.pool.storm, c.pool.calmAt = old.was, old.peak, old.storm, old.calmAt
	for _, tx := range txs {
		_ = c.enter(nil, []*btcwire.MsgTx{tx}) // what cannot be any more is forgotten
	}
	c.pool.floor, c.pool.least = old.floor, old.least
}

// Spike makes blocks dear for a while.
func (c *Chain) Spike(perKw, blocks uint32) {
	c.Stats.Spikes++
	c.pool.storm, c.pool.calmAt = perKw, c.Tip.Height+blocks
	c.weather()
	c.tidy()
}

// weather is what the next block will ask for.
func (c *Chain) weather() {
	p := &c.pool
	p.was, p.floor, p.least = p.floor, fair, fair
	if c.Tip.Height < p.calmAt && !c.env.Calm() {
		p.floor = max(p.floor, p.storm*uint32(80+c.env.Rand.IntN(41))/100) //nolint:gosec // small
		p.least = max(p.least, p.floor/5)
	}
	p.peak = max(p.peak, p.floor)
}

// Estimate is what nodes hear of it: they are a block behind.
func (c *Chain) Estimate(blocks uint32) uint32 {
	if blocks > 12 {
		return max(c.pool.was/4, wallet.MinFeePerKw)
	}
	return max(c.pool.was, wallet.MinFeePerKw)
}

// Waiting is how many transactions no block has yet.
func (c *Chain) Waiting() int { return len(c.pool.list) }

// Spender is who broadcast what would spend an output, if anything in the mempool
// does.
func (c *Chain) Spender(at btcwire.OutPoint) (Node, bool) {
	m := c.pool.spends[at]
	if m == nil {
		return nil, false
	}
	return c.First[m.tx.TxHash()], true
}

// Hold has what spends an output passed over until a height.
func (c *Chain) Hold(at btcwire.OutPoint, until uint32) { c.pool.held[at] = until }

// Congest says how many blocks a transaction may have to wait for.
func (c *Chain) Congest(blocks int) { c.pool.congested = blocks }

// Peak is the most that a block ever asked for, in satoshi for 1000 weight.
func (c *Chain) Peak() int64 { return int64(c.pool.peak) }

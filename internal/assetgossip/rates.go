package assetgossip

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
)

// How often a node may change a rate, in seconds: one for each change, so many at once.
const (
	offerEvery = 60
	mostOffers = 10 * offerEvery
)

// offer is what a book knows of a rate beside the graph.
type offer struct {
	raw    []byte
	origin uint64 // the number of who told it; zero: nobody
	drafts int    // so many rows of it are not written yet
	credit credit // of changes, in seconds
}

func newOfferCredit(now time.Time) credit { return credit{mostOffers, now} }

func rateKey(of assetgraph.Exchange) key { return key{kind: kindRate, of: of} }

// rate takes an asset_rate.
func (b *Book) rate(p Peer, m *wire.AssetRate) {
	friend := b.cfg.Ours(p.ID())
	b.mu.Lock()
	err := b.graph.FreshRate(m, b.now())
	k := rateKey(assetgraph.ExchangeOf(m))
	switch {
	case errors.Is(err, assetgraph.ErrKnown):
		if bytes.Equal(b.raw(k), wire.Encode(m)) {
			b.news.Heard(k, b.number(p))
		}
	case err == nil:
		err = b.offer(p, m, func() bool { return b.pays(p, friend, costUpdate) })
	}
	b.mu.Unlock()
	if errors.Is(err, assetgraph.ErrFalse) {
		b.Blame(p, err)
	}
}

// offer takes a rate that is fresh, if its node has not told too many and whoever says it
// pays for the look at its signature. What is false takes nothing of the node's. It is called
// with mu held. Errors: [ErrEnough], [assetgraph.ErrFalse].
func (b *Book) offer(from Peer, m *wire.AssetRate, pays func() bool) error {
	of := assetgraph.ExchangeOf(m)
	o := b.offers[of]
	left := newOfferCredit(b.cfg.Now())
	if o != nil {
		left = o.credit
	}
	if !left.spend(offerEvery, b.cfg.Now(), 1, mostOffers) || !pays() {
		return ErrEnough
	}
	if err := b.graph.UpdateRate(m); err != nil {
		return err
	}
	if o == nil {
		o = &offer{}
		b.offers[of], b.line = o, nil
	}
	k := rateKey(of)
	o.raw, o.origin, o.credit = wire.Encode(m), b.number(from), left
	b.draft(draft{of: &o.drafts, row: k.row(o.raw), tell: []key{k}, from: o.origin})
	return nil
}

// drop forgets a rate. It is called with mu held.
func (b *Book) drop(of assetgraph.Exchange) {
	o := b.offers[of]
	if o == nil {
		return
	}
	b.graph.RemoveRate(of)
	delete(b.offers, of)
	b.line = nil
	b.draft(draft{of: &o.drafts, row: rateKey(of).row(nil)})
}

// Rate is our own rate of a property as it was told last; nil when none is known.
func (b *Book) Rate(of assetgraph.Exchange) *wire.AssetRate {
	b.mu.Lock()
	defer b.mu.Unlock()
	if raw := b.raw(rateKey(of)); raw != nil {
		if m, err := decode(raw); err == nil {
			return m.(*wire.AssetRate)
		}
	}
	return nil
}

func before(x, y assetgraph.Exchange) int {
	return cmp.Or(bytes.Compare(x.Node[:], y.Node[:]), cmp.Compare(x.Property, y.Property))
}

// pastOffer is the next rate that there was when a peer came, that it did not tell itself and
// that is not over. It is called with mu held.
func (b *Book) pastOffer(c *conversation) []wire.Message {
	if b.line == nil {
		b.line = slices.SortedFunc(maps.Keys(b.offers), before)
	}
	at := 0
	if c.offers {
		found := false
		if at, found = slices.BinarySearchFunc(b.line, c.nextOffer, before); found {
			at++
		}
	}
	for ; at < len(b.line); at++ {
		k := rateKey(b.line[at])
		if b.unwritten(k) {
			return nil
		}
		c.offers, c.nextOffer = true, k.of
		r, ok := b.graph.Rate(k.of)
		if !ok || b.offers[k.of].origin == c.number || r.Until <= uint64(b.now()) {
			continue
		}
		b.news.Heard(k, c.number)
		return b.read(k)
	}
	c.all = true
	return nil
}

package closing

import "github.com/leyden-ln/leyden/amount"

// Fees are feerates that we wish for a closing transaction, in satoshi for 1000 weight:
// the one to aim at, and the least and the most, where zero is no such wish.
type Fees struct{ Aim, Least, Most uint32 }

// Within is the same wish, with the feerate to aim at within the limits.
func (f Fees) Within() Fees {
	f.Aim = max(f.Aim, f.Least)
	if f.Most != 0 {
		f.Aim = min(f.Aim, f.Most)
	}
	return f
}

// Range are the fees for a weight. Relayed is the feerate below which nodes do not relay.
func (f Fees) Range(relayed uint32, weight uint64) (least, ideal, most amount.Satoshi) {
	if f.Least != 0 {
		relayed = f.Least
	}
	ideal = Fee(f.Aim, weight)
	least, most = min(Fee(relayed, weight), ideal), 2*ideal
	if f.Most != 0 {
		most = max(Fee(f.Most, weight), ideal)
	}
	return least, ideal, most
}

// Beyond tells whether a fee for a weight is more than the most.
func (f Fees) Beyond(fee amount.Satoshi, weight uint64) bool {
	return f.Most != 0 && fee > Fee(f.Most, weight)+1 // a fee is rounded up
}

// Offer is the feerate that we offer: the one that was wished for. Who did not wish to
// close offers the least that nodes relay, so that the other one's transaction is mined,
// unless the other one has too little to pay for it; then the usual.
func (f Fees) Offer(us, peer Side, usual, relayed uint32) uint32 {
	if f.Aim != 0 {
		return f.Aim
	}
	if _, can := Propose(peer, us, usual, usual); can {
		return relayed
	}
	return usual
}

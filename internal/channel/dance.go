package channel

// Side is one of the two peers, as this node sees it.
type Side uint8

// The sides. A commitment's side is the one that may broadcast it; an update's
// side is the one that offered it.
const (
	Local Side = iota
	Remote
)

func (s Side) other() Side { return 1 - s }

// Stage says how far an update (an add, a removal, a fee) offered by one side
// has come. BOLT 2, "Normal Operation".
type Stage uint8

// The stages.
const (
	Proposed     Stage = iota // 0: pending on the receiver
	Committed                 // 1: in the receiver's commitment
	Revoked                   // 2: whose previous one is revoked; now pending on the offerer
	AckCommitted              // 3: in the offerer's commitment
	Irrevocable               // 4: whose previous one is revoked
	stages
)

// step is one of the four events that move updates. Nothing else moves them.
type step uint8

const (
	sendCommit step = iota
	receiveRevoke
	receiveCommit
	sendRevoke
)

// arrows is the whole protocol: an update offered by a side moves from the
// stage in the table to the next one.
var arrows = [...][2]Stage{
	//               ours            theirs
	sendCommit:    {Local: Proposed, Remote: Revoked},
	receiveRevoke: {Local: Committed, Remote: AckCommitted},
	receiveCommit: {Local: Revoked, Remote: Proposed},
	sendRevoke:    {Local: AckCommitted, Remote: Committed},
}

// dance counts the steps. Every stage follows from these numbers and an
// update's own.
type dance struct {
	signed      Numbers // number of each side's latest signed commitment
	revoked     Numbers // how many commitments each side has revoked
	signedAfter uint64  // revoked[Local] when we last signed
}

// stage of an update offered by a side.
func (d *dance) stage(by Side, u Numbers) Stage {
	receiver := by.other()
	switch {
	case u[receiver] == 0:
		return Proposed
	case u[receiver] > d.revoked[receiver]:
		return Committed
	case u[by] == 0:
		return Revoked
	case u[by] > d.revoked[by]:
		return AckCommitted
	}
	return Irrevocable
}

// joins tells whether an update that is in no commitment of side yet will be in
// the next one to be signed.
func (d *dance) joins(side, by Side, u Numbers) bool {
	return u[side] == 0 && (by != side || d.stage(by, u) == Revoked)
}

// next tells whether an update will be reflected in side's next commitment.
func (d *dance) next(side, by Side, u Numbers) bool {
	return u[side] != 0 || d.joins(side, by, u)
}

// at tells whether an update is reflected in side's commitment number n.
func at(side Side, n uint64, u Numbers) bool { return u[side] != 0 && u[side] <= n }

// awaiting tells whether the peer owes the revocation of its previous commitment.
func (d *dance) awaiting() bool { return d.signed[Remote] > d.revoked[Remote] }

// revocationFirst is the order in which a lost revocation and a lost commitment
// of ours are sent again: the one in which they were sent at first.
func (d *dance) revocationFirst() bool { return d.signedAfter == d.revoked[Local] }

// feerates are the opener's update_fee by stage, in satoshi per 1000 weight;
// zero: none at that stage. Only the newest at a stage counts.
type feerates [stages]uint32

func (f *feerates) move(s step, opener Side) {
	from := arrows[s][opener]
	if f[from] != 0 {
		f[from+1], f[from] = f[from], 0
	}
}

// from is the newest feerate that has come at least as far as a stage.
func (f *feerates) from(s Stage) uint32 {
	for ; s < Irrevocable; s++ {
		if f[s] != 0 {
			return f[s]
		}
	}
	return f[Irrevocable]
}

// next is the feerate of side's next commitment.
func (f *feerates) next(side, opener Side) uint32 {
	if side == opener {
		return f.from(Revoked)
	}
	return f.from(Proposed)
}

// signed is the feerate of side's latest commitment.
func (f *feerates) signed(side, opener Side) uint32 {
	if side == opener {
		return f.from(AckCommitted)
	}
	return f.from(Committed)
}

// held is the feerate of side's latest commitment that it holds for sure: the
// one before the latest while its revocation is awaited.
func (f *feerates) held(side, opener Side) uint32 {
	if side == opener {
		return f.from(Irrevocable)
	}
	return f.from(Revoked)
}

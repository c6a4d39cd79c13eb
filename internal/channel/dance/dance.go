package dance

// Side is one of the two peers, as this node sees it.
type Side uint8

// The sides. A commitment's side is the one that may broadcast it; an update's
// side is the one that offered it.
const (
	Local Side = iota
	Remote
)

// Other is the peer's side of this one.
func (s Side) Other() Side { return 1 - s }

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

// Numbers says when an update (an add or a removal) took effect: the number of
// the first commitment of each side that reflects it, indexed by [Side]; zero:
// none yet (commitment 0 reflects no update). The update's stage follows.
type Numbers [2]uint64

// Step is one of the four events that move updates. Nothing else moves them.
type Step uint8

// The steps.
const (
	SendCommit Step = iota
	ReceiveRevoke
	ReceiveCommit
	SendRevoke
)

// Arrows is the whole protocol: an update offered by a side moves from the
// Stage in the table to the next one.
var Arrows = [...][2]Stage{
	//               ours            theirs
	SendCommit:    {Local: Proposed, Remote: Revoked},
	ReceiveRevoke: {Local: Committed, Remote: AckCommitted},
	ReceiveCommit: {Local: Revoked, Remote: Proposed},
	SendRevoke:    {Local: AckCommitted, Remote: Committed},
}

// Steps counts them. Every stage follows from these numbers and an
// update's own.
type Steps struct {
	Signed      Numbers // number of each side's latest signed commitment
	Revoked     Numbers // how many commitments each side has revoked
	SignedAfter uint64  // Revoked[Local] when we last signed
}

// Stage of an update offered by a side.
func (d *Steps) Stage(by Side, u Numbers) Stage {
	receiver := by.Other()
	switch {
	case u[receiver] == 0:
		return Proposed
	case u[receiver] > d.Revoked[receiver]:
		return Committed
	case u[by] == 0:
		return Revoked
	case u[by] > d.Revoked[by]:
		return AckCommitted
	}
	return Irrevocable
}

// Joins tells whether an update that is in no commitment of side yet will be in
// the next one to be signed.
func (d *Steps) Joins(side, by Side, u Numbers) bool {
	return u[side] == 0 && (by != side || d.Stage(by, u) == Revoked)
}

// Next tells whether an update will be reflected in side's next commitment.
func (d *Steps) Next(side, by Side, u Numbers) bool {
	return u[side] != 0 || d.Joins(side, by, u)
}

// At tells whether an update is reflected in side's commitment number n.
func At(side Side, n uint64, u Numbers) bool { return u[side] != 0 && u[side] <= n }

// Awaiting tells whether the peer owes the revocation of its previous commitment.
func (d *Steps) Awaiting() bool { return d.Signed[Remote] > d.Revoked[Remote] }

// RevocationFirst is the order in which a lost revocation and a lost commitment
// of ours are sent again: the one in which they were sent at first.
func (d *Steps) RevocationFirst() bool { return d.SignedAfter == d.Revoked[Local] }

// Feerates are the opener's update_fee by stage, in satoshi per 1000 weight;
// zero: none at that stage. Only the newest at a stage counts.
type Feerates [stages]uint32

// Move is what a step does to them.
func (f *Feerates) Move(s Step, opener Side) {
	from := Arrows[s][opener]
	if f[from] != 0 {
		f[from+1], f[from] = f[from], 0
	}
}

// From is the newest feerate that has come at least as far as a stage.
func (f *Feerates) From(s Stage) uint32 {
	for ; s < Irrevocable; s++ {
		if f[s] != 0 {
			return f[s]
		}
	}
	return f[Irrevocable]
}

// Next is the feerate of side's next commitment.
func (f *Feerates) Next(side, opener Side) uint32 {
	if side == opener {
		return f.From(Revoked)
	}
	return f.From(Proposed)
}

// Signed is the feerate of side's latest commitment.
func (f *Feerates) Signed(side, opener Side) uint32 {
	if side == opener {
		return f.From(AckCommitted)
	}
	return f.From(Committed)
}

// Held is the feerate of side's latest commitment that it holds for sure: the
// one before the latest while its revocation is awaited.
func (f *Feerates) Held(side, opener Side) uint32 {
	if side == opener {
		return f.From(Irrevocable)
	}
	return f.From(Revoked)
}

// Highest is the highest feerate that any commitment may have.
func (f *Feerates) Highest() (high uint32) {
	for _, perKw := range f {
		high = max(high, perKw)
	}
	return high
}

// Lowest is the lowest one.
func (f *Feerates) Lowest() uint32 {
	low := f[Irrevocable]
	for _, perKw := range f {
		if perKw != 0 {
			low = min(low, perKw)
		}
	}
	return low
}

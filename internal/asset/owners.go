package asset

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/leyden-ln/leyden/amount"
)

// The fee of a distribution, for each owner who gets something, by version: units of OMN,
// or of TOMN in the test ecosystem.
var feePerOwner = [2]amount.Units{1, 1000}

// owner is one who gets units in a distribution.
type owner struct {
	address string
	units   amount.Units
}

// sendToOwners gives units to all other owners, by what they have.
func (s *State) sendToOwners(p payload, out *Outcome) error {
	_, units, err := s.movable(p, out.Sender)
	if err != nil {
		return err
	}
	of := p.property
	if p.version > 0 {
		of = p.distribution
	}
	if _, ok := s.properties[of]; !ok {
		return ErrNoProperty
	}
	fee := ecosystem(p.property)
	for _, other := range []amount.Property{of, fee} {
		if why := s.properties[other].Tainted; why != "" && other != p.property {
			s.taint(p.property, "a distribution that depends on property %d", other)
		}
		if s.properties[other].Halted != "" {
			return ErrHalted
		}
	}
	owners := s.share(out.Sender, of, units)
	if len(owners) == 0 {
		return ErrReceiver
	}
	cost := feePerOwner[p.version] * amount.Units(len(owners))
	need := cost
	if fee == p.property {
		var ok bool
		if need, ok = need.Add(units); !ok {
			return ErrBalance
		}
	}
	if s.Balance(out.Sender, fee) < need {
		return ErrBalance
	}
	s.burn(out.Sender, fee, cost)
	if p.version > 0 {
		s.taint(fee, "fees of a distribution go to a pool that is not followed")
	}
	for _, o := range owners {
		s.move(out.Sender, o.address, p.property, o.units)
	}
	out.Units = units
	return nil
}

// share splits units among all but one of a property's owners, the largest first and each
// share rounded up, until nothing is left.
func (s *State) share(sender string, of amount.Property, units amount.Units) []owner {
	var owners []owner
	var total uint64
	for k, u := range s.balances {
		if k.Property == of && k.Address != sender {
			owners = append(owners, owner{k.Address, u})
			total += uint64(u)
		}
	}
	slices.SortFunc(owners, func(a, b owner) int {
		return cmp.Or(cmp.Compare(b.units, a.units), cmp.Compare(a.address, b.address))
	})
	left := units
	for i := range owners {
		hi, lo := bits.Mul64(uint64(owners[i].units), uint64(units))
		quotient, rest := bits.Div64(hi, lo, total) // an owner has at most the total
		if rest > 0 {
			quotient++
		}
		if owners[i].units = min(left, amount.Units(quotient)); owners[i].units == 0 {
			return owners[:i]
		}
		left -= owners[i].units
	}
	return owners
}

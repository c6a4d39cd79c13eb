package asset

import (
	"math"
	"math/big"

	"github.com/leyden-ln/leyden/amount"
)

// openSale checks the terms of a crowdsale and opens it.
func (s *State) openSale(p payload, issuer string, property *Property) error {
	terms := p.sale
	if s.params.live(noCrossover, s.height) && testEcosystem(p.property) != testEcosystem(terms.desired) {
		return ErrCrowdsale
	}
	if _, ok := s.properties[terms.desired]; !ok {
		return ErrNoProperty
	}
	if terms.deadline == 0 || terms.deadline > math.MaxInt64 || int64(terms.deadline) < s.time {
		return ErrCrowdsale
	}
	if _, selling := s.sales[issuer]; selling {
		return ErrCrowdsale
	}
	property.sale = terms
	s.setSale(issuer, &Crowdsale{
		Property: property.ID, Desired: terms.desired, Deadline: terms.deadline,
		earlyBird: terms.earlyBird, percent: terms.percent, perUnit: terms.perUnit,
	})
	return nil
}

// endSale closes a crowdsale on the issuer's word.
func (s *State) endSale(p payload, out *Outcome) error {
	property, ok := s.properties[p.property]
	sale, selling := s.sales[out.Sender]
	switch {
	case !ok:
		return ErrNoProperty
	case property.Unique:
		return ErrNature
	case !selling || sale.Property != p.property:
		return ErrCrowdsale
	}
	s.closeSale(out.Sender, true)
	return nil
}

// closeSale closes a crowdsale, with what rounding kept from the issuer if bonus.
func (s *State) closeSale(issuer string, bonus bool) {
	sale := s.sales[issuer]
	s.setSale(issuer, nil)
	property := s.properties[sale.Property]
	if !bonus || property.Halted != "" {
		return
	}
	due := new(big.Int).Mul(natural(uint64(sale.ForUsers)), natural(uint64(sale.percent)))
	due.Div(due, natural(100))
	missing := due.Sub(due, natural(uint64(sale.ForIssuer)))
	room := natural(uint64(amount.MaxUnits - s.totals[sale.Property]))
	if missing.Cmp(room) > 0 {
		missing = room
	}
	if missing.Sign() > 0 {
		s.create(property.Issuer, sale.Property, amount.Units(missing.Uint64()))
	}
}

// participate creates what a payment to the issuer of an open crowdsale buys.
func (s *State) participate(issuer string, paid amount.Property, units amount.Units, out *Outcome) {
	sale, ok := s.sales[issuer]
	if !ok || sale.Desired != paid || s.properties[sale.Property].Halted != "" {
		return
	}
	if s.properties[paid].Tainted != "" {
		s.taint(sale.Property, "its crowdsale takes property %d, which is tainted", paid)
	}
	total := s.totals[sale.Property]
	if total == amount.MaxUnits {
		// What was paid is paid all the same.
		_ = s.diverge(sale.Property, out, "its crowdsale has created all that it may and is still open, where Omni Core fails")
		return
	}
	user, own := sale.buys(units, s.properties[paid].Divisible, s.time)
	all := new(big.Int).Add(user, own)
	room := natural(uint64(amount.MaxUnits - total))
	full := all.Cmp(room) > 0
	if full {
		// In proportion, with Omni Core's precision.
		scale := new(big.Int).Mul(precision, wholeToken)
		ratio := new(big.Int).Mul(all, scale)
		ratio.Div(ratio, room)
		own.Div(own.Mul(own, scale), ratio)
		user.Sub(room, own)
	}
	sale.ForUsers += amount.Units(user.Uint64())
	sale.ForIssuer += amount.Units(own.Uint64())
	s.setSale(issuer, &sale)
	s.create(out.Sender, sale.Property, amount.Units(user.Uint64()))
	s.create(issuer, sale.Property, amount.Units(own.Uint64()))
	if full {
		s.closeSale(issuer, false)
	}
}

var (
	precision  = natural(1_000_000_000_000)
	wholeToken = natural(100_000_000)
	week       = natural(7 * 24 * 60 * 60)
)

func natural(v uint64) *big.Int { return new(big.Int).SetUint64(v) }

// buys is what a payment creates, for the payer and for the issuer, with the precision
// and the rounding of Omni Core's sp.cpp.
func (c Crowdsale) buys(paid amount.Units, isDivisible bool, now int64) (user, own *big.Int) {
	early := new(big.Int)
	if now >= 0 && uint64(now) < c.Deadline {
		early = natural(c.Deadline - uint64(now))
	}
	// (weeks * precision) rounds down as their whole and their rest do apart.
	bonus := early.Div(early.Mul(early, precision), week)
	bonus.Mul(bonus, natural(uint64(c.earlyBird)))
	bonus.Add(bonus, new(big.Int).Mul(precision, natural(100)))
	bonus.Div(bonus, natural(100))

	created := natural(uint64(paid))
	if !isDivisible {
		created.Mul(created, wholeToken)
	}
	created.Mul(created, natural(c.perUnit))
	created.Mul(created, bonus)
	user = created.Div(created, new(big.Int).Mul(precision, wholeToken))
	own = new(big.Int).Mul(user, natural(uint64(c.percent)))
	return user, own.Div(own, natural(100))
}

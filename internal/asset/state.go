package asset

import (
	"fmt"
	"maps"
	"slices"

	"github.com/leyden-ln/leyden/amount"
)

// State is what the rules know after a block. It has one user at a time.
type State struct {
	params     *Params
	height     uint32
	time       int64 // seconds since 1970, of the block
	balances   map[Key]amount.Units
	totals     map[amount.Property]amount.Units
	properties map[amount.Property]Property
	next       map[amount.Property]amount.Property // by ecosystem
	sales      map[string]Crowdsale                // by issuer
	frozen     map[Key]bool
	changes    Changes
}

// Property is what is known of a property.
type Property struct {
	ID               amount.Property
	Issuer, Delegate string
	About
	Divisible bool
	Unique    bool // non-fungible: no more is known of it than that
	Fixed     bool // all units were there from the start
	Managed   bool // the issuer, or the delegate, grants units
	// Freezing are the heights, rising, from which the issuer may freeze an address's
	// units; the first one counts, and disabling takes away that one only.
	Freezing []uint32
	// Tainted says why its balances are not to be relied on, Halted why nothing moves
	// it any more; empty when neither is so.
	Tainted, Halted string

	sale sale
}

// Crowdsale is an open one.
type Crowdsale struct {
	Property, Desired   amount.Property
	Deadline            uint64 // seconds since 1970
	ForUsers, ForIssuer amount.Units
	earlyBird, percent  uint8
	perUnit             uint64
}

// Changes are what a block did, oldest first.
type Changes struct {
	Balances   []BalanceChange
	Properties []PropertyChange
	Sales      []SaleChange
	Frozen     []FrozenChange
}

// Empty says whether nothing changed.
func (c Changes) Empty() bool {
	return len(c.Balances)+len(c.Properties)+len(c.Sales)+len(c.Frozen) == 0
}

// BalanceChange is one of an address.
type BalanceChange struct {
	Key
	Before, After amount.Units
}

// PropertyChange is one of a property. Before is zero for a new one.
type PropertyChange struct{ Before, After Property }

// SaleChange is one of an issuer's crowdsale; nil for none.
type SaleChange struct {
	Issuer        string
	Before, After *Crowdsale
}

// FrozenChange says that an address was frozen, or no longer is.
type FrozenChange struct {
	Key
	After bool
}

// NewState is the state before the first block.
func NewState(params *Params) *State {
	s := &State{
		params: params, balances: map[Key]amount.Units{}, totals: map[amount.Property]amount.Units{},
		properties: map[amount.Property]Property{}, next: map[amount.Property]amount.Property{OMN: firstMain, TOMN: firstTest},
		sales: map[string]Crowdsale{}, frozen: map[Key]bool{},
	}
	for id, name := range map[amount.Property]string{OMN: "Omni Token", TOMN: "Test Omni Token"} {
		p := Property{ID: id, Issuer: params.Exodus, Divisible: true, About: About{Name: name}}
		if params.Exodus != "" {
			p.Tainted = "it is also made and moved by rules that are not executed"
		}
		s.properties[id] = p
	}
	for _, b := range params.Start {
		s.balances[b.Key] = b.Units
		s.totals[b.Property] += b.Units
	}
	return s
}

// Begin starts a block: crowdsales that its time is past are closed.
func (s *State) Begin(height uint32, time int64) {
	s.height, s.time, s.changes = height, time, Changes{}
	for _, issuer := range slices.Sorted(maps.Keys(s.sales)) {
		if time > 0 && uint64(time) > s.sales[issuer].Deadline {
			s.closeSale(issuer, true)
		}
	}
}

// End gives what the block did.
func (s *State) End() Changes { return s.changes }

// Undo takes a block back, the last one only.
func (s *State) Undo(c Changes) {
	for i := len(c.Balances) - 1; i >= 0; i-- {
		b := c.Balances[i]
		s.put(b.Key, b.Before)
	}
	for i := len(c.Properties) - 1; i >= 0; i-- {
		switch before := c.Properties[i].Before; before.ID {
		case 0:
			id := c.Properties[i].After.ID
			delete(s.properties, id)
			s.next[ecosystem(id)] = id
		default:
			s.properties[before.ID] = before
		}
	}
	for i := len(c.Sales) - 1; i >= 0; i-- {
		s.putSale(c.Sales[i].Issuer, c.Sales[i].Before)
	}
	for i := len(c.Frozen) - 1; i >= 0; i-- {
		s.putFrozen(c.Frozen[i].Key, !c.Frozen[i].After)
	}
	s.changes = Changes{}
}

// Balance is what an address has of a property.
func (s *State) Balance(address string, property amount.Property) amount.Units {
	return s.balances[Key{address, property}]
}

// Balances are all that are not zero.
func (s *State) Balances() map[Key]amount.Units { return maps.Clone(s.balances) }

// Total is how many units there are of a property.
func (s *State) Total(property amount.Property) amount.Units { return s.totals[property] }

// Property is what is known of one; false when there is none.
func (s *State) Property(id amount.Property) (Property, bool) {
	p, ok := s.properties[id]
	return p, ok
}

// Properties are all of them.
func (s *State) Properties() map[amount.Property]Property { return maps.Clone(s.properties) }

// Crowdsales are the open ones, by issuer.
func (s *State) Crowdsales() map[string]Crowdsale { return maps.Clone(s.sales) }

// Crowdsale is the open one of an issuer; nil: none.
func (s *State) Crowdsale(issuer string) *Crowdsale {
	if sale, ok := s.sales[issuer]; ok {
		return &sale
	}
	return nil
}

// Frozen says whether an address cannot send its units.
func (s *State) Frozen(address string, property amount.Property) bool {
	return s.frozen[Key{address, property}]
}

func (s *State) put(k Key, u amount.Units) {
	if s.totals[k.Property] += u - s.balances[k]; s.totals[k.Property] == 0 {
		delete(s.totals, k.Property)
	}
	if u == 0 {
		delete(s.balances, k)
		return
	}
	s.balances[k] = u
}

func (s *State) putSale(issuer string, sale *Crowdsale) {
	if sale == nil {
		delete(s.sales, issuer)
		return
	}
	s.sales[issuer] = *sale
}

func (s *State) putFrozen(k Key, frozen bool) {
	if !frozen {
		delete(s.frozen, k)
		return
	}
	s.frozen[k] = true
}

func (s *State) set(k Key, u amount.Units) {
	s.changes.Balances = append(s.changes.Balances, BalanceChange{k, s.balances[k], u})
	s.put(k, u)
}

// create gives an address new units. The caller has seen to it that there may be so many.
func (s *State) create(address string, p amount.Property, u amount.Units) {
	if u > 0 {
		k := Key{address, p}
		s.set(k, s.balances[k]+u)
	}
}

// burn takes units that the address has.
func (s *State) burn(address string, p amount.Property, u amount.Units) {
	k := Key{address, p}
	s.set(k, s.balances[k]-u)
}

// move moves units that the sender has. All that there are of a property fit into one
// balance.
func (s *State) move(from, to string, p amount.Property, u amount.Units) {
	s.burn(from, p, u)
	s.create(to, p, u)
}

// update changes a property, or makes one.
func (s *State) update(p Property) {
	before, ok := s.properties[p.ID]
	if !ok {
		s.next[ecosystem(p.ID)] = p.ID + 1
	}
	s.changes.Properties = append(s.changes.Properties, PropertyChange{before, p})
	s.properties[p.ID] = p
}

func (s *State) setSale(issuer string, after *Crowdsale) {
	var before *Crowdsale
	if b, ok := s.sales[issuer]; ok {
		before = &b
	}
	s.changes.Sales = append(s.changes.Sales, SaleChange{issuer, before, after})
	s.putSale(issuer, after)
}

func (s *State) setFrozen(k Key, frozen bool) {
	if s.frozen[k] != frozen {
		s.changes.Frozen = append(s.changes.Frozen, FrozenChange{k, frozen})
		s.putFrozen(k, frozen)
	}
}

// taint marks a property, the first reason for ever.
func (s *State) taint(id amount.Property, why string, args ...any) {
	if p, ok := s.properties[id]; ok && p.Tainted == "" {
		p.Tainted = fmt.Sprintf(why, args...)
		s.update(p)
	}
}

// halt stops a property for ever.
func (s *State) halt(id amount.Property, why string) {
	if p, ok := s.properties[id]; ok && p.Halted == "" {
		p.Halted = why
		s.update(p)
	}
}

// ecosystem is the one of a property.
func ecosystem(p amount.Property) amount.Property {
	if testEcosystem(p) {
		return TOMN
	}
	return OMN
}

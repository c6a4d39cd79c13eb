package asset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/leyden-ln/leyden/amount"
)

// ErrDamaged means that bytes are not what Encode made.
var ErrDamaged = errors.New("the record of a property is damaged")

// Snapshot is all that a state is made of, in no order.
type Snapshot struct {
	Balances   []Balance // none is zero
	Properties []Property
	Sales      map[string]Crowdsale // by issuer
	Frozen     []Key
}

// Snapshot is what [LoadState] makes the same state of.
func (s *State) Snapshot() Snapshot {
	out := Snapshot{Sales: maps.Clone(s.sales)}
	for k, u := range s.balances {
		out.Balances = append(out.Balances, Balance{k, u})
	}
	for _, p := range s.properties {
		out.Properties = append(out.Properties, p)
	}
	for k := range s.frozen {
		out.Frozen = append(out.Frozen, k)
	}
	return out
}

// LoadState is the state of a snapshot.
func LoadState(params *Params, from Snapshot) *State {
	s := NewState(params)
	clear(s.balances)
	clear(s.totals)
	for _, b := range from.Balances {
		s.put(b.Key, b.Units)
	}
	for _, p := range from.Properties {
		s.properties[p.ID] = p
		if e := ecosystem(p.ID); p.ID > TOMN && p.ID >= s.next[e] {
			s.next[e] = p.ID + 1
		}
	}
	maps.Copy(s.sales, from.Sales)
	for _, k := range from.Frozen {
		s.frozen[k] = true
	}
	return s
}

// writer appends what [reader] reads.
type writer struct{ b []byte }

func (w *writer) u8(v uint8)                  { w.b = append(w.b, v) }
func (w *writer) u32(v uint32)                { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)                { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) property(id amount.Property) { w.u32(uint32(id)) }
func (w *writer) count(n int)                 { w.u32(uint32(n)) } //nolint:gosec // a block holds fewer

// sized writes a text after its length.
func (w *writer) sized(s string) {
	w.count(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) flags(all ...bool) {
	var v uint8
	for i, f := range all {
		if f {
			v |= 1 << i
		}
	}
	w.u8(v)
}

func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

func (r *reader) sized() string {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		r.short = true
		return ""
	}
	return string(r.take(int(n)))
}

// flags reads as many as there are; a bit beyond them is damage.
func (r *reader) flags(all ...*bool) {
	v := r.u8()
	for i, f := range all {
		*f = v&(1<<i) != 0
	}
	if v>>len(all) != 0 {
		r.short = true
	}
}

// end says whether all was read, and all of it well.
func (r *reader) end() error {
	if r.short || len(r.b) > 0 {
		return ErrDamaged
	}
	return nil
}

func (w *writer) sale(s sale) {
	w.property(s.desired)
	w.u64(s.perUnit)
	w.u64(s.deadline)
	w.u8(s.earlyBird)
	w.u8(s.percent)
}

func (r *reader) sale() sale {
	return sale{desired: r.property(), perUnit: r.u64(), deadline: r.u64(), earlyBird: r.u8(), percent: r.u8()}
}

func (w *writer) whole(p Property) {
	w.property(p.ID)
	for _, s := range []string{p.Issuer, p.Delegate, p.Category, p.Subcategory, p.Name, p.URL, p.Data, p.Tainted, p.Halted} {
		w.sized(s)
	}
	w.flags(p.Divisible, p.Unique, p.Fixed, p.Managed)
	w.count(len(p.Freezing))
	for _, height := range p.Freezing {
		w.u32(height)
	}
	w.sale(p.sale)
}

func (r *reader) whole() (p Property) {
	p.ID = r.property()
	for _, s := range []*string{&p.Issuer, &p.Delegate, &p.Category, &p.Subcategory, &p.Name, &p.URL, &p.Data, &p.Tainted, &p.Halted} {
		*s = r.sized()
	}
	r.flags(&p.Divisible, &p.Unique, &p.Fixed, &p.Managed)
	for n := r.u32(); n > 0 && !r.short; n-- {
		p.Freezing = append(p.Freezing, r.u32())
	}
	p.sale = r.sale()
	return p
}

func (w *writer) crowdsale(c Crowdsale) {
	w.property(c.Property)
	w.property(c.Desired)
	w.u64(c.Deadline)
	w.u64(uint64(c.ForUsers))
	w.u64(uint64(c.ForIssuer))
	w.u8(c.earlyBird)
	w.u8(c.percent)
	w.u64(c.perUnit)
}

func (r *reader) crowdsale() Crowdsale {
	return Crowdsale{
		Property: r.property(), Desired: r.property(), Deadline: r.u64(),
		ForUsers: amount.Units(r.u64()), ForIssuer: amount.Units(r.u64()),
		earlyBird: r.u8(), percent: r.u8(), perUnit: r.u64(),
	}
}

func (w *writer) key(k Key) {
	w.sized(k.Address)
	w.property(k.Property)
}

func (r *reader) key() Key { return Key{r.sized(), r.property()} }

// Encode gives all that is known of a property, for [DecodeProperty].
func (p Property) Encode() []byte {
	var w writer
	w.whole(p)
	return w.b
}

// DecodeProperty reads what [Property.Encode] made. Error: [ErrDamaged].
func DecodeProperty(b []byte) (Property, error) {
	r := reader{b: b}
	p := r.whole()
	if err := r.end(); err != nil {
		return Property{}, err
	}
	return p, nil
}

// Encode gives a crowdsale as it stands, for [DecodeCrowdsale].
func (c Crowdsale) Encode() []byte {
	var w writer
	w.crowdsale(c)
	return w.b
}

// DecodeCrowdsale reads what [Crowdsale.Encode] made. Error: [ErrDamaged].
func DecodeCrowdsale(b []byte) (Crowdsale, error) {
	r := reader{b: b}
	c := r.crowdsale()
	if err := r.end(); err != nil {
		return Crowdsale{}, err
	}
	return c, nil
}

// Encode gives what a block did, for [DecodeChanges].
func (c Changes) Encode() []byte {
	var w writer
	w.count(len(c.Balances))
	for _, b := range c.Balances {
		w.key(b.Key)
		w.u64(uint64(b.Before))
		w.u64(uint64(b.After))
	}
	w.count(len(c.Properties))
	for _, p := range c.Properties {
		w.flags(p.Before.ID != 0)
		if p.Before.ID != 0 {
			w.whole(p.Before)
		}
		w.whole(p.After)
	}
	w.count(len(c.Sales))
	for _, s := range c.Sales {
		w.sized(s.Issuer)
		w.flags(s.Before != nil, s.After != nil)
		for _, sale := range []*Crowdsale{s.Before, s.After} {
			if sale != nil {
				w.crowdsale(*sale)
			}
		}
	}
	w.count(len(c.Frozen))
	for _, f := range c.Frozen {
		w.key(f.Key)
		w.flags(f.After)
	}
	return w.b
}

// DecodeChanges reads what [Changes.Encode] made. Error: [ErrDamaged].
func DecodeChanges(b []byte) (c Changes, err error) {
	r := reader{b: b}
	for n := r.u32(); n > 0 && !r.short; n-- {
		c.Balances = append(c.Balances, BalanceChange{r.key(), amount.Units(r.u64()), amount.Units(r.u64())})
	}
	for n := r.u32(); n > 0 && !r.short; n-- {
		var p PropertyChange
		var known bool
		if r.flags(&known); known {
			p.Before = r.whole()
		}
		p.After = r.whole()
		if known && p.Before.ID == 0 {
			return Changes{}, fmt.Errorf("%w: it was property 0", ErrDamaged)
		}
		c.Properties = append(c.Properties, p)
	}
	for n := r.u32(); n > 0 && !r.short; n-- {
		s := SaleChange{Issuer: r.sized()}
		var before, after bool
		r.flags(&before, &after)
		if before {
			s.Before = new(r.crowdsale())
		}
		if after {
			s.After = new(r.crowdsale())
		}
		c.Sales = append(c.Sales, s)
	}
	for n := r.u32(); n > 0 && !r.short; n-- {
		f := FrozenChange{Key: r.key()}
		r.flags(&f.After)
		c.Frozen = append(c.Frozen, f)
	}
	if err := r.end(); err != nil {
		return Changes{}, err
	}
	return c, nil
}

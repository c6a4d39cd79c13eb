package asset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
)

// Outcome is what became of a transaction.
type Outcome struct {
	Message
	Type     uint16
	Property amount.Property // the one that it made, or names
	Units    amount.Units    // how many it moved, made or burnt
	// Err says why it did nothing; nil when it was valid.
	Err error
	// Alarm says what the operator must know; empty for nothing.
	Alarm string
}

// Errors of an [Outcome].
var (
	ErrNotAllowed  = errors.New("this type does not move this property at this height")
	ErrAmount      = errors.New("the amount is zero or too large")
	ErrNoProperty  = errors.New("there is no such property")
	ErrBalance     = errors.New("the sender does not have that much")
	ErrFrozen      = errors.New("the sender is frozen")
	ErrNature      = errors.New("the property is not of the kind that this type is for")
	ErrNotIssuer   = errors.New("the sender is not who may do this")
	ErrReceiver    = errors.New("there is no receiver, or none that can be")
	ErrCrowdsale   = errors.New("a crowdsale stands in the way, or there is none")
	ErrFreezing    = errors.New("freezing is not enabled, or the address is so already")
	ErrHalted      = errors.New("the property is halted")
	ErrNotExecuted = errors.New("this type is not executed")
)

// Execute runs a transaction of the block. Spent is the script of the output that its
// first input spends, nil for a coinbase. It is false for what is none of Omni's.
func (s *State) Execute(tx *btcwire.MsgTx, spent []byte) (Outcome, bool) {
	m, ok := s.params.Read(s.height, tx, spent)
	if !ok {
		if spent == nil || !s.params.live(genesis, s.height) || !s.params.older(tx) || hasMarker(tx) && s.params.live(nullData, s.height) {
			return Outcome{}, false
		}
		return Outcome{Err: ErrNotExecuted, Alarm: s.taintAll("a transaction of an older class")}, true
	}
	out := Outcome{Message: m}
	p, err := decode(m.Payload)
	if err != nil {
		out.Err = err
		return out, true
	}
	out.Type, out.Property = p.typ, p.property
	s.run(p, &out)
	return out, true
}

func hasMarker(tx *btcwire.MsgTx) bool {
	return slices.ContainsFunc(tx.TxOut, func(o *btcwire.TxOut) bool {
		_, ok := marked(o.PkScript)
		return ok
	})
}

func (s *State) taintAll(what string) string {
	ids := make([]amount.Property, 0, len(s.properties))
	for id := range s.properties {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		s.taint(id, "%s, which is not executed", what)
	}
	return what + " may have moved any property: no balance is to be relied on"
}

// run executes by type.
func (s *State) run(p payload, out *Outcome) {
	execute, ok := map[uint16]func(*State, payload, *Outcome) error{
		omni.TypeSimpleSend: (*State).simpleSend, typeSendToOwners: (*State).sendToOwners, typeSendAll: (*State).sendAll,
		omni.TypeSendToMany: (*State).sendToMany,
		typeFixed:           (*State).issue, typeCrowdsale: (*State).issue, typeManaged: (*State).issue,
		typeCloseCrowdsale: (*State).endSale,
		typeGrant:          (*State).grant, typeRevoke: (*State).revoke,
		typeChangeIssuer: (*State).changeIssuer, typeAddDelegate: (*State).delegate, typeRemoveDelegate: (*State).delegate,
		typeEnableFreezing: (*State).freezing, typeDisableFreezing: (*State).freezing,
		typeFreeze: (*State).freeze, typeUnfreeze: (*State).freeze,
	}[p.typ]
	if !ok {
		s.other(p, out)
		return
	}
	named := p.property
	switch p.typ {
	case typeCrowdsale:
		named = p.sale.desired
	case typeFixed, typeManaged:
		named = 0
	}
	if s.frozen[Key{out.Sender, named}] {
		out.Err = ErrFrozen
		return
	}
	if !s.params.permits(p.kind, p.property, s.height) {
		out.Err = ErrNotAllowed
		return
	}
	out.Err = execute(s, p, out)
}

// other taints what a type that is not executed may have touched.
func (s *State) other(p payload, out *Outcome) {
	out.Err = fmt.Errorf("%w: %d", ErrNotExecuted, p.typ)
	if p.typ == typeActivation || p.typ == typeDeactivation {
		if slices.Contains(s.params.Activators, out.Sender) {
			out.Alarm = s.taintAll("a change of the rules")
		}
		return
	}
	if s.Balance(out.Sender, p.property) > 0 {
		s.taint(p.property, "a transaction of type %d, which is not executed", p.typ)
	}
}

// movable checks what is common to the types that move one property.
func (s *State) movable(p payload, sender string) (Property, amount.Units, error) {
	property, ok := s.properties[p.property]
	units := amount.Units(p.units)
	switch {
	case property.Unique:
		return property, 0, ErrNature
	case units == 0 || units > amount.MaxUnits:
		return property, 0, ErrAmount
	case !ok:
		return property, 0, ErrNoProperty
	case property.Halted != "": // before the balance, which is not known any more
		return property, 0, ErrHalted
	case s.Balance(sender, p.property) < units:
		return property, 0, ErrBalance
	}
	return property, units, nil
}

func (s *State) simpleSend(p payload, out *Outcome) error {
	_, units, err := s.movable(p, out.Sender)
	if err != nil {
		return err
	}
	to := out.to()
	s.move(out.Sender, to, p.property, units)
	out.Units = units
	s.participate(to, p.property, units, out)
	return nil
}

// to is the reference, or the sender where there is none.
func (o *Outcome) to() string {
	if o.Reference == "" {
		return o.Sender
	}
	return o.Reference
}

func (s *State) sendAll(p payload, out *Outcome) error {
	if !s.params.live(nonFungibleIssuer, s.height) && s.properties[p.property].Unique {
		return ErrNature
	}
	sent := 0
	for _, k := range s.keysOf(out.Sender) {
		property := s.properties[k.Property]
		if p.property == OMN && testEcosystem(k.Property) || p.property == TOMN && !testEcosystem(k.Property) ||
			s.frozen[k] || property.Halted != "" ||
			property.Unique && s.params.live(nonFungibleIssuer, s.height) {
			continue
		}
		s.move(out.Sender, out.to(), k.Property, s.balances[k])
		sent++
	}
	if sent == 0 {
		return ErrBalance
	}
	return nil
}

// keysOf are the balances of an address, by rising property.
func (s *State) keysOf(address string) []Key {
	var keys []Key
	for id := range s.properties {
		if k := (Key{address, id}); s.balances[k] > 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return int(int64(a.Property) - int64(b.Property)) })
	return keys
}

func (s *State) sendToMany(p payload, out *Outcome) error {
	zero, wraps := false, false
	var sum amount.Units // wraps around, as Omni Core's does
	for _, e := range p.entries {
		zero = zero || e.Units == 0
		wraps = wraps || e.Units > amount.MaxUnits || sum+e.Units < sum
		sum += e.Units
	}
	p.units = uint64(sum)
	_, units, err := s.movable(p, out.Sender)
	if err != nil {
		return err
	}
	for _, e := range p.entries {
		if _, ok := out.Outputs[int(e.Output)]; !ok {
			return fmt.Errorf("%w: output %d", ErrReceiver, e.Output)
		}
	}
	switch {
	case wraps:
		return s.diverge(p.property, out, "a send-to-many whose sum wraps around may have taken units from anyone")
	case zero:
		return s.diverge(p.property, out, "a send-to-many with an entry of zero stops Omni Core")
	}
	for _, e := range p.entries {
		s.move(out.Sender, out.Outputs[int(e.Output)], p.property, e.Units)
	}
	out.Units = units
	return nil
}

// diverge halts a property, because what Omni Core does cannot be followed.
func (s *State) diverge(id amount.Property, out *Outcome, why string) error {
	s.halt(id, why)
	out.Alarm = fmt.Sprintf("property %d is halted: %s", id, why)
	return ErrHalted
}

// owned is a property that exists and that its issuer manages, which the sender may.
func (s *State) owned(p payload, sender string, delegate bool) (Property, error) {
	property, ok := s.properties[p.property]
	may := property.Issuer
	if delegate && property.Delegate != "" {
		may = property.Delegate
	}
	switch {
	case !ok:
		return property, ErrNoProperty
	case !property.Managed:
		return property, ErrNature
	case sender != may:
		return property, ErrNotIssuer
	case property.Halted != "":
		return property, ErrHalted
	}
	return property, nil
}

func (s *State) grant(p payload, out *Outcome) error {
	units := amount.Units(p.units)
	if units == 0 || units > amount.MaxUnits {
		return ErrAmount
	}
	if _, err := s.owned(p, out.Sender, true); err != nil {
		return err
	}
	if _, ok := s.totals[p.property].Add(units); !ok {
		return ErrAmount
	}
	s.create(out.to(), p.property, units)
	out.Units = units
	if !s.params.live(grantsWithoutEffects, s.height) {
		s.participate(out.to(), p.property, units, out)
	}
	return nil
}

// revoke burns units of the sender, who may be anyone.
func (s *State) revoke(p payload, out *Outcome) error {
	property, units, err := s.movable(p, out.Sender)
	if err != nil {
		return err
	}
	if !property.Managed {
		return ErrNature
	}
	s.burn(out.Sender, p.property, units)
	out.Units = units
	return nil
}

func (s *State) issue(p payload, out *Outcome) error {
	if p.property != OMN && p.property != TOMN {
		return ErrNoProperty
	}
	property := Property{ID: s.next[p.property], Issuer: out.Sender, About: p.about, Divisible: p.nature == divisible}
	units := amount.Units(p.units)
	switch p.typ {
	case typeFixed:
		property.Fixed = true
	case typeManaged:
		units = 0
		property.Managed = true
		property.Unique = p.nature == unique && s.params.live(nonFungible, s.height)
	case typeCrowdsale:
		units = amount.Units(p.sale.perUnit)
	}
	if p.typ != typeManaged && (units == 0 || units > amount.MaxUnits) {
		return ErrAmount
	}
	if p.nature != indivisible && p.nature != divisible && !property.Unique || p.about.Name == "" {
		return ErrNature
	}
	if property.ID == 0 { // the ecosystem is full
		return ErrNoProperty
	}
	if p.typ == typeCrowdsale {
		if err := s.openSale(p, out.Sender, &property); err != nil {
			return err
		}
		units = 0
	}
	if property.Unique {
		property.Tainted = "it is non-fungible"
	}
	s.update(property)
	s.create(out.Sender, property.ID, units)
	out.Property, out.Units = property.ID, units
	return nil
}

func (s *State) changeIssuer(p payload, out *Outcome) error {
	property, ok := s.properties[p.property]
	_, selling := s.sales[out.Sender]
	_, sells := s.sales[out.Reference]
	switch {
	case !ok:
		return ErrNoProperty
	case property.Unique:
		return ErrNature
	case out.Sender != property.Issuer:
		return ErrNotIssuer
	case selling || sells:
		return ErrCrowdsale
	case out.Reference == "":
		return ErrReceiver
	}
	property.Issuer = out.Reference
	s.update(property)
	return nil
}

func (s *State) delegate(p payload, out *Outcome) error {
	property, err := s.owned(p, out.Sender, false)
	if p.typ == typeRemoveDelegate && errors.Is(err, ErrNotIssuer) && out.Sender == property.Delegate {
		err = nil
	}
	switch {
	case err != nil:
		return err
	case out.Reference == "" || p.typ == typeRemoveDelegate && out.Reference != property.Delegate:
		return ErrReceiver
	}
	property.Delegate = out.Reference
	if p.typ == typeRemoveDelegate {
		property.Delegate = ""
	}
	s.update(property)
	return nil
}

// canFreeze says whether an issuer may freeze addresses now.
func (s *State) canFreeze(p Property) bool { return len(p.Freezing) > 0 && s.height >= p.Freezing[0] }

func (s *State) freezing(p payload, out *Outcome) error {
	property, err := s.owned(p, out.Sender, false)
	if err != nil {
		return err
	}
	enable := p.typ == typeEnableFreezing
	if s.canFreeze(property) == enable {
		return ErrFreezing
	}
	if enable {
		from := s.height
		if s.params.live(freezeNotice, s.height) {
			from += s.params.FreezeWait
		}
		if !slices.Contains(property.Freezing, from) {
			property.Freezing = append(slices.Clone(property.Freezing), from)
		}
	} else {
		property.Freezing = property.Freezing[1:]
		s.unfreezeAll(p.property)
	}
	s.update(property)
	return nil
}

// unfreezeAll lets all addresses send a property again.
func (s *State) unfreezeAll(id amount.Property) {
	var keys []Key
	for k := range s.frozen {
		if k.Property == id {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Address, b.Address) })
	for _, k := range keys {
		s.setFrozen(k, false)
	}
}

func (s *State) freeze(p payload, out *Outcome) error {
	property, err := s.owned(p, out.Sender, true)
	if err != nil {
		return err
	}
	if !s.canFreeze(property) {
		return ErrFreezing
	}
	if len(p.address) != 21 && len(p.address) != 33 {
		return s.diverge(p.property, out, "versions of Omni Core freeze different addresses")
	}
	address, ok := s.frozenAddress(p.address)
	if !ok {
		return ErrReceiver
	}
	k := Key{address, p.property}
	if s.frozen[k] == (p.typ == typeFreeze) {
		return ErrFreezing
	}
	s.setFrozen(k, p.typ == typeFreeze)
	return nil
}

// Versions of addresses in a freeze.
const (
	freezeWitnessV0 = 0xff
	freezeWitnessV1 = 0xfe
)

// frozenAddress reads the address of a freeze: its version and its hash or program.
func (s *State) frozenAddress(b []byte) (string, bool) {
	pubKeyHash, hash := byte(0x6f), byte(0xc4)
	if s.params.Network == bolt11.Mainnet {
		pubKeyHash, hash = 0x00, 0x05
	}
	f := bolt11.Fallback{Program: b[1:]}
	ok := true
	switch {
	case b[0] == freezeWitnessV0:
		ok = s.params.live(witnessV0, s.height)
	case b[0] == freezeWitnessV1 && len(f.Program) == 32:
		f.Version, ok = 1, s.params.live(witnessV1, s.height)
	case len(f.Program) != 20:
		ok = false
	case b[0] == pubKeyHash:
		f.Version = bolt11.PubKeyHash
	case b[0] == hash:
		f.Version = bolt11.ScriptHash
	default:
		ok = false
	}
	return f.Address(s.params.Network), ok
}

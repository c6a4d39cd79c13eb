package record

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
)

// The properties of the first scene.
const (
	Tea  amount.Property = 2147483651
	Cups amount.Property = 2147483652
)

// first is where the second scene finds what it issues.
const first = Cups + 1

// The types of transactions for which nothing else has a name.
const (
	sendToOwners    = 3
	sendAll         = 4
	fixed           = 50
	crowdsale       = 51
	closeCrowdsale  = 53
	managed         = 54
	grant           = 55
	revoke          = 56
	changeIssuer    = 70
	enableFreezing  = 71
	disableFreezing = 72
	addDelegate     = 73
	removeDelegate  = 74
	freeze          = 185
	unfreeze        = 186
)

// of is the payload of a type: numbers big-endian, texts with their end.
func of(typ uint16, fields ...any) []byte {
	b := omni.Header(typ)
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(append(b, f...), 0)
		case []byte:
			b = append(b, f...)
		default:
			var err error
			if b, err = binary.Append(b, binary.BigEndian, f); err != nil {
				panic(err) // a type without a size
			}
		}
	}
	return b
}

func tx(from string, payload []byte, to ...string) Tx {
	return Tx{From: from, Payload: hex.EncodeToString(payload), To: to}
}

// to is a name's address as a freeze has it.
func to(name string) []byte {
	f := Named(name).Fallback()
	if f.Version == 0 {
		return append([]byte{0xfe}, f.Program...)
	}
	return append([]byte{0xc4}, f.Program...)
}

func issue(typ uint16, test, divisible bool, name string, more ...any) []byte {
	ecosystem, nature := uint8(asset.OMN), uint16(1)
	if test {
		ecosystem = uint8(asset.TOMN)
	}
	if divisible {
		nature = 2
	}
	return of(typ, append([]any{ecosystem, nature, uint32(0), "Drinks", "Hot", name, "tea.example", "Earl Grey"}, more...)...)
}

// Shop is the scene after which the questions are asked: a issues Tea, and Cups that it may
// freeze, and b has some of both.
func Shop() Scene {
	return Scene{1, []Tx{
		tx("a", issue(fixed, true, true, "Tea", uint64(1000_00000000))),
		tx("a", of(omni.TypeSimpleSend, Tea, uint64(10_50000000)), "b"),
		tx("a", issue(managed, true, false, "Cups")),
		tx("a", of(grant, Cups, uint64(7)), "b"),
		tx("a", of(enableFreezing, Cups)),
		tx("a", of(freeze, Cups, uint64(0), to("b"))),
	}}
}

// Questions are what a view asks about the shop.
func Questions() []Question {
	all := []Question{{"omni_getinfo", nil}, {"omni_listproperties", nil}}
	for _, p := range []amount.Property{1, Tea, Cups, Cups + 1} {
		all = append(all, Question{"omni_getproperty", []any{p}})
	}
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, Question{"omni_getallbalancesforaddress", []any{Named(name).Address()}})
	}
	return append(all, Question{"omni_getallbalancesforaddress", []any{"nobody"}})
}

// Market is a scene of every type that a ledger executes, nearly all of them as they should be.
func Market() Scene {
	const deadline = uint64(1 << 40)
	many := of(omni.TypeSendToMany, first, uint8(26))
	var receivers []string
	for i := range uint8(26) { // as many as a channel's commitment has
		many = append(append(many, i+1), binary.BigEndian.AppendUint64(nil, uint64(i)+1)...)
		receivers = append(receivers, fmt.Sprint("receiver ", i))
	}
	return Scene{1, []Tx{
		tx("a", issue(fixed, true, false, "Beans", uint64(10_000))),                                                   // first
		tx("b", issue(managed, true, true, "Milk")),                                                                   // + 1
		tx("c", issue(crowdsale, true, true, "Sale", asset.TOMN, uint64(3_00000000), deadline, uint8(10), uint8(25))), // + 2
		tx("wd", issue(managed, true, false, "Sugar")),                                                                // + 3
		tx("a", issue(fixed, false, true, "Main", uint64(5_00000000))),                                                // 3
		tx("e", issue(crowdsale, true, false, "Other", first, uint64(2), deadline, uint8(0), uint8(0))),               // + 4
		tx("a", of(omni.TypeSimpleSend, asset.TOMN, uint64(50_00000000)), "b"),
		tx("a", of(omni.TypeSimpleSend, asset.TOMN, uint64(7_00000000)), "c"), // into the crowdsale
		tx("a", of(omni.TypeSendToMany, first, uint8(3), uint8(1), uint64(100), uint8(3), uint64(200), uint8(2), uint64(300)), "b", "wd", "c"),
		tx("a", of(omni.TypeSimpleSend, first, uint64(30)), "e"),
		tx("a", many, receivers...),
		tx("a", of(sendToOwners, first, uint64(1000))),
		tx("b", of(grant, first+1, uint64(1_000_000)), "a"),
		tx("b", of(addDelegate, first+1), "c"),
		tx("c", of(grant, first+1, uint64(77)), "wd"),
		tx("wd", of(grant, first+3, uint64(500)), "b", "wd"),
		tx("wd", of(enableFreezing, first+3)),
		tx("wd", of(freeze, first+3, uint64(0), to("b"))),
		tx("b", of(omni.TypeSimpleSend, first+3, uint64(1)), "a"),
		tx("b", of(sendAll, uint8(asset.TOMN)), "a"),
		tx("wd", of(unfreeze, first+3, uint64(0), to("b"))),
		tx("c", of(closeCrowdsale, first+2)),
		tx("wd", of(disableFreezing, first+3)),
		tx("b", of(removeDelegate, first+1), "c"),
		tx("a", of(revoke, first+1, uint64(5))),
		tx("b", of(changeIssuer, first+1), "e"), // who has a crowdsale
		tx("b", of(changeIssuer, first+1), "c"),
		tx("c", of(grant, first+1, uint64(100_000)), "c"),
		tx("c", of(omni.TypeSendToMany, first+1, uint8(4), uint8(1), uint64(9_000), uint8(2), uint64(8_000), uint8(3), uint64(7_000), uint8(4), uint64(1)), "a", "b", "wd", "e"),
		tx("wd", of(grant, first+3, uint64(90_000)), "a"),
		tx("a", of(omni.TypeSendToMany, first+3, uint8(4), uint8(1), uint64(9_000), uint8(2), uint64(8_000), uint8(3), uint64(7_000), uint8(4), uint64(1)), "c", "b", "wd", "e"),
		tx("a", of(sendAll, uint8(asset.OMN)), "b"),
		tx("b", of(omni.TypeSimpleSend, asset.OMN, uint64(1_00000000)), "a"),
	}}
}

// Fair is a scene of so many transactions by chance, which are the same for a seed.
func Fair(seed uint64, many int) Scene {
	out := Scene{PerBlock: 5}
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same each time
	for range many {
		out.Txs = append(out.Txs, chance(r))
	}
	return out
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func somebody(r *rand.Rand) string { return pick(r, "a", "b", "c", "wd", "e") }

func chance(r *rand.Rand) Tx {
	property := pick(r, first, first+1, first+1, first+2, first+3, first+3, first+4, first+5, asset.OMN, asset.TOMN, 3, Tea)
	if r.IntN(10) == 0 {
		property = pick(r, 0, 4, Cups, first+6, first+90)
	}
	units := uint64(1 + r.IntN(300))
	if r.IntN(8) == 0 {
		units = pick[uint64](r, 0, 1<<62, 1<<63-1, 1<<63, 1<<64-100)
	}
	var names []string
	for range r.IntN(4) {
		names = append(names, somebody(r))
	}
	from := somebody(r)
	if r.IntN(2) == 0 { // who may
		switch property {
		case first + 1:
			from = "c"
		case first + 3:
			from = "wd"
		}
	}
	switch r.IntN(16) {
	case 0:
		return tx(from, of(sendToOwners, property, units), names...)
	case 1:
		if r.IntN(4) == 0 { // it leaves little to move
			return tx(from, of(sendAll, pick[uint8](r, 1, 2, 2, 2, 0, 3)), names...)
		}
	case 2, 3:
		b := of(omni.TypeSendToMany, property)
		n := r.IntN(4)
		b = append(b, byte(n))
		for range n {
			b = append(b, byte(min(1+r.IntN(4), len(names)+r.IntN(8)/7)))
			b = binary.BigEndian.AppendUint64(b, uint64(1+r.IntN(300)))
		}
		return tx(from, b, names...)
	case 4:
		return tx(from, issue(pick[uint16](r, fixed, managed), r.IntN(3) > 0, r.IntN(2) > 0, pick(r, "", "n", "n", "n"), pick[uint64](r, 0, 5, 1000, 1<<63)), names...)
	case 5:
		perUnit, deadline := pick[uint64](r, 0, 1, 500, 1_00000000, 3_33333333), pick[uint64](r, 0, 1, 1<<40, 1<<40, 1<<40)
		return tx(from, issue(crowdsale, r.IntN(3) > 0, r.IntN(2) > 0, "sale", property, perUnit, deadline, uint8(r.IntN(30)), uint8(r.IntN(101))), names...)
	case 6:
		return tx(from, of(closeCrowdsale, property), names...)
	case 7, 8:
		return tx(from, of(pick[uint16](r, grant, grant, revoke), property, units), names...)
	case 9:
		return tx(from, of(pick[uint16](r, changeIssuer, addDelegate, addDelegate, removeDelegate, removeDelegate), property), names...)
	case 10:
		return tx(from, of(pick[uint16](r, enableFreezing, enableFreezing, disableFreezing), property), names...)
	case 11:
		return tx(from, of(pick[uint16](r, freeze, freeze, unfreeze), property, units, to(somebody(r))), names...)
	}
	return tx(from, of(omni.TypeSimpleSend, property, units), names...)
}

//go:build !race

package asset

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
)

type units = map[string]amount.Units

func TestSimpleSends(t *testing.T) {
	w := issued(t)
	send := func(u amount.Units) []byte { return enc(t)(omni.SimpleSend(first, u)) }
	w.must("a", send(300), "b")
	w.must("b", send(100), "b", "c") // change to the sender first
	w.must("c", send(40))            // nobody: to oneself
	w.must("c", append(send(1), "whatever follows"...), "d")
	want := units{"a": 700, "b": 200, "c": 99, "d": 1}
	w.has(first, want)
	w.refuses(ErrBalance, "b", send(201), "c")
	w.refuses(ErrBalance, "e", send(1), "c")
	w.refuses(ErrAmount, "a", pay(0, 0, first, uint64(0)), "c")
	w.refuses(ErrAmount, "a", pay(0, 0, first, uint64(1<<63)), "c")
	w.refuses(ErrNoProperty, "a", pay(0, 0, first+1, uint64(1)), "c")
	w.refuses(ErrNotAllowed, "a", pay(0, 0, amount.Property(0), uint64(1)), "c")
	w.refuses(ErrNotAllowed, "a", pay(1, 0, first, uint64(1)), "c")
	w.refuses(ErrPayload, "a", send(1)[:15], "c")
	w.refuses(ErrPayload, "a", nil, "c")
	w.has(first, want)
}

func TestSendAllSendsAnEcosystem(t *testing.T) {
	w := issued(t)
	w.must("a", enc(t)(IssueFixed(false, true, About{Name: "Main"}, 50)))
	w.must("a", pay(0, 4, uint8(TOMN)), "b")
	w.has(first, units{"b": 1000})
	w.has(TOMN, units{"b": 1000})
	w.has(firstMain, units{"a": 50})
	w.must("a", pay(0, 4, uint8(OMN)), "c")
	w.has(firstMain, units{"c": 50})
	w.has(OMN, units{"c": 1000})
	w.refuses(ErrBalance, "a", pay(0, 4, uint8(OMN)), "c")
	w.refuses(ErrNotAllowed, "c", pay(0, 4, uint8(0)), "b")
	w.must("c", enc(t)(IssueFixed(true, true, About{Name: "Other"}, 7)))
	w.must("c", pay(0, 4, uint8(9)), "d") // no ecosystem at all: Omni Core sends both
	w.has(firstMain, units{"d": 50})
	w.has(first+1, units{"d": 7})
}

func TestSendToMany(t *testing.T) {
	w := issued(t)
	many := func(e ...any) []byte { return pay(0, 7, append([]any{first}, e...)...) }
	w.must("a", enc(t)(omni.SendToMany(first, omni.Entry{Output: 1, Units: 10}, omni.Entry{Output: 3, Units: 20})), "b", "A", "c")
	w.must("a", many(uint8(3), uint8(2), uint64(1), uint8(1), uint64(2), uint8(2), uint64(3)), "b", "a") // any order, an output twice, oneself
	want := units{"a": 968, "b": 12, "c": 20}
	w.has(first, want)
	w.refuses(ErrReceiver, "a", many(uint8(1), uint8(0), uint64(1)), "b")                            // the payload itself
	w.refuses(ErrReceiver, "a", many(uint8(2), uint8(1), uint64(1), uint8(9), uint64(1)), "b")       // all or nothing
	w.refuses(ErrBalance, "b", many(uint8(2), uint8(1), uint64(12), uint8(1), uint64(1)), "b")       // the sum
	w.refuses(ErrAmount, "a", many(uint8(0)), "b")                                                   // to nobody
	w.refuses(ErrAmount, "a", many(uint8(1), uint8(1), uint64(0)), "b")                              // zero alone
	w.refuses(ErrAmount, "a", many(uint8(2), uint8(1), uint64(1<<62), uint8(1), uint64(1<<62)), "b") // too much without a wrap
	w.refuses(ErrPayload, "a", many(uint8(2), uint8(1), uint64(1), uint8(1)), "b")
	w.has(first, want)
	if w.Properties()[first].Halted != "" {
		t.Error("what is not valid halts nothing")
	}
}

func TestWhatOmniCoreDoesNotSurviveHaltsTheProperty(t *testing.T) {
	zero := pay(0, 7, first, uint8(2), uint8(1), uint64(5), uint8(2), uint64(0))
	wrap := pay(0, 7, first, uint8(2), uint8(1), ^uint64(99), uint8(2), uint64(105)) // 100 of output 1's, 5 in sum
	for name, payload := range map[string][]byte{"a zero entry": zero, "a sum that wraps": wrap} {
		t.Run(name, func(t *testing.T) {
			w := issued(t)
			w.must("a", enc(t)(omni.SimpleSend(first, 200)), "b")
			want := units{"a": 800, "b": 200}
			if out := w.do("c", payload, "b", "c"); out.Alarm != "" || w.Properties()[first].Halted != "" {
				t.Errorf("who has nothing halts it: %q", out.Alarm)
			}
			out := w.do("a", payload, "b", "c")
			if !errors.Is(out.Err, ErrHalted) || out.Alarm == "" || w.Properties()[first].Halted == "" {
				t.Errorf("%v, %q", out.Err, out.Alarm)
			}
			w.has(first, want)
			w.refuses(ErrHalted, "b", enc(t)(omni.SimpleSend(first, 1)), "c")
			w.refuses(ErrHalted, "b", enc(t)(omni.SendToMany(first, omni.Entry{Output: 1, Units: 1})), "c")
			w.refuses(ErrHalted, "a", pay(0, 3, first, uint64(1)), "c")
			w.must("a", pay(0, 4, uint8(TOMN)), "c") // all but the halted one
			w.has(first, want)
			w.has(TOMN, units{"c": 1000})
			// A reorg takes the halt back.
			for i := len(w.blocks) - 1; i >= 2; i-- {
				w.Undo(w.blocks[i])
			}
			w.must("b", enc(t)(omni.SimpleSend(first, 1)), "c")
		})
	}
}

func TestOwnersShareByWhatTheyHave(t *testing.T) {
	w := issued(t)
	w.must("a", enc(t)(omni.SendToMany(first, omni.Entry{Output: 1, Units: 100}, omni.Entry{Output: 2, Units: 50}, omni.Entry{Output: 3, Units: 50})), "b", "c", "d")
	w.must("a", pay(0, 3, first, uint64(10)))
	w.has(first, units{"a": 790, "b": 105, "c": 53, "d": 52}) // rounded up, largest first, then by address
	w.has(TOMN, units{"a": 997})
	w.must("a", pay(0, 3, first, uint64(1))) // only the first gets something, and only for it is paid
	w.has(first, units{"a": 789, "b": 106, "c": 53, "d": 52})
	w.has(TOMN, units{"a": 996})
	w.refuses(ErrBalance, "b", pay(0, 3, first, uint64(10)))                // no TOMN for the fee
	w.refuses(ErrReceiver, "a", pay(0, 3, TOMN, uint64(10)))                // no other owner
	w.refuses(ErrBalance, "a", pay(0, 3, first, uint64(790)))               // not that much
	w.refuses(ErrNoProperty, "a", pay(1, 3, first, uint64(1), firstTest+9)) // whose owners
	w.must("a", enc(t)(omni.SimpleSend(TOMN, 10)), "b")
	w.refuses(ErrBalance, "a", pay(0, 3, TOMN, uint64(986))) // the fee is of the same property
	w.must("a", pay(0, 3, TOMN, uint64(985)))
	w.has(TOMN, units{"b": 995})
	if addr("c") > addr("d") {
		t.Fatal("c is not before d")
	}
}

func TestManagedPropertiesAreGrantedAndRevoked(t *testing.T) {
	w := start(t, own())
	w.must("a", enc(t)(IssueManaged(true, true, About{Name: "Managed"})))
	w.has(first, units{})
	grant := func(u amount.Units) []byte { return enc(t)(Grant(first, u)) }
	w.must("a", grant(100), "b")
	w.must("a", grant(5)) // to oneself
	w.must("b", pay(0, 56, first, uint64(30)))
	w.has(first, units{"a": 5, "b": 70})
	w.refuses(ErrNotIssuer, "b", grant(1), "b")
	w.refuses(ErrBalance, "b", pay(0, 56, first, uint64(71)))
	w.refuses(ErrAmount, "a", grant(amount.MaxUnits-74), "c")
	w.must("a", grant(amount.MaxUnits-75), "c")

	w.must("a", pay(0, 73, first), "d") // a delegate grants, and the issuer no longer does
	w.must("b", pay(0, 56, first, uint64(2)))
	w.refuses(ErrNotIssuer, "a", grant(1), "b")
	w.must("d", grant(1), "d")
	w.refuses(ErrNotIssuer, "d", pay(0, 73, first), "b")
	w.refuses(ErrReceiver, "a", pay(0, 74, first), "c")
	w.must("d", pay(0, 74, first), "d")
	w.must("a", grant(1), "d")
	w.must("a", pay(0, 70, first), "e")
	w.refuses(ErrNotIssuer, "a", grant(1), "b")
	w.refuses(ErrReceiver, "e", pay(0, 70, first))
	w.has(first, units{"a": 5, "b": 68, "c": amount.MaxUnits - 75, "d": 2})

	w.must("a", enc(t)(IssueFixed(true, true, About{Name: "Fixed"}, 9)))
	w.refuses(ErrNature, "a", enc(t)(Grant(first+1, 1)))
	w.refuses(ErrNature, "a", pay(0, 56, first+1, uint64(1)))
	w.refuses(ErrNature, "a", pay(0, 71, first+1))
}

func TestAFrozenAddressReceivesAndDoesNotSend(t *testing.T) {
	freeze := func(typ uint16, name string) []byte {
		program := make([]byte, 20)
		copy(program, name)
		return pay(0, typ, first, uint64(0), uint8(0xc4), program)
	}
	w := start(t, own())
	w.must("a", enc(t)(IssueManaged(true, true, About{Name: "Managed"})))
	w.must("a", enc(t)(Grant(first, 100)), "b")
	w.refuses(ErrFreezing, "a", freeze(185, "b"))
	w.must("a", pay(0, 71, first))
	w.refuses(ErrFreezing, "a", pay(0, 71, first))
	w.refuses(ErrNotIssuer, "b", freeze(185, "a"))
	w.must("a", freeze(185, "b"))
	w.refuses(ErrFreezing, "a", freeze(185, "b"))
	w.must("a", enc(t)(Grant(first, 11)), "b")
	w.refuses(ErrFrozen, "b", enc(t)(omni.SimpleSend(first, 1)), "c")
	w.refuses(ErrFrozen, "b", enc(t)(omni.SendToMany(first, omni.Entry{Output: 1, Units: 1})), "c")
	w.refuses(ErrFrozen, "b", pay(0, 56, first, uint64(1)))
	w.refuses(ErrBalance, "b", pay(0, 4, uint8(TOMN)), "c")
	w.has(first, units{"b": 111})
	w.must("a", freeze(186, "b"))
	w.refuses(ErrFreezing, "a", freeze(186, "b"))
	w.must("b", enc(t)(omni.SimpleSend(first, 1)), "c")
	w.must("a", freeze(185, "b"))
	w.must("a", pay(0, 72, first)) // which frees all
	w.must("b", enc(t)(omni.SimpleSend(first, 1)), "c")
	w.refuses(ErrFreezing, "a", pay(0, 72, first))

	w.must("a", pay(0, 71, first))
	w.refuses(ErrReceiver, "a", pay(0, 185, first, uint64(0), uint8(0x05), make([]byte, 20))) // mainnet's version
	w.must("a", pay(0, 185, first, uint64(0), uint8(0xfe), make([]byte, 32)))
	w.must("a", pay(0, 185, first, uint64(0), uint8(0xff), make([]byte, 20)))
	odd := pay(0, 185, first, uint64(0), uint8(0xc4), make([]byte, 25))
	w.refuses(ErrNotIssuer, "b", odd)
	if out := w.do("a", odd, "c"); out.Alarm == "" || w.Properties()[first].Halted == "" {
		t.Error("a freeze that versions read differently raises no alarm")
	}
}

func TestFreezingWaitsWhereNoticeIsGiven(t *testing.T) {
	p := own()
	p.heights[freezeNotice] = 0
	w := start(t, p)
	w.must("a", enc(t)(IssueManaged(true, true, About{Name: "Managed"})))
	w.must("a", pay(0, 71, first))
	w.must("a", pay(0, 71, first))
	enabled := w.height
	w.refuses(ErrFreezing, "a", pay(0, 72, first))
	w.height = enabled - 1 + p.FreezeWait - 1
	w.must("a", pay(0, 72, first))                 // the first one is live
	w.must("a", pay(0, 72, first))                 // and then the second
	w.refuses(ErrFreezing, "a", pay(0, 72, first)) // none
}

// crowdsale of property first: 100 units for a whole TOMN, 10 % a week for early birds and
// 25 % on top for the issuer.
func crowdsale(desired amount.Property, perUnit, deadline uint64) []byte {
	texts := []byte("\x00\x00Sale\x00\x00\x00")
	return pay(0, 51, uint8(TOMN), uint8(0), uint8(divisible), amount.Property(0), texts, desired, perUnit, deadline, uint8(10), uint8(25))
}

func TestCrowdsales(t *testing.T) {
	w := start(t, own())
	w.refuses(ErrCrowdsale, "b", crowdsale(TOMN, 100, uint64(w.time)))
	w.refuses(ErrNoProperty, "b", crowdsale(99, 100, 1<<40))
	w.refuses(ErrAmount, "b", crowdsale(TOMN, 0, 1<<40))
	w.must("a", enc(t)(omni.SimpleSend(TOMN, 400)), "c")
	deadline := uint64(w.time) + 2*7*24*3600 + 1200 // two weeks after the first payment
	w.must("b", crowdsale(TOMN, 100_000_000, deadline))
	w.refuses(ErrCrowdsale, "b", crowdsale(TOMN, 100, deadline))
	w.must("c", enc(t)(omni.SimpleSend(TOMN, 103)), "b") // 1 unit each, 20 % more: 123.6, and a quarter of 123: 30.75
	w.has(first, units{"c": 123, "b": 30})
	w.has(TOMN, units{"a": 600, "b": 103, "c": 297})
}

func TestACrowdsaleEndsWithItsBonus(t *testing.T) {
	for name, end := range map[string]func(*world){
		"closed by its issuer": func(w *world) {
			w.refuses(ErrCrowdsale, "c", pay(0, 53, first))
			w.must("b", pay(0, 53, first))
		},
		"at its deadline": func(w *world) {
			w.time += 100_000
			w.do("e", pay(0, 0, first, uint64(1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, own())
			w.must("a", enc(t)(omni.SimpleSend(TOMN, 400)), "c")
			w.must("b", crowdsale(TOMN, 100_000_000, uint64(w.time)+50_000))
			for range 3 {
				w.must("c", enc(t)(omni.SimpleSend(TOMN, 3)), "b") // 3 each, and 0.75 that are rounded away
			}
			w.has(first, units{"c": 9})
			open := w.Crowdsales()
			end(w)
			w.has(first, units{"c": 9, "b": 2}) // a quarter of 9
			if len(w.Crowdsales()) != 0 {
				t.Error("it is open still")
			}
			w.must("c", enc(t)(omni.SimpleSend(TOMN, 3)), "b")
			w.has(first, units{"c": 9, "b": 2})
			w.Undo(w.blocks[len(w.blocks)-1])
			w.Undo(w.blocks[len(w.blocks)-2])
			w.has(first, units{"c": 9})
			if diff := cmp.Diff(open, w.Crowdsales(), cmp.AllowUnexported(Crowdsale{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACrowdsaleCreatesNoMoreThanThereCanBe(t *testing.T) {
	w := start(t, own())
	w.must("b", crowdsale(TOMN, uint64(amount.MaxUnits), 1<<40))
	w.must("a", enc(t)(omni.SimpleSend(TOMN, 1000)), "b")
	if len(w.Crowdsales()) != 0 || w.Total(first) != amount.MaxUnits {
		t.Errorf("%d units, open: %v", w.Total(first), w.Crowdsales())
	}
	if own := w.Balance(addr("b"), first); own == 0 || own > amount.MaxUnits/4 {
		t.Errorf("the issuer has %d", own)
	}
}

func TestOtherTypesTaintWhatTheSenderHolds(t *testing.T) {
	w := issued(t)
	order := pay(0, 25, first, uint64(1), TOMN, uint64(1))
	w.refuses(ErrNotExecuted, "b", order)
	if w.Properties()[first].Tainted != "" {
		t.Error("a stranger taints it")
	}
	w.refuses(ErrNotExecuted, "a", order)
	if w.Properties()[first].Tainted == "" || w.Properties()[TOMN].Tainted != "" {
		t.Error("an order does not taint what it sells")
	}
	w.must("a", enc(t)(omni.SimpleSend(first, 1)), "b")

	// On a chain where OMN and TOMN are sold, they are tainted, and what depends on them.
	p := own()
	p.Exodus = Regtest().Exodus
	w = start(t, p)
	w.must("a", enc(t)(IssueFixed(true, false, About{Name: "Test"}, 1000)))
	w.must("a", enc(t)(omni.SimpleSend(first, 10)), "b")
	if w.Properties()[TOMN].Tainted == "" || w.Properties()[first].Tainted != "" {
		t.Error("TOMN is not tainted, or all is")
	}
	w.must("a", pay(0, 3, first, uint64(1)))
	if w.Properties()[first].Tainted == "" {
		t.Error("a distribution whose fee nobody can check does not taint")
	}
}

func TestAnOlderClassAndAChangeOfRulesTaintEverything(t *testing.T) {
	p := own()
	p.Exodus, p.Activators = Regtest().Exodus, []string{addr("f")}
	exodus := bolt11.Fallback{Version: bolt11.PubKeyHash, Program: unhex(t, "643ce12b1590633077b8620316f43a9362ef18e5")}.Script()
	for name, run := range map[string]func(*world) Outcome{
		"class B": func(w *world) Outcome {
			tx := raw(exodus, script("b"))
			if !p.Marked(tx) || p.Marked(raw(script("b"))) {
				t.Error("the mark is not seen")
			}
			w.Begin(500, 1)
			out, ok := w.Execute(tx, script("a"))
			if !ok {
				t.Error("none of Omni's")
			}
			return out
		},
		"activation": func(w *world) Outcome { return w.do("f", pay(0xffff, 65534, uint64(0))) },
	} {
		w := start(t, p)
		w.must("a", enc(t)(IssueFixed(true, false, About{Name: "Test"}, 1000)))
		if out := run(w); out.Alarm == "" || w.Properties()[first].Tainted == "" {
			t.Errorf("%s: %q", name, out.Alarm)
		}
	}
	w := start(t, p)
	w.must("a", enc(t)(IssueFixed(true, false, About{Name: "Test"}, 1000)))
	if out := w.do("a", pay(0xffff, 65534, uint64(0))); out.Alarm != "" {
		t.Error("anyone changes the rules")
	}
}

func TestSendToManyIsOffOnMainnetButForTests(t *testing.T) {
	p := Mainnet()
	if p.SendToMany(31, 900_000) || !p.SendToMany(2147483651, 900_000) || !Regtest().SendToMany(31, 1) {
		t.Error("send-to-many is on where it is not, or off")
	}
}

func TestIssuance(t *testing.T) {
	w := issued(t)
	about := About{"c", "s", "Name", "u", "d"}
	if out := w.must("b", enc(t)(IssueFixed(false, true, about, 5))); out.Property != firstMain {
		t.Errorf("property %d", out.Property)
	}
	p, _ := w.Property(firstMain)
	if diff := cmp.Diff(Property{ID: firstMain, Issuer: addr("b"), About: about, Divisible: true, Fixed: true}, p, cmp.AllowUnexported(Property{}, sale{})); diff != "" {
		t.Error(diff)
	}
	if out := w.must("b", enc(t)(IssueManaged(true, false, about))); out.Property != first+1 {
		t.Errorf("property %d", out.Property)
	}
	w.Undo(w.blocks[len(w.blocks)-1])
	if out := w.must("c", enc(t)(IssueManaged(true, false, about))); out.Property != first+1 {
		t.Errorf("after a reorg, property %d", out.Property)
	}
	whole := enc(t)(IssueFixed(true, true, about, 5))
	w.refuses(ErrPayload, "b", whole[:len(whole)-1])
	w.refuses(ErrNotAllowed, "b", append([]byte{0, 1}, whole[2:]...))
	w.refuses(ErrNoProperty, "b", append([]byte{0, 0, 0, 50, 3}, whole[5:]...))
	w.refuses(ErrNature, "b", append([]byte{0, 0, 0, 50, 2, 0, 3}, whole[7:]...))
	w.refuses(ErrAmount, "b", append(whole[:len(whole)-8:len(whole)-8], make([]byte, 8)...))
	long := append([]byte{0, 0, 0, 50, 2, 0, 1, 0, 0, 0, 0, 0, 0}, strings.Repeat("n", 400)+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"...)
	w.must("b", long)
	if p, _ := w.Property(first + 2); len(p.Name) != maxText {
		t.Errorf("a name of %d bytes", len(p.Name))
	}
}

// genPayload draws any payload that the rules know, mostly sensible ones.
func genPayload(t *rapid.T) []byte {
	property := rapid.SampledFrom([]amount.Property{0, OMN, TOMN, firstMain, first, first + 1, first + 2}).Draw(t, "property")
	u := uint64(rapid.SampledFrom([]uint64{0, 1, 2, 7, 100, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 100}).Draw(t, "units"))
	test := rapid.Bool().Draw(t, "test")
	switch rapid.IntRange(0, 12).Draw(t, "type") {
	case 0, 1, 2:
		return pay(0, 0, property, u)
	case 3:
		return pay(rapid.Uint16Range(0, 1).Draw(t, "version"), 3, property, u, first)
	case 4:
		return pay(0, 4, rapid.Uint8Range(0, 3).Draw(t, "ecosystem"))
	case 5:
		n := rapid.Uint8Range(0, 4).Draw(t, "n")
		b := pay(0, 7, property, n)
		for range n {
			b = append(b, rapid.Uint8Range(0, 4).Draw(t, "output"))
			b = append(b, pay(0, 0, rapid.SampledFrom([]uint64{0, 1, 5, 100, 1 << 63, 1<<64 - 3}).Draw(t, "entry"))[4:]...)
		}
		return b
	case 6:
		b, _ := IssueFixed(test, true, About{Name: "n"}, amount.Units(max(1, u&(1<<63-1))))
		return b
	case 7:
		b, _ := IssueManaged(test, false, About{Name: "n"})
		return b
	case 8:
		return crowdsale(property, u, 1_000_000+rapid.Uint64Range(0, 30_000).Draw(t, "deadline"))
	case 9:
		return pay(0, 55, property, u)
	case 10:
		return pay(0, 56, property, u)
	case 11:
		return pay(0, rapid.SampledFrom([]uint16{53, 70, 71, 72, 73, 74, 25, 20, 9999}).Draw(t, "control"), property, u)
	default:
		program := make([]byte, 20)
		copy(program, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "who"))
		return pay(0, rapid.SampledFrom([]uint16{185, 186}).Draw(t, "freeze"), property, u, uint8(0xc4), program)
	}
}

func snapshot(s *State) string {
	return fmt.Sprint(s.Balances(), s.Properties(), s.Crowdsales(), s.totals, s.next, s.frozen)
}

func TestUnitsAreConservedAndReorgsTakeAllBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := start(t, own())
		w.must("a", enc(t)(IssueFixed(true, false, About{Name: "Test"}, 1000)))
		w.must("b", enc(t)(IssueManaged(true, false, About{Name: "Test"})))
		w.blocks = nil
		states := []string{snapshot(w.State)}
		names := []string{"a", "b", "c", "d"}
		for range rapid.IntRange(1, 15).Draw(rt, "blocks") {
			totals := maps.Clone(w.totals)
			halted := w.Properties()
			payload := genPayload(rt)
			var to []string
			for range rapid.IntRange(0, 3).Draw(rt, "outputs") {
				to = append(to, rapid.SampledFrom(names).Draw(rt, "to"))
			}
			out := w.do(rapid.SampledFrom(names).Draw(rt, "from"), payload, to...)
			states = append(states, snapshot(w.State))
			sums := map[amount.Property]amount.Units{}
			for k, u := range w.Balances() {
				if u == 0 || u > amount.MaxUnits {
					rt.Fatalf("a balance of %d", u)
				}
				var ok bool
				if sums[k.Property], ok = sums[k.Property].Add(u); !ok {
					rt.Fatalf("more of property %d than there can be", k.Property)
				}
			}
			for id := range w.properties {
				if sums[id] != w.totals[id] {
					rt.Fatalf("property %d: %d units, its total is %d", id, sums[id], w.totals[id])
				}
				moved := sums[id] != totals[id]
				burns := out.Type == typeSendToOwners && id <= TOMN || out.Type == typeRevoke && out.Property == id
				grows := out.Type == typeFixed && out.Property == id || out.Type == typeGrant || w.properties[id].sale.perUnit > 0
				if moved && (sums[id] < totals[id] && !burns || sums[id] > totals[id] && !grows) {
					rt.Fatalf("type %d changed property %d from %d to %d units", out.Type, id, totals[id], sums[id])
				}
				if moved && halted[id].Halted != "" {
					rt.Fatalf("halted property %d changed", id)
				}
			}
		}
		if s, end := snapshot(LoadState(w.params, w.Snapshot())), snapshot(w.State); s != end {
			rt.Fatalf("loaded:\n%s, it was\n%s", s, end)
		}
		for i := len(w.blocks) - 1; i >= 0; i-- {
			c, err := DecodeChanges(w.blocks[i].Encode())
			if err != nil {
				rt.Fatal(err)
			}
			w.Undo(c)
			if s := snapshot(w.State); s != states[i] {
				rt.Fatalf("undone to\n%s, it was\n%s", s, states[i])
			}
		}
	})
}

func FuzzExecute(f *testing.F) {
	t := f
	f.Add(enc(t)(omni.SendToMany(first, omni.Entry{Output: 1, Units: 10})), []byte("scripts"))
	f.Add(enc(t)(IssueFixed(true, true, About{Name: "n"}, 5)), omni.Script([]byte("more")))
	f.Add(crowdsale(TOMN, 100, 1<<40), []byte{})
	f.Add(pay(0, 185, first, uint64(0), uint8(0xc4), make([]byte, 20)), []byte{0x6a, 0x4e, 0xff})
	f.Fuzz(func(t *testing.T, payload, more []byte) {
		w := issued(t)
		before := snapshot(w.State)
		for _, from := range []string{"a", "b"} {
			w.Begin(200, 2_000_000)
			w.Execute(raw(omni.Script(payload[:min(len(payload), 9000)]), script("b"), more), script(from))
			w.Undo(w.End())
		}
		if s := snapshot(w.State); s != before {
			t.Fatalf("undone to\n%s, it was\n%s", s, before)
		}
	})
}

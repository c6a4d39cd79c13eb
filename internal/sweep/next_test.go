package sweep

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// at names an output of a made-up transaction.
func at(n byte) btcwire.OutPoint { return btcwire.OutPoint{Hash: chainhash.Hash{n}, Index: uint32(n)} }

func ours(n byte, value amount.Satoshi) enforce.Claim {
	return enforce.Claim{OutPoint: at(n), Value: value, Kind: enforce.Delayed, WitnessScript: make([]byte, 80)}
}

func disputed(n byte, value amount.Satoshi, deadline uint32) enforce.Claim {
	c := ours(n, value)
	c.Kind, c.Deadline, c.Preimage = enforce.Success, deadline, new(wire.Preimage)
	return c
}

func presigned(n byte, value amount.Satoshi, lockTime uint32) enforce.Claim {
	c := ours(n, value)
	c.Kind, c.LockTime = enforce.TimeoutTx, lockTime
	c.Presigned = &enforce.Presigned{Output: btcwire.NewTxOut(int64(value), make([]byte, 34))}
	return c
}

func anchor(n byte, deadline uint32) enforce.Claim {
	c := ours(n, 330)
	c.Kind, c.Apart, c.Unconfirmed, c.Deadline = enforce.Anchor, true, true, deadline
	return c
}

func flat(perKw uint32) Feerates { return func(uint32) uint32 { return perKw } }

// coins counts those that fly took.
var coins atomic.Uint32

// fly makes what the sweeper would make of a batch.
func fly(b *Batch) Flight {
	f := Flight{Tx: btcwire.NewMsgTx(2), Weight: weigh(b.Claims...), Coins: b.With}
	for i := range b.Claims {
		f.Tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: b.Claims[i].OutPoint})
	}
	if b.Coins && len(f.Coins) == 0 {
		f.Coins = []btcwire.OutPoint{{Index: coins.Add(1)}}
	}
	for _, at := range f.Coins {
		f.Tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: at})
	}
	f.Fee = cost(f.Weight, b.FeePerKw)
	if b.Parent != nil {
		f.Fee += b.Parent.lacks(b.FeePerKw)
	}
	if b.Replaces > 0 {
		f.Fee = max(f.Fee, b.Replaces+cost(f.Weight, wallet.RelayFeePerKw))
	}
	return f
}

// names lists what each batch takes, such as "1,2 3".
func names(batches []Batch) (text string) {
	for i, b := range batches {
		if i > 0 {
			text += " "
		}
		for j := range b.Claims {
			if j > 0 {
				text += ","
			}
			text += fmt.Sprint(b.Claims[j].OutPoint.Index)
		}
	}
	return text
}

func TestWhatIsTakenTogether(t *testing.T) {
	apart := disputed(3, 50_000, 120)
	apart.Apart = true
	early := ours(1, 50_000)
	early.NotBefore = 102
	next := ours(1, 50_000)
	next.NotBefore = 101
	locked := ours(1, 50_000)
	locked.LockTime = 101
	unlocked := ours(1, 50_000)
	unlocked.LockTime = 100
	many := make([]enforce.Claim, 0, 150)
	for i := range byte(150) {
		many = append(many, ours(i+1, 10_000))
	}
	var hundred string
	for i := range 150 {
		hundred += map[int]string{0: "", 100: " "}[i]
		if i%100 != 0 {
			hundred += ","
		}
		hundred += fmt.Sprint(i + 1)
	}
	for _, x := range []struct {
		name   string
		claims []enforce.Claim
		want   string
	}{
		{"what nobody else can take", []enforce.Claim{ours(1, 50_000), ours(2, 50_000)}, "1,2"},
		{"what must stand apart", []enforce.Claim{ours(1, 50_000), apart, ours(2, 50_000)}, "1,2 3"},
		{"what is urgent and what is not", []enforce.Claim{ours(1, 50_000), disputed(2, 50_000, 120), disputed(3, 50_000, 130)}, "1 2,3"},
		{"a deadline far away is none", []enforce.Claim{ours(1, 50_000), disputed(2, 50_000, 500)}, "1,2"},
		{"locktimes of what the peer signed", []enforce.Claim{presigned(1, 50_000, 90), presigned(2, 50_000, 91), presigned(3, 50_000, 90)}, "1,3 2"},
		{"what the peer signed and what it did not", []enforce.Claim{presigned(1, 50_000, 0), ours(2, 50_000)}, "1 2"},
		{"a delay that has not passed", []enforce.Claim{early}, ""},
		{"a delay that passes with the next block", []enforce.Claim{next}, "1"},
		{"a locktime of the next block", []enforce.Claim{locked}, ""},
		{"a locktime of this block", []enforce.Claim{unlocked}, "1"},
		{"what is worth less than its fee", []enforce.Claim{ours(1, 400)}, ""},
		{"what is worth nearly as much as its fee", []enforce.Claim{ours(1, 415)}, ""},
		{"small ones in company", []enforce.Claim{ours(1, 400), ours(2, 400)}, "1,2"},
		{"an anchor of a commitment that we have not broadcast", []enforce.Claim{anchor(1, 0)}, ""},
		{"a hundred and no more", many, hundred},
		{"what the hurry of others is too dear for", []enforce.Claim{disputed(1, 100_000, 102), disputed(2, 3_000, 200)}, "1 2"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := names(Next(Work{Height: 100, Claims: x.claims}, nil, flat(253))); got != x.want {
				t.Errorf("%q, want %q", got, x.want)
			}
		})
	}
}

func TestWhatAClaimPays(t *testing.T) {
	cheat := disputed(1, 100_000, 101)
	cheat.Kind, cheat.Preimage = enforce.RevokedToLocal, nil
	weight := weigh(ours(1, 0))
	for _, x := range []struct {
		name     string
		claim    enforce.Claim
		estimate uint32
		want     uint32
	}{
		{"the estimate, when nobody else can take it", ours(1, 1_000_000), 1000, 1000},
		{"a tenth of it at the most", ours(1, 100_000), 100_000, uint32(10_000 * 1000 / weight)},
		{"at least what is relayed", ours(1, 500), 100_000, 253},
		{"the estimate, before a deadline that is far", disputed(1, 100_000, 200), 1000, 1000},
		{"the estimate, six blocks before a deadline", disputed(1, 100_000, 106), 1000, 1000},
		{"more, five blocks before it", disputed(1, 100_000, 105), 1000, 0},
		{"nearly all, at the last block", disputed(1, 100_000, 101), 1000, uint32(95_000 * 1000 / weigh(disputed(1, 0, 0)))},
		{"nearly all, after it", disputed(1, 100_000, 90), 1000, uint32(95_000 * 1000 / weigh(disputed(1, 0, 0)))},
		{"all of what a cheat would take", cheat, 1000, uint32((100_000 - 294) * 1000 / weigh(cheat))},
		{"no more than is a mistake", disputed(1, 10_000_000_000, 101), 1000, wallet.MaxFeePerKw},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := Next(Work{Height: 100, Claims: []enforce.Claim{x.claim}}, nil, flat(x.estimate))
			switch {
			case len(got) != 1 && x.claim.Value > 500:
				t.Errorf("%d transactions", len(got))
			case len(got) == 1 && x.want != 0 && got[0].FeePerKw != x.want:
				t.Errorf("%d, want %d", got[0].FeePerKw, x.want)
			case x.want == 0 && (got[0].FeePerKw <= 2*x.estimate || cost(weigh(x.claim), got[0].FeePerKw) > x.claim.Value/2):
				t.Errorf("%d", got[0].FeePerKw)
			}
		})
	}
}

// parent is a commitment that was signed at a feerate.
func parent(perKw uint32, own, risk amount.Satoshi) Parent {
	return Parent{Tx: btcwire.NewMsgTx(2), Fee: cost(1200, perKw), Weight: 1200, Ours: own, AtRisk: risk}
}

func TestAnAnchorPaysOnlyForACommitmentOfOursThatPaysTooLittle(t *testing.T) {
	for _, x := range []struct {
		name     string
		parent   Parent
		deadline uint32
		estimate uint32
		want     uint32 // feerate of both; zero: none
	}{
		{"it pays enough", parent(1000, 1_000_000, 0), 0, 1000, 0},
		{"it pays too little", parent(1000, 1_000_000, 0), 0, 2000, 2000},
		{"it pays too little by far, and not much is ours", parent(300, 10_000, 0), 0, 2000, uint32(1000 * 1000 / (1200 + weigh(anchor(1, 0))))},
		{"it pays enough for the day, but it is late", parent(1000, 10_000, 50_000), 101, 1000, uint32(47_500 * 1000 / (1200 + weigh(anchor(1, 0))))},
		{"nothing of ours is in it", parent(300, 0, 0), 101, 2000, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := Work{Height: 100, Claims: []enforce.Claim{anchor(1, x.deadline)}, Parents: map[chainhash.Hash]Parent{at(1).Hash: x.parent}}
			got := Next(w, nil, flat(x.estimate))
			if x.want == 0 {
				if len(got) != 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].FeePerKw != x.want || got[0].Parent == nil || !got[0].Coins {
				t.Fatalf("%+v, want %d", got, x.want)
			}
			f := fly(&got[0])
			if rate := (f.Fee + x.parent.Fee) * 1000 / amount.Satoshi(f.Weight+x.parent.Weight); rate < amount.Satoshi(x.want) {
				t.Errorf("together they pay %d", rate)
			}
			if more := Next(w, []Flight{f}, flat(x.estimate)); len(more) != 0 {
				t.Errorf("it is replaced at once: %+v", more)
			}
		})
	}
}

func TestAReplacementPaysClearlyMore(t *testing.T) {
	w := Work{Height: 100, Claims: []enforce.Claim{ours(1, 1_000_000), ours(2, 1_000_000)}}
	first := Next(w, nil, flat(1000))
	f := fly(&first[0])
	for _, x := range []struct{ estimate, want uint32 }{{500, 0}, {1000, 0}, {1240, 0}, {1260, 1260}, {9000, 9000}} {
		got := Next(w, []Flight{f}, flat(x.estimate))
		switch {
		case x.want == 0 && len(got) != 0:
			t.Errorf("at %d it is replaced", x.estimate)
		case x.want != 0 && (len(got) != 1 || got[0].FeePerKw != x.want || got[0].Replaces != f.Fee || got[0].Split || names(got) != "1,2"):
			t.Errorf("at %d: %+v", x.estimate, got)
		}
	}
}

func TestWhatMustStandApartByNowLeavesTheOthers(t *testing.T) {
	claims := []enforce.Claim{disputed(1, 50_000, 130), disputed(2, 50_000, 120), disputed(3, 50_000, 140)}
	first := Next(Work{Height: 100, Claims: claims}, nil, flat(1000))
	if names(first) != "1,2,3" {
		t.Fatal(names(first))
	}
	f := fly(&first[0])
	claims[1].Apart = true
	w := Work{Height: 117, Claims: claims}
	got := Next(w, []Flight{f}, flat(1000))
	if names(got) != "2" || !got[0].Split || got[0].Replaces != f.Fee {
		t.Fatalf("%+v", got)
	}
	got = Next(w, []Flight{fly(&got[0])}, flat(1000))
	if names(got) != "1,3" || got[0].Replaces != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotPayMoreIsLeftAlone(t *testing.T) {
	claims := []enforce.Claim{ours(1, 3_000)}
	first := Next(Work{Height: 100, Claims: claims}, nil, flat(253))
	f := fly(&first[0])
	f.Fee = 2_700
	f.Weight /= 100 // as if its feerate were low
	if got := Next(Work{Height: 100, Claims: claims}, []Flight{f}, flat(100_000)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	// An anchor of a commitment that is in a block is no reason to pay for it.
	w := Work{Height: 100, Claims: []enforce.Claim{anchor(1, 0)}, Parents: map[chainhash.Hash]Parent{at(1).Hash: parent(253, 1_000_000, 0)}}
	child := fly(&Next(w, nil, flat(2000))[0])
	w.Claims[0].Unconfirmed, w.Claims[0].Apart, w.Parents = false, false, nil
	if got := Next(w, []Flight{child}, flat(50_000)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTheFeerateOfAClaimNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		deadline := rapid.Uint32Range(0, 300).Draw(t, "deadline")
		may := amount.Satoshi(rapid.Uint64Range(0, 100_000).Draw(t, "budget"))
		weight := rapid.Uint64Range(1, 2000).Draw(t, "weight")
		slow := rapid.Uint32Range(1, 20_000).Draw(t, "estimate")
		slope := rapid.Uint32Range(0, 100).Draw(t, "slope")
		before := uint32(0)
		for height := uint32(100); height < 310; height++ {
			slow += rapid.SampledFrom([]uint32{0, 0, 0, 10, 1000}).Draw(t, "rise")
			got := feerate(deadline, height, may, weight, func(blocks uint32) uint32 { return slow + slope*(patient-blocks) })
			if got < before {
				t.Fatalf("at %d it falls from %d to %d", height, before, got)
			}
			if got > wallet.MinFeePerKw && cost(weight, got) > may {
				t.Fatalf("at %d it pays %d of %d", height, cost(weight, got), may)
			}
			if most := bounded(uint64(may) * 1000 / weight); deadline != 0 && height+1 >= deadline && got != most {
				t.Fatalf("at the deadline it pays %d, not %d", got, most)
			}
			before = got
		}
	})
}

// A claims office works through some blocks, with feerates that do not fall. What
// Next says is made; what it replaces is gone.
func TestNextKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Work{Parents: map[chainhash.Hash]Parent{}}
		for i := range byte(rapid.IntRange(1, 14).Draw(t, "claims")) {
			w.Claims = append(w.Claims, drawClaim(t, i+1, &w))
		}
		rate := rapid.Uint32Range(253, 3000).Draw(t, "estimate")
		var flights []Flight
		paid := map[btcwire.OutPoint]uint64{}
		for w.Height = 100; w.Height < 125; w.Height++ {
			rate += rapid.SampledFrom([]uint32{0, 0, 0, 50, 5000}).Draw(t, "rise")
			for i := range w.Claims {
				c := &w.Claims[i]
				c.Apart = c.Apart || c.Deadline != 0 && c.Deadline < w.Height+10
			}
			estimate := func(blocks uint32) uint32 { return rate + (patient - blocks) }
			flights = check(t, &w, flights, Next(w, flights, estimate), paid)
			nothingForgotten(t, &w, flights, estimate)
		}
	})
}

func drawClaim(t *rapid.T, n byte, w *Work) enforce.Claim {
	value := amount.Satoshi(rapid.SampledFrom([]uint64{200, 330, 1000, 5000, 20_000, 1_000_000}).Draw(t, "value"))
	deadline := uint32(0)
	if rapid.Bool().Draw(t, "disputed") {
		deadline = rapid.Uint32Range(95, 300).Draw(t, "deadline")
	}
	var c enforce.Claim
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		c = anchor(n, deadline)
		if rapid.Bool().Draw(t, "broadcast") {
			w.Parents[c.OutPoint.Hash] = parent(rapid.Uint32Range(253, 5000).Draw(t, "signed at"), value*10, value)
		}
		return c
	case 1:
		c = presigned(n, value, rapid.Uint32Range(98, 104).Draw(t, "locktime"))
		c.Deadline = deadline
	case 2:
		c = disputed(n, value, max(deadline, 1))
		c.Kind, c.Preimage = enforce.RevokedToLocal, nil
	case 3:
		c = disputed(n, value, max(deadline, 1))
	default:
		c = ours(n, value)
	}
	c.NotBefore = rapid.Uint32Range(90, 110).Draw(t, "not before")
	return c
}

// check judges what Next said, and makes it.
func check(t *rapid.T, w *Work, flights []Flight, batches []Batch, paid map[btcwire.OutPoint]uint64) []Flight {
	seen := map[btcwire.OutPoint]bool{}
	split := map[btcwire.OutPoint]bool{}
	for i := range batches {
		b := &batches[i]
		if _, err := enforce.Assemble(b.Claims...); err != nil {
			t.Fatal(err)
		}
		if len(b.Claims) > most {
			t.Fatalf("%d claims", len(b.Claims))
		}
		var worth, may amount.Satoshi
		for j := range b.Claims {
			c := &b.Claims[j]
			_, ours := w.Parents[c.OutPoint.Hash]
			switch {
			case seen[c.OutPoint]:
				t.Fatalf("%v is taken twice", c.OutPoint)
			case c.NotBefore > w.Height+1 || c.LockTime > w.Height:
				t.Fatalf("at %d: too early for %+v", w.Height, c)
			case c.Unconfirmed && !ours:
				t.Fatal("an anchor of a commitment that is not ours")
			case c.Unconfirmed != (b.Parent != nil):
				t.Fatal("only anchors have a parent")
			}
			seen[c.OutPoint] = true
			worth += c.Value
			may += budget(c)
			if c.Unconfirmed {
				worth, may = 1<<60, b.Parent.budget(c.Deadline)-min(b.Parent.Fee, b.Parent.budget(c.Deadline))
			}
		}
		f := fly(b)
		if f.Fee+dust > worth {
			t.Fatalf("%+v costs %v and is worth %v", b, f.Fee, worth)
		}
		if b.FeePerKw > wallet.MinFeePerKw && !b.Split && f.Fee > may+2+cost(f.Weight, wallet.RelayFeePerKw) {
			t.Fatalf("at %d: %+v costs %v, of %v", w.Height, b, f.Fee, may)
		}
		var replaced amount.Satoshi
		flights = slices.DeleteFunc(flights, func(old Flight) bool {
			if !slices.ContainsFunc(old.Tx.TxIn, func(in *btcwire.TxIn) bool {
				return slices.ContainsFunc(f.Tx.TxIn, func(i *btcwire.TxIn) bool { return i.PreviousOutPoint == in.PreviousOutPoint })
			}) {
				return false
			}
			replaced += old.Fee
			if uint64(old.Fee)*f.Weight >= uint64(f.Fee)*old.Weight && b.Parent == nil {
				t.Fatalf("a replacement at a lower feerate: %v for %d, %v for %d", old.Fee, old.Weight, f.Fee, f.Weight)
			}
			for _, in := range old.Tx.TxIn {
				split[in.PreviousOutPoint] = b.Split
			}
			for _, coin := range old.Coins {
				if !slices.Contains(f.Coins, coin) {
					t.Fatalf("a replacement without the coin %v", coin)
				}
			}
			return true
		})
		// BIP 125: more than all of them, by what relaying it costs.
		if replaced > 0 && f.Fee < replaced+amount.Satoshi(f.Weight/4) {
			t.Fatalf("what replaces %v pays %v", replaced, f.Fee)
		}
		flights = append(flights, f)
	}
	now := map[btcwire.OutPoint]uint64{}
	for i := range flights {
		for _, in := range flights[i].Tx.TxIn {
			now[in.PreviousOutPoint] = uint64(flights[i].Fee) * 1000 / flights[i].Weight
		}
	}
	for i := range w.Claims {
		o := w.Claims[i].OutPoint
		if now[o] < paid[o] && !split[o] {
			t.Fatalf("at %d the feerate of %v falls from %d to %d", w.Height, o, paid[o], now[o])
		}
		paid[o] = now[o]
	}
	return flights
}

// nothingForgotten: what is worth a transaction of its own is on its way.
func nothingForgotten(t *rapid.T, w *Work, flights []Flight, estimate Feerates) {
	p := planner{work: w, estimate: estimate}
	for i := range w.Claims {
		c := &w.Claims[i]
		if c.Unconfirmed || !p.ready(c) || c.Value < cost(weigh(*c), p.wish(c))+dust {
			continue
		}
		if !slices.ContainsFunc(flights, func(f Flight) bool {
			return slices.ContainsFunc(f.Tx.TxIn, func(in *btcwire.TxIn) bool { return in.PreviousOutPoint == c.OutPoint })
		}) && !slices.ContainsFunc(Next(*w, flights, estimate), func(b Batch) bool {
			return slices.ContainsFunc(b.Claims, func(x enforce.Claim) bool { return x.OutPoint == c.OutPoint })
		}) {
			t.Fatalf("at %d nothing takes %+v", w.Height, c)
		}
	}
}

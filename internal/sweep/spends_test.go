package sweep

import (
	"crypto/sha256"
	"maps"
	"slices"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// spending is a transaction of two outputs that spends others.
func spending(of ...btcwire.OutPoint) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	for _, o := range of {
		tx.AddTxIn(btcwire.NewTxIn(&o, nil, nil))
	}
	tx.AddTxOut(btcwire.NewTxOut(1000, nil))
	tx.AddTxOut(btcwire.NewTxOut(2000, nil))
	return tx
}

func output(tx *btcwire.MsgTx, i uint32) btcwire.OutPoint {
	return btcwire.OutPoint{Hash: tx.TxHash(), Index: i}
}

// What a channel paid out may fund another one, and a peer may name any output as the
// funding of its channel: no channel takes a spend away from another.
func TestTheSpendOfAnOutputIsToldToEveryChannelThatItConcerns(t *testing.T) {
	first := channel.ParamsRow{Channel: wire.ChannelID{1}, Funding: at(1)}
	closing := spending(first.Funding)
	funding := spending(output(closing, 0), at(50))
	second := channel.ParamsRow{Channel: wire.ChannelID{2}, Funding: output(funding, 1)}
	commitment := spending(second.Funding)
	fake := channel.ParamsRow{Channel: wire.ChannelID{3}, Funding: output(commitment, 0)}
	claim := spending(output(commitment, 0))

	orders := map[string][]func(*Spends){
		"as it happens": {
			func(o *Spends) { o.Watch(first) }, func(o *Spends) { o.Note(closing, 10) }, func(o *Spends) { o.Watch(second) },
			func(o *Spends) { o.Note(funding, 11) }, func(o *Spends) { o.Note(commitment, 12) },
			func(o *Spends) { o.Watch(fake) }, func(o *Spends) { o.Note(claim, 13) },
		},
		"after a start": {
			func(o *Spends) { o.Watch(fake) }, func(o *Spends) { o.Watch(second) }, func(o *Spends) { o.Watch(first) },
			func(o *Spends) {
				o.Load([]enforce.SpendRow{{Tx: claim, Height: 13}, {Tx: commitment, Height: 12}, {Tx: funding, Height: 11}, {Tx: closing, Height: 10}})
			},
		},
	}
	for name, steps := range orders {
		t.Run(name, func(t *testing.T) {
			o := NewSpends()
			for _, step := range steps {
				step(o)
			}
			for id, want := range map[wire.ChannelID][]btcwire.OutPoint{
				first.Channel: {first.Funding, output(closing, 0), second.Funding}, second.Channel: {second.Funding, fake.Funding},
				fake.Channel: {fake.Funding},
			} {
				got := o.Of(id)
				if len(got) != len(want) || slices.ContainsFunc(want, func(p btcwire.OutPoint) bool { return got[p].Tx == nil }) {
					t.Errorf("channel %x has %v, want %v", id[:1], slices.Collect(maps.Keys(got)), want)
				}
			}
			o.Forget(first.Channel)
			if o.Touched(first.Channel) || !o.Touched(second.Channel) {
				t.Error("not the first one is forgotten")
			}
			if rows := o.Note(spending(output(commitment, 1)), 14); len(rows) != 1 || rows[0].Channel != second.Channel {
				t.Errorf("the second is no longer watched: %v", rows)
			}
			if rows := o.Note(spending(output(closing, 1)), 14); len(rows) != 0 {
				t.Errorf("what is forgotten is watched: %v", rows)
			}
		})
	}
}

// An HTLC's tokens can be claimed from any coin of its script's address: what shows the
// preimage concerns the channel, whatever it spends, and after a start too.
func TestWhatShowsAPreimageConcernsAChannelWithTokens(t *testing.T) {
	id := wire.ChannelID{1}
	params := channel.ParamsRow{Channel: id, Funding: at(1), Format: script.Tokens}
	preimage := wire.Preimage{7}
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	showing := spending(at(40))
	showing.TxIn[0].Witness = btcwire.TxWitness{{1}, preimage[:], {2}}
	other := spending(at(41))
	other.TxIn[0].Witness = btcwire.TxWitness{{1}, make([]byte, 32), {2}}

	o := NewSpends()
	o.Watch(params)
	if rows := o.Note(showing, 10); len(rows) != 0 {
		t.Errorf("nobody expects it, and it is noted: %v", rows)
	}
	o.Expect(id, []channel.HTLCView{{PaymentHash: hash}})
	rows := append(o.Note(showing, 10), o.Note(other, 10)...)
	if len(rows) != 1 || rows[0].Channel != id || rows[0].Tx != showing {
		t.Fatalf("noted are %v", rows)
	}
	again := NewSpends()
	again.Watch(params)
	again.Load(rows)
	for _, o := range []*Spends{o, again} {
		if got := o.Of(id); len(got) != 1 || got[at(40)].Tx != showing || o.Touched(id) {
			t.Errorf("known are %v, and the channel is closing: %v", got, o.Touched(id))
		}
		if rows := o.Note(spending(output(showing, 0)), 11); len(rows) != 0 {
			t.Errorf("what spends its outputs is noted: %v", rows)
		}
	}
	o.Undo(10)
	if len(o.Of(id)) != 0 {
		t.Error("a block that is gone has shown it")
	}
	o.Expect(id, []channel.HTLCView{{PaymentHash: hash, Incoming: true}})
	if rows := o.Note(showing, 11); len(rows) != 0 {
		t.Errorf("nobody expects it any more, and it is noted: %v", rows)
	}
}

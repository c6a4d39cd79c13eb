package sweep

import (
	"maps"
	"slices"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

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

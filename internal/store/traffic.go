package store

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// Traffic is what HTLCs have carried over a channel in one direction.
type Traffic struct {
	Offered, Fulfilled             uint64
	OfferedAmount, FulfilledAmount amount.MilliSatoshi
}

// to is what is to be added to a channel's traffic at the end of the transaction.
func (w *writing) to(channel int64) *db.AddTrafficParams {
	t := w.traffic[channel]
	if t == nil {
		t = &db.AddTrafficParams{Channel: channel}
		w.traffic[channel] = t
	}
	return t
}

func (w *writing) offered(channel int64, p db.InsertHTLCParams) {
	t := w.to(channel)
	if p.Incoming != 0 {
		t.InOffered, t.InOfferedMsat = t.InOffered+1, t.InOfferedMsat+p.Amount
		return
	}
	t.OutOffered, t.OutOfferedMsat = t.OutOffered+1, t.OutOfferedMsat+p.Amount
}

// fulfilled counts an HTLC whose end is being written, unless it was written before.
func (w *writing) fulfilled(channel, incoming, id int64) error {
	amt, err := w.q.LiveAmount(w.ctx, db.LiveAmountParams{Channel: channel, Incoming: incoming, ID: id})
	amt, live, err := maybe(amt, err, func(v int64) (int64, error) { return v, nil })
	if err != nil || !live {
		return err
	}
	t := w.to(channel)
	if incoming != 0 {
		t.InFulfilled, t.InFulfilledMsat = t.InFulfilled+1, t.InFulfilledMsat+amt
		return nil
	}
	t.OutFulfilled, t.OutFulfilledMsat = t.OutFulfilled+1, t.OutFulfilledMsat+amt
	return nil
}

// end writes what a transaction has gathered.
func (w *writing) end() error {
	for _, t := range w.traffic {
		if err := w.q.AddTraffic(w.ctx, *t); err != nil {
			return err
		}
	}
	return w.indexTexts()
}

// Traffic is what HTLCs have carried over each channel, towards us and from us.
func (s *Store) Traffic(ctx context.Context) (in, out map[wire.ChannelID]Traffic, err error) {
	rows, err := s.q.Traffic(ctx)
	in, out = make(map[wire.ChannelID]Traffic, len(rows)), make(map[wire.ChannelID]Traffic, len(rows))
	for _, r := range rows {
		t, id := r.Traffic, wire.ChannelID(r.ID)
		in[id] = Traffic{unsigned[uint64](t.InOffered), unsigned[uint64](t.InFulfilled), unsigned[amount.MilliSatoshi](t.InOfferedMsat), unsigned[amount.MilliSatoshi](t.InFulfilledMsat)}
		out[id] = Traffic{unsigned[uint64](t.OutOffered), unsigned[uint64](t.OutFulfilled), unsigned[amount.MilliSatoshi](t.OutOfferedMsat), unsigned[amount.MilliSatoshi](t.OutFulfilledMsat)}
	}
	return in, out, err
}

// Extremes are the least and the most that each channel ever held for us.
func (s *Store) Extremes(ctx context.Context) (map[wire.ChannelID][2]amount.MilliSatoshi, error) {
	rows, err := s.q.Extremes(ctx)
	out := make(map[wire.ChannelID][2]amount.MilliSatoshi, len(rows))
	for _, r := range rows {
		out[wire.ChannelID(r.ID)] = [2]amount.MilliSatoshi{unsigned[amount.MilliSatoshi](r.ToLocalLeast), unsigned[amount.MilliSatoshi](r.ToLocalMost)}
	}
	return out, err
}

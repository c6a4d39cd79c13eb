package link

import (
	"errors"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/relay"
)

// decide hands on an incoming HTLC that is irrevocable: to the receiver, to the link
// of the next channel, or back. While the present height is awaited it stays: resume
// comes back to it.
func (l *Link) decide(in channel.Incoming) {
	id := in.Ref.ID
	if l.desk.Asked(id) {
		if l.desk.Decided(id) {
			l.in.put(func(l *Link) { l.waits(id, l.desk.Propose(id)) })
		}
		return
	}
	state := l.cfg.Present()
	if state == present.Awaited {
		l.desk.Wait(id)
		return
	}
	facts := relay.Facts{Height: l.cfg.Height(), Lost: state == present.Lost, Outgoing: l.links.outgoing, Exchange: l.links.exchange}
	decision := l.desk.Take(in, facts)
	if _, ended := decision.(relay.FailMalformed); l.Held() != "" && !ended {
		l.reject(id, onion.TemporaryNodeFailure()) // what it carries may be worth nothing
		return
	}
	switch d := decision.(type) {
	case relay.Receive:
		l.cfg.Receiver.Offer(in, d.Payload)
	case relay.Forward:
		if d.Over != nil && !l.cfg.Exchange.Begin(in.Ref, *d.Over) {
			out, _ := l.links.outgoing(d.SCID)
			l.reject(id, d.Refused(out).Failure)
		} else if !l.links.offer(d.SCID, d.Add) {
			l.reject(id, onion.UnknownNextPeer())
		}
	case relay.Fail:
		l.reject(id, d.Failure)
	case relay.FailMalformed:
		l.settle(relay.DecisionRow{In: in.Ref, Kind: relay.Failed, Malformed: &d.Malformed})
	}
}

// fail decides to fail an HTLC.
func (l *Link) fail(id uint64, f onion.Failure) {
	l.in.put(func(l *Link) { l.waits(id, l.desk.Settle(l.desk.Fail(id, f))) })
}

// reject decides to fail an HTLC for which none of ours has gone out. When it was to be
// forwarded, that is on disk with the removal, or before it.
func (l *Link) reject(id uint64, f onion.Failure) {
	l.in.put(func(l *Link) {
		row := l.desk.Fail(id, f)
		l.links.exchanged(row.In)
		l.rows = append(l.rows, l.desk.Refuse(row, f.Code)...)
		l.waits(id, l.desk.Settle(row))
	})
}

// settle takes a decision, and proposes it with the next inputs.
func (l *Link) settle(d relay.DecisionRow) {
	l.in.put(func(l *Link) { l.waits(d.In.ID, l.desk.Settle(d)) })
}

// waits notes that the channel does not take a removal yet. It is proposed again by
// resume.
func (l *Link) waits(id uint64, why error) {
	if why != nil {
		l.log.Debug("a removal waits", "htlc", id, "why", why)
	}
}

// resume goes on with every incoming HTLC that is not settled, after a start, after
// each reconnect, and when the present height is known or no longer waited for.
func (l *Link) resume() {
	l.mu.Lock()
	unsettled := l.ch.Unsettled()
	l.mu.Unlock()
	for _, in := range unsettled {
		l.decide(in)
	}
}

// offer asks the channel to carry an HTLC; a refusal goes back to its origin.
func (l *Link) offer(add channel.Add) bool {
	return l.in.put(func(l *Link) {
		if why := l.Held(); why != "" {
			l.after = append(l.after, func() { l.refuse(add.Origin, errors.New(why)) })
			return
		}
		if _, err := l.ch.Offer(add); err != nil {
			l.log.Debug("HTLC refused", "amount", add.Amount, "why", err)
			l.after = append(l.after, func() { l.refuse(add.Origin, err) })
		}
	})
}

package link

import (
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/relay"
)

// decide peels an incoming HTLC that is irrevocable and hands it on: to the
// receiver, to the link of the next channel, or back.
func (l *Link) decide(in channel.Incoming) {
	id := in.Ref.ID
	if d, ok := l.decided[id]; ok {
		l.in.put(func(l *Link) { l.propose(d) })
		return
	}
	if l.asked[id] {
		return
	}
	l.asked[id] = true
	var peeled onion.Peeled
	var err error
	if in.PathKey == nil {
		if peeled, err = onion.Peel(l.cfg.Key, in.Onion, in.PaymentHash); err == nil {
			l.secrets[id] = peeled.SharedSecret
		}
	}
	switch d := relay.Decide(in, peeled, err, relay.Facts{Height: l.cfg.Height(), Outgoing: l.links.outgoing}).(type) {
	case relay.Receive:
		l.cfg.Receiver.Offer(in, d.Payload)
	case relay.Forward:
		if !l.links.offer(d.SCID, d.Add) {
			l.fail(id, onion.UnknownNextPeer())
		}
	case relay.Fail:
		l.fail(id, d.Failure)
	case relay.FailMalformed:
		l.settle(relay.DecisionRow{In: in.Ref, Kind: relay.Failed, Malformed: &d.Malformed})
	}
}

// fail decides to fail an HTLC.
func (l *Link) fail(id uint64, f onion.Failure) {
	l.in.put(func(l *Link) { l.settle(l.failed(id, f)) })
}

// failed is the decision to fail an HTLC with a failure of ours.
func (l *Link) failed(id uint64, f onion.Failure) relay.DecisionRow {
	return relay.DecisionRow{In: channel.Ref{Channel: l.ID(), ID: id}, Kind: relay.Failed, Reason: onion.NewFailure(l.secret(id), f)}
}

// answer is the decision that follows from the end of the outgoing HTLC.
func (l *Link) answer(r channel.Resolved) relay.DecisionRow {
	return relay.Answer(*r.Origin.In, r, l.secret(r.Origin.In.ID))
}

// secret is the shared secret of an incoming HTLC's onion, which is peeled again
// after a restart.
func (l *Link) secret(id uint64) [32]byte {
	if s, ok := l.secrets[id]; ok {
		return s
	}
	for _, in := range l.ch.Unsettled() {
		if in.Ref.ID == id && in.PathKey == nil {
			if p, err := onion.Peel(l.cfg.Key, in.Onion, in.PaymentHash); err == nil {
				l.secrets[id] = p.SharedSecret
			}
		}
	}
	return l.secrets[id]
}

// settle takes a decision, and proposes it with the next inputs.
func (l *Link) settle(d relay.DecisionRow) {
	l.in.put(func(l *Link) {
		if _, before := l.decided[d.In.ID]; !before {
			l.decided[d.In.ID] = d
			l.propose(d)
		}
	})
}

// propose asks the channel for the removal that was decided. While the peer is
// away the channel refuses a failure, and it is proposed again by resume.
func (l *Link) propose(d relay.DecisionRow) {
	var err error
	switch {
	case d.Kind == relay.Fulfil:
		err = l.ch.Fulfill(d.In.ID, d.Preimage)
	case d.Malformed != nil:
		err = l.ch.FailMalformed(d.In.ID, d.Malformed.SHA256OfOnion, d.Malformed.Code)
	default:
		err = l.ch.Fail(d.In.ID, d.Reason)
	}
	if err != nil {
		l.log.Debug("a removal waits", "htlc", d.In.ID, "why", err)
	}
}

// resume goes on with every incoming HTLC that is not settled, after a start and
// after each reconnect.
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
		if _, err := l.ch.Offer(add); err != nil {
			l.log.Debug("HTLC refused", "amount", add.Amount, "why", err)
			l.after = append(l.after, func() { l.refuse(add.Origin, err) })
		}
	})
}

package funding

import (
	"context"
	"errors"
	"sync"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/store"
)

// asked answers open_channel.
func (m *Manager) asked(ctx context.Context, p Peer, msg *wire.OpenChannel) {
	id := msg.TemporaryChannelID
	if why := m.mayAsk(p, id); why != nil {
		m.answer(p, id, why)
		return
	}
	cfg, err := m.config(ctx, p)
	if err != nil {
		m.answer(p, id, err)
		return
	}
	a, answer, err := open.Accept(cfg, msg)
	if err != nil {
		m.cfg.Log.Info("channel refused", "peer", p.ID(), "why", err)
		m.unseen(p, cfg)
		m.answer(p, id, err)
		return
	}
	m.begin(&talk{peer: p, temporary: id, alias: cfg.Alias, signer: cfg.Signer, mu: new(sync.Mutex), accepter: a})
	m.say(p, answer)
}

// mayAsk tells whether a peer may begin one more conversation, under an id.
//
// BOLT 2: "MUST ensure `temporary_channel_id` is unique from any other channel ID
// with the same peer."
func (m *Manager) mayAsk(p Peer, id wire.ChannelID) error {
	twice := &channel.Violation{Kind: channel.Fail, Text: "temporary_channel_id is that of another channel"}
	if t := m.find(p, id); t != nil {
		m.drop(t, twice) // our answer is about both
		return twice
	}
	opening := m.cfg.Waiting(p.ID())
	for _, t := range m.of(p) {
		if t.accepter != nil {
			opening++
		}
	}
	if opening >= maxTalks {
		return &channel.Violation{Kind: channel.Fail, Text: "too many channels are being opened at once"}
	}
	return nil
}

// created takes funding_created: the channel is on disk before funding_signed
// leaves.
func (m *Manager) created(ctx context.Context, t *talk, msg *wire.FundingCreated) error {
	if t.accepter == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "funding_created for a channel that we open"}
	}
	pending, err := t.accepter.Created(msg, m.cfg.Verifier)
	if err != nil {
		return m.broken(err)
	}
	done, err := pending.Commit(context.WithoutCancel(ctx), m.cfg.Store)
	switch {
	case errors.Is(err, store.ErrExists): // nothing was written, and nobody has seen our signature
		return &channel.Violation{Kind: channel.Fail, Text: "the funding output is that of another channel"}
	case err != nil:
		return m.fault(err)
	}
	m.take(t)
	if b, reserve := m.cfg.Wallet.Balance(), m.reserve(1); b.Confirmed+b.Unconfirmed < reserve {
		m.cfg.Log.Warn("the wallet has less than its reserve: should this channel have to be closed on a day of high fees, it may not be closed in time",
			"peer", t.peer.ID(), "has", b.Confirmed+b.Unconfirmed, "reserve", reserve)
	}
	m.cfg.Opened(t.peer, done.A.Channel, t.signer, append(done.A.Send, done.B.Send...))
	return nil
}

// broken tells a rule that the peer broke from a signer that refuses, which must
// end the process.
func (m *Manager) broken(err error) error {
	var v *channel.Violation
	if errors.As(err, &v) {
		return err
	}
	return m.fault(err)
}

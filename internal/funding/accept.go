package funding

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/store"
)

// asked answers open_channel.
func (m *Manager) asked(ctx context.Context, p Peer, msg *wire.OpenChannel) {
	t := &talk{peer: p, temporary: msg.TemporaryChannelID, mu: new(sync.Mutex)}
	if why := m.mayAsk(t); why != nil {
		m.answer(p, t.temporary, why)
		return
	}
	receivers, err := m.carries(ctx, msg.Asset)
	if err != nil {
		m.take(t)
		m.answer(p, t.temporary, err)
		return
	}
	cfg, err := m.config(ctx, p, msg.Asset != nil)
	if err != nil {
		m.take(t)
		m.answer(p, t.temporary, err)
		return
	}
	cfg.Receivers = receivers
	a, answer, err := open.Accept(cfg, msg)
	if err != nil {
		m.cfg.Log.Info("channel refused", "peer", p.ID(), "why", err)
		m.take(t)
		m.unseen(p, cfg)
		m.answer(p, t.temporary, err)
		return
	}
	m.mu.Lock()
	t.alias, t.signer, t.script, t.accepter = cfg.Alias, cfg.Signer, cfg.Script, a
	m.mu.Unlock()
	m.say(p, answer)
}

// carries says why a channel may not carry what open_channel says that it is to, or else
// with how many receivers it may.
func (m *Manager) carries(ctx context.Context, a *wire.OpenAsset) (receivers uint8, err error) {
	if a == nil || m.cfg.Assets == nil { // then the conversation refuses it
		return 0, nil
	}
	if receivers, err = m.mayCarry(ctx, a.Property); err != nil {
		m.cfg.Log.Info("channel refused", "property", a.Property, "why", err)
		return 0, &channel.Violation{Kind: channel.Fail, Text: fmt.Sprintf("property %d: %v", a.Property, err)}
	}
	return receivers, nil
}

// mayCarry says with how many receivers a channel may carry a property. Errors: those of
// Config.Assets.
func (m *Manager) mayCarry(ctx context.Context, id amount.Property) (receivers uint8, err error) {
	if err := m.cfg.Assets.MayCarry(ctx, id); err != nil {
		return 0, err
	}
	return m.cfg.Assets.Receivers(ctx)
}

// mayAsk begins one more conversation of a peer, if it may. It counts with those of
// others that begin at the same time: there are never more than there may be.
//
// BOLT 2: "MUST ensure `temporary_channel_id` is unique from any other channel ID
// with the same peer."
func (m *Manager) mayAsk(t *talk) error {
	if other := m.find(t.peer, t.temporary); other != nil {
		twice := &channel.Violation{Kind: channel.Fail, Text: "temporary_channel_id is that of another channel"}
		m.drop(other, twice) // our answer is about both
		return twice
	}
	own, all := m.asking(t)
	id, waiting := t.peer.ID(), m.cfg.Waiting() // later: a channel waits before its conversation has ended
	why := ""
	switch {
	case own+waiting.Of[id] > maxTalks:
		why = "too many channels are being opened at once"
	case !waiting.Met[id] && all+waiting.strangers() > maxStrange:
		why = "too many channels wait here for their funding transactions: please try again later"
	default:
		return nil
	}
	m.take(t)
	return &channel.Violation{Kind: channel.Fail, Text: why}
}

// asking begins a conversation that a peer asks for, and counts those: of its
// connection, and all.
func (m *Manager) asking(t *talk) (own, all int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.talks[key{t.peer, t.temporary}] = t
	for k, other := range m.talks {
		if other.batch != nil || k.id != other.temporary {
			continue
		}
		all++
		if k.peer == t.peer {
			own++
		}
	}
	return own, all
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
	t.script = nil // it is the channel's
	if b, reserve := m.cfg.Wallet.Balance(), m.reserve(1); b.Confirmed+b.Unconfirmed < reserve {
		m.cfg.Log.Warn("the wallet has less than its reserve: should this channel have to be closed on a day of high fees, it may not be closed in time",
			"peer", t.peer.ID(), "has", b.Confirmed+b.Unconfirmed, "reserve", reserve)
	}
	m.cfg.Opened(t.peer, done.A.Channel, t.signer, append(done.A.Send, done.B.Send...))
	m.take(t)
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

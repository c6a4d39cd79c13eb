package funding

import (
	"context"
	"errors"
	"fmt"
	"io"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Open opens a channel with a peer and waits until its funding transaction is
// broadcast. Errors: those of packages open and wallet, [ErrGone], [ErrRefused].
func (m *Manager) Open(ctx context.Context, p Peer, r Request) (Opened, error) {
	wait, err := m.Begin(ctx, p, r)
	if err != nil {
		return Opened{}, err
	}
	return wait(ctx)
}

// Begin sends open_channel. The rest is done by [Manager.Message], and wait waits
// for its end.
func (m *Manager) Begin(ctx context.Context, p Peer, r Request) (wait func(context.Context) (Opened, error), err error) {
	cfg, err := m.config(ctx, p)
	if err != nil {
		return nil, err
	}
	if r.Amount == wallet.All {
		if r.Amount, err = m.all(p, r); err != nil {
			m.unseen(p, cfg)
			return nil, err
		}
	}
	var id wire.ChannelID
	if _, err := io.ReadFull(m.cfg.Random, id[:]); err != nil {
		return nil, err
	}
	wish := open.Request{
		TemporaryID: id, Funding: r.Amount, Push: r.Push, FeePerKw: r.Commit, Announce: r.Announce,
		UseAlias: !r.Announce && m.both(p, wire.SCIDAlias),
	}
	if r.Depth != nil {
		wish.ZeroConf, wish.MinimumDepth = *r.Depth == 0, *r.Depth
	}
	o, hello, err := open.Start(cfg, wish)
	if err != nil {
		m.unseen(p, cfg)
		return nil, err
	}
	t := &talk{
		peer: p, temporary: id, alias: cfg.Alias, signer: cfg.Signer, opener: o, req: r,
		purpose: "channel " + id.String(), done: make(chan result, 1),
	}
	m.begin(t)
	if err := p.Send(hello); err != nil {
		m.drop(t, err)
	}
	return func(ctx context.Context) (Opened, error) { return m.wait(ctx, t) }, nil
}

// wait waits for the end of a conversation that we began.
func (m *Manager) wait(ctx context.Context, t *talk) (Opened, error) {
	select {
	case r := <-t.done:
		return r.opened, r.err
	case <-ctx.Done():
		if m.drop(t, ctx.Err()) {
			m.answer(t.peer, t.id(), ctx.Err())
		}
		r := <-t.done // it may have ended well in the meantime
		return r.opened, r.err
	}
}

// all is the largest channel that can be opened.
func (m *Manager) all(p Peer, r Request) (amount.Satoshi, error) {
	most, err := m.cfg.Wallet.Most(wallet.Request{
		Outputs: []wallet.Output{{Value: wallet.All, Script: script.P2WSH(nil)}}, FeePerKw: r.FeePerKw,
		MinConf: r.MinConf, Keep: m.reserve(),
	})
	if !m.cfg.Features.Has(wire.LargeChannels) || !p.Features().Has(wire.LargeChannels) {
		most = min(most, open.LargeChannel-1)
	}
	return most, err
}

// reserve is what must stay in the wallet once one more channel is open.
func (m *Manager) reserve() amount.Satoshi {
	if m.cfg.Reserve == nil {
		return 0
	}
	return m.cfg.Reserve()
}

// accepted takes accept_channel: the funding transaction is made, not broadcast.
func (m *Manager) accepted(ctx context.Context, t *talk, msg *wire.AcceptChannel) error {
	if t.opener == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "accept_channel for a channel that you open"}
	}
	out, err := t.opener.Accepted(msg)
	if err != nil {
		return err
	}
	pending, err := m.cfg.Wallet.Fund(wallet.Request{
		Outputs: []wallet.Output{{Value: out.Value, Script: out.Script}}, FeePerKw: t.req.FeePerKw,
		MinConf: t.req.MinConf, For: t.purpose, Keep: m.reserve(),
	})
	if err != nil {
		return err
	}
	if t.funded, err = write(ctx, m, pending); err != nil {
		return err
	}
	t.output = t.funded.Index[0]
	at := btcwire.OutPoint{Hash: t.funded.Tx.TxHash(), Index: t.output}
	hold, err := t.opener.Funded(at)
	switch {
	case errors.Is(err, open.ErrRequest):
		return err
	case err != nil:
		return m.broken(err)
	}
	created, err := write(ctx, m, hold)
	if err != nil {
		return err
	}
	m.name(t, script.ChannelID(at))
	return t.peer.Send(created)
}

// signed takes funding_signed: the channel is written with the published
// transaction, and then the transaction is broadcast.
func (m *Manager) signed(ctx context.Context, t *talk, msg *wire.FundingSigned) error {
	if t.opener == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "funding_signed for a channel that you open"}
	}
	pending, err := t.opener.Signed(msg, m.cfg.Verifier)
	if err != nil {
		return m.broken(err)
	}
	both, err := write(ctx, m, durable.Join(pending, m.cfg.Wallet.Publish(t.funded.Tx, "channel "+msg.ChannelID.String())))
	if err != nil {
		return err
	}
	m.take(t)
	ch := both.A.A.Channel
	m.cfg.Opened(t.peer, ch, t.signer, append(both.A.A.Send, both.A.B.Send...))
	err = m.cfg.Broadcast(context.WithoutCancel(ctx), both.B)
	if err != nil {
		err = fmt.Errorf("the channel is stored, but its funding transaction was not broadcast, which is tried again with each block: %w", err)
	}
	t.done <- result{Opened{Channel: ch.ID(), Tx: both.B, Output: t.output, Params: ch.Params()}, err}
	return nil
}

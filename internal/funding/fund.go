package funding

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// batch are the channels that one funding transaction opens: all of them, or none.
// The peer that answers last takes the step for all.
type batch struct {
	mu      sync.Mutex // of its conversations
	talks   []*talk
	feeRate uint32 // of the funding transaction, in satoshi for 1000 weight
	minConf uint32
	coins   []btcwire.OutPoint // to spend; nil: the wallet chooses
	asset   *open.Asset        // tokens that its one channel carries; nil: none
	purpose string             // what the coins are reserved for
	funded  wallet.Funded
	done    chan ended
}

type ended struct {
	opened []Opened
	err    error
}

// Open opens a channel with a peer and waits until its funding transaction is
// broadcast. Errors: those of packages open and wallet, [ErrGone], [ErrRefused],
// [ErrBroadcast].
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
	b, err := m.start(ctx, []Wish{{p, r}})
	if err != nil {
		return nil, cause(err)
	}
	return func(ctx context.Context) (Opened, error) {
		opened, err := m.wait(ctx, b)
		if len(opened) == 0 {
			return Opened{}, cause(err)
		}
		return opened[0], err
	}, nil
}

// cause is an error without the name of the peer.
func cause(err error) error {
	if of, ok := errors.AsType[*PeerError](err); ok {
		return of.Err
	}
	return err
}

// start sends open_channel to the peer of each wish. With an error nobody has heard
// of it.
func (m *Manager) start(ctx context.Context, wishes []Wish) (*batch, error) {
	b := &batch{feeRate: wishes[0].FeePerKw, minConf: wishes[0].MinConf, coins: wishes[0].Coins, done: make(chan ended, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	var hellos []*wire.OpenChannel
	for i := range wishes {
		hello, err := m.join(ctx, b, wishes, i)
		if err != nil {
			for _, t := range b.talks {
				m.take(t)
			}
			return nil, err
		}
		hellos = append(hellos, hello)
	}
	b.purpose = "channel " + b.talks[0].temporary.String()
	for i, t := range b.talks {
		if err := t.peer.Send(hellos[i]); err != nil {
			m.end(b, t, err)
			break
		}
	}
	return b, nil
}

// join makes the conversation of a wish, with the message that begins it.
func (m *Manager) join(ctx context.Context, b *batch, wishes []Wish, i int) (*wire.OpenChannel, error) {
	p, r := wishes[i].Peer, wishes[i].Request
	var receivers uint8
	if r.Asset != nil {
		var err error
		if receivers, err = m.fundable(ctx, &r, len(wishes)); err != nil {
			return nil, err
		}
		b.asset = r.Asset
	}
	cfg, err := m.config(ctx, p, r.Asset != nil)
	if err != nil {
		return nil, err
	}
	cfg.Receivers = receivers
	if r.Amount == wallet.All {
		if r.Amount, err = m.all(p, b, wishes); err != nil {
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
		UseAlias: !r.Announce && r.Asset == nil && m.both(p, wire.SCIDAlias), Reserve: r.Reserve, Asset: r.Asset,
	}
	if r.Depth != nil {
		wish.ZeroConf, wish.MinimumDepth = *r.Depth == 0, *r.Depth
	}
	own := cfg
	if err = m.asWished(p, r, &cfg, &wish); err == nil {
		var o *open.Opener
		var hello *wire.OpenChannel
		if o, hello, err = open.Start(cfg, wish); err == nil {
			t := &talk{peer: p, temporary: id, alias: cfg.Alias, signer: cfg.Signer, script: own.Script, mu: &b.mu, batch: b, opener: o}
			if r.CloseTo != nil {
				m.unseen(p, open.Config{Script: own.Script})
				t.script = nil // another one is named
			}
			b.talks = append(b.talks, t)
			m.begin(t)
			return hello, nil
		}
	}
	m.unseen(p, own)
	return nil, &PeerError{Peer: p.ID(), Err: err}
}

// asWished brings what was asked for into what we bring and ask for. Errors: those of
// package open.
func (m *Manager) asWished(p Peer, r Request, cfg *open.Config, wish *open.Request) (err error) {
	if r.CloseTo != nil {
		if !m.both(p, wire.UpfrontShutdownScript) {
			return fmt.Errorf("%w: it has no option_upfront_shutdown_script, which close_to needs", open.ErrFeature)
		}
		cfg.Script, cfg.Upfront = r.CloseTo, true
	}
	if r.Type == nil {
		return nil
	}
	zeroConf := false
	if wish.UseAlias, zeroConf, err = open.Variations(r.Type); err != nil {
		return err
	}
	if r.Depth != nil && zeroConf != (*r.Depth == 0) {
		return fmt.Errorf("%w: a channel of type option_zeroconf waits for no confirmation, and no other one does not", open.ErrRequest)
	}
	wish.ZeroConf = zeroConf
	return nil
}

// wait waits for the end of a batch.
func (m *Manager) wait(ctx context.Context, b *batch) ([]Opened, error) {
	select {
	case e := <-b.done:
		return e.opened, e.err
	case <-ctx.Done():
		b.mu.Lock()
		m.end(b, nil, ctx.Err())
		b.mu.Unlock()
		e := <-b.done // it may have ended well in the meantime
		return e.opened, e.err
	}
}

// all is the largest channel that can be opened beside the other wishes.
func (m *Manager) all(p Peer, b *batch, wishes []Wish) (amount.Satoshi, error) {
	r := wallet.Request{FeePerKw: b.feeRate, MinConf: b.minConf, Coins: b.coins, Keep: m.reserve(len(wishes))}
	for _, w := range wishes {
		r.Outputs = append(r.Outputs, wallet.Output{Value: w.Amount, Script: script.P2WSH(nil)})
	}
	most, err := m.cfg.Wallet.Most(r)
	if !m.cfg.Features.Has(wire.LargeChannels) || !p.Features().Has(wire.LargeChannels) {
		most = min(most, open.LargeChannel-1)
	}
	return most, err
}

// reserve is what must stay in the wallet once so many more channels are open.
func (m *Manager) reserve(more int) amount.Satoshi {
	if m.cfg.Reserve == nil {
		return 0
	}
	return m.cfg.Reserve(more)
}

// errOther is why a batch ends for the peers at which it did not fail.
var errOther = errors.New("another channel of the same transaction was not opened")

// end ends a batch without channels, with its lock held; false when it has ended
// before. The peer at which it failed, if it was one, is answered by the caller.
func (m *Manager) end(b *batch, at *talk, why error) bool {
	for _, t := range b.talks {
		if !m.take(t) {
			return false
		}
	}
	if b.funded.Tx != nil && !errors.Is(why, errFault) {
		if _, err := write(context.Background(), m, m.cfg.Wallet.Release(b.purpose)); err != nil {
			why = err
		}
	}
	e := ended{err: why}
	if at != nil {
		e.err = &PeerError{Peer: at.peer.ID(), Accepted: at.output != nil, Err: why}
	}
	b.done <- e
	if errors.Is(why, errFault) {
		return true
	}
	for _, t := range b.talks {
		if t != at {
			m.answer(t.peer, t.id(), errOther)
		}
	}
	return true
}

// accepted takes accept_channel. Once all have accepted, the funding transaction is
// made, not broadcast.
func (m *Manager) accepted(ctx context.Context, t *talk, msg *wire.AcceptChannel) error {
	if t.opener == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "accept_channel for a channel that you open"}
	}
	out, err := t.opener.Accepted(msg)
	if err != nil {
		return err
	}
	t.output = &out
	if slices.ContainsFunc(t.batch.talks, func(t *talk) bool { return t.output == nil }) {
		return nil
	}
	m.must(t.batch, m.fund(ctx, t.batch))
	return nil
}

// must ends a batch for an error that is no peer's.
func (m *Manager) must(b *batch, err error) {
	if err != nil {
		m.cfg.Log.Info("no channel opened", "why", err)
		m.end(b, nil, err)
	}
}

// fund makes the funding transaction and sends every peer funding_created.
func (m *Manager) fund(ctx context.Context, b *batch) error {
	r := wallet.Request{FeePerKw: b.feeRate, MinConf: b.minConf, Coins: b.coins, For: b.purpose, Keep: m.reserve(len(b.talks))}
	for _, t := range b.talks {
		r.Outputs = append(r.Outputs, wallet.Output(*t.output))
	}
	if err := m.pay(ctx, b, r); err != nil {
		return err
	}
	at := btcwire.OutPoint{Hash: b.funded.Tx.TxHash()}
	holds := make([]durable.Pending[*wire.FundingCreated], len(b.talks))
	for i, t := range b.talks {
		t.index = b.funded.Index[i]
		at.Index = t.index
		var err error
		holds[i], err = t.opener.Funded(at)
		switch {
		case errors.Is(err, open.ErrRequest):
			return err
		case err != nil:
			return m.broken(err)
		}
	}
	created, err := write(ctx, m, durable.All(holds))
	if err != nil {
		return err
	}
	for i, t := range b.talks {
		at.Index = t.index
		m.name(t, script.ChannelID(at))
		if err := t.peer.Send(created[i]); err != nil {
			m.end(b, t, err)
			return nil
		}
	}
	return nil
}

// pay makes the funding transaction.
func (m *Manager) pay(ctx context.Context, b *batch, r wallet.Request) (err error) {
	if b.asset != nil {
		b.funded, err = m.cfg.Assets.Fund(ctx, tokens.Funding{
			Order: tokens.Order{To: r.Outputs[0].Script, Property: b.asset.Property, Units: b.asset.Tokens, FeePerKw: r.FeePerKw},
			Value: r.Outputs[0].Value, Keep: r.Keep, For: b.purpose,
		})
		return err
	}
	pending, err := m.cfg.Wallet.Fund(r)
	if err != nil {
		return err
	}
	b.funded, err = write(ctx, m, pending)
	return err
}

// fundable refuses a wish for a channel with tokens that cannot be granted, or says with how
// many receivers it can. Errors: those of Config.Assets, and [open.ErrRequest].
func (m *Manager) fundable(ctx context.Context, r *Request, wishes int) (receivers uint8, err error) {
	switch {
	case m.cfg.Assets == nil:
		return 0, fmt.Errorf("%w: this node keeps no ledger of tokens", open.ErrRequest)
	case wishes > 1 || r.Amount == wallet.All || r.Coins != nil || r.Type != nil:
		return 0, fmt.Errorf("%w: a channel with tokens has a transaction of its own, an amount, coins that hold the tokens and a type of its own", open.ErrRequest)
	}
	return m.mayCarry(ctx, r.Asset.Property)
}

// signed takes funding_signed. Once all have signed, the channels are written with
// the published transaction, and then the transaction is broadcast.
func (m *Manager) signed(ctx context.Context, t *talk, msg *wire.FundingSigned) error {
	if t.opener == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "funding_signed for a channel that you open"}
	}
	pending, err := t.opener.Signed(msg, m.cfg.Verifier)
	if err != nil {
		return m.broken(err)
	}
	t.signed = &pending
	if slices.ContainsFunc(t.batch.talks, func(t *talk) bool { return t.signed == nil }) {
		return nil
	}
	m.must(t.batch, m.publish(ctx, t.batch))
	return nil
}

func (m *Manager) publish(ctx context.Context, b *batch) error {
	signed := make([]durable.Pending[open.Result], len(b.talks))
	ids := make([]string, len(b.talks))
	for i, t := range b.talks {
		signed[i], ids[i] = *t.signed, t.channel.String()
	}
	both, err := write(ctx, m, durable.Join(durable.All(signed), m.cfg.Wallet.Publish(b.funded.Tx, "channel "+strings.Join(ids, ", "))))
	if err != nil {
		return err
	}
	var e ended
	for i, t := range b.talks {
		t.script = nil // it is the channel's
		m.take(t)
		done := both.A[i]
		ch := done.A.Channel
		m.cfg.Opened(t.peer, ch, t.signer, append(done.A.Send, done.B.Send...))
		e.opened = append(e.opened, Opened{Channel: ch.ID(), Tx: both.B, Output: t.index, Params: ch.Params()})
	}
	if err := m.cfg.Broadcast(context.WithoutCancel(ctx), both.B); err != nil {
		stored := "the channel is"
		if len(e.opened) > 1 {
			stored = "the channels are"
		}
		e.err = fmt.Errorf("%s stored, but %w: %w", stored, ErrBroadcast, err)
	}
	b.done <- e
	return nil
}

package funding

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Peer is a connection.
type Peer interface {
	ID() wire.NodeID
	Features() wire.Features
	Send(msgs ...wire.Message) error
	Disconnect(reason error)
}

// Keys makes the signer of a new channel.
type Keys func(index uint32) (channel.Signer, error)

// Config is what a manager needs.
type Config struct {
	Chain     chainhash.Hash
	Features  wire.Features
	Policy    open.Policy
	Store     durable.Writer
	Wallet    *wallet.Wallet
	Keys      Keys
	NextKey   uint32 // an index of keys that no channel had
	Verifier  channel.Verifier
	Random    io.Reader
	Broadcast func(ctx context.Context, tx *btcwire.MsgTx) error
	// Opened takes a channel whose rows are on disk, with what it has to send
	// first, and its peer.
	Opened func(p Peer, ch *channel.Channel, s channel.Signer, first []wire.Message)
	Log    *slog.Logger
	Fatal  func(error) // a write failed or the signer refused: must end the process
}

// Request is a channel to open.
type Request struct {
	Amount   amount.Satoshi // wallet.All: all that the wallet has
	Push     amount.MilliSatoshi
	FeePerKw uint32 // of the funding transaction
	Commit   uint32 // feerate_per_kw of the first commitments
	Announce bool
	MinConf  uint32 // of the coins to spend
}

// Opened is a channel whose funding transaction was broadcast.
type Opened struct {
	Channel wire.ChannelID
	Tx      *btcwire.MsgTx
	Output  uint32
	Params  channel.ParamsRow
}

// Errors of Open, beside those of packages open and wallet.
var (
	ErrGone    = errors.New("the peer disconnected before the channel was open")
	ErrRefused = errors.New("the peer refused the channel")
)

// Manager runs the conversations. It is safe for concurrent use.
type Manager struct {
	cfg Config

	mu      sync.Mutex
	nextKey uint32
	talks   map[key]*talk
}

// key is a conversation: a peer's connection and an id in it.
type key struct {
	peer Peer
	id   wire.ChannelID // temporary_channel_id, or the channel's once it has one
}

// talk is a conversation.
type talk struct {
	key    key
	signer channel.Signer

	accepter *open.Accepter // of one that the peer began

	opener  *open.Opener // of one that we began
	req     Request
	funded  wallet.Funded
	output  uint32
	purpose string // what the coins are reserved for
	ctx     context.Context
	done    chan result
}

type result struct {
	opened Opened
	err    error
}

// New makes a manager.
func New(cfg Config) *Manager {
	return &Manager{cfg: cfg, nextKey: cfg.NextKey, talks: map[key]*talk{}}
}

// maxTalks is how many conversations one peer may begin at once.
const maxTalks = 16

// config is our side of a conversation with p, with keys of its own.
func (m *Manager) config(ctx context.Context, p Peer) (open.Config, error) {
	m.mu.Lock()
	index := m.nextKey
	m.nextKey++
	m.mu.Unlock()
	signer, err := m.cfg.Keys(index)
	if err != nil {
		return open.Config{}, err
	}
	pending, err := m.cfg.Wallet.NewAddress(wallet.P2TR)
	if err != nil {
		return open.Config{}, err
	}
	addr, err := pending.Commit(ctx, m.cfg.Store)
	if err != nil {
		return open.Config{}, m.fatal(ctx, err)
	}
	return open.Config{
		Policy: m.cfg.Policy, Chain: m.cfg.Chain, Peer: p.ID(), Ours: m.cfg.Features, Theirs: p.Features(),
		KeyIndex: index, Signer: signer, Script: addr.Script,
	}, nil
}

// fatal reports a failed write, unless the node is stopping.
func (m *Manager) fatal(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		m.cfg.Fatal(err)
	}
	return err
}

// Open opens a channel with a peer and waits until its funding transaction is
// broadcast. Errors: those of packages open and wallet, [ErrGone], [ErrRefused].
func (m *Manager) Open(ctx context.Context, p Peer, r Request) (Opened, error) {
	cfg, err := m.config(ctx, p)
	if err != nil {
		return Opened{}, err
	}
	var id wire.ChannelID
	if _, err := io.ReadFull(m.cfg.Random, id[:]); err != nil {
		return Opened{}, err
	}
	o, hello, err := open.Start(cfg, open.Request{
		TemporaryID: id, Funding: r.Amount, Push: r.Push, FeePerKw: r.Commit, Announce: r.Announce,
	})
	if err != nil {
		return Opened{}, err
	}
	t := &talk{key: key{p, id}, signer: cfg.Signer, opener: o, req: r, ctx: ctx, purpose: "channel " + id.String(), done: make(chan result, 1)}
	m.begin(t)
	if err := p.Send(hello); err != nil {
		m.drop(t, err)
	}
	select {
	case r := <-t.done:
		return r.opened, r.err
	case <-ctx.Done():
		m.drop(t, ctx.Err())
		r := <-t.done // it may have ended well in the meantime
		return r.opened, r.err
	}
}

func (m *Manager) begin(t *talk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.talks[t.key] = t
}

// take ends a conversation's entry; false when somebody else did.
func (m *Manager) take(t *talk) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.talks[t.key] != t {
		return false
	}
	delete(m.talks, t.key)
	return true
}

// drop ends a conversation without a channel.
func (m *Manager) drop(t *talk, why error) {
	if !m.take(t) {
		return
	}
	if t.opener == nil {
		return
	}
	if t.funded.Tx != nil {
		if _, err := m.cfg.Wallet.Release(t.purpose).Commit(context.Background(), m.cfg.Store); err != nil {
			m.cfg.Log.Warn("coins stay reserved for a while", "why", err)
		}
	}
	t.done <- result{err: why}
}

// Down ends the conversations of a connection that is gone.
func (m *Manager) Down(p Peer) {
	m.mu.Lock()
	var gone []*talk
	for k, t := range m.talks {
		if k.peer == p {
			gone = append(gone, t)
		}
	}
	m.mu.Unlock()
	for _, t := range gone {
		m.drop(t, ErrGone)
	}
}

// Message takes a peer's message; false when it is not about opening a channel.
func (m *Manager) Message(ctx context.Context, p Peer, msg wire.Message) bool {
	switch msg := msg.(type) {
	case *wire.OpenChannel:
		m.asked(ctx, p, msg)
	case *wire.AcceptChannel:
		m.with(p, msg.TemporaryChannelID, func(t *talk) error { return m.accepted(t, msg) })
	case *wire.FundingCreated:
		m.with(p, msg.TemporaryChannelID, func(t *talk) error { return m.created(ctx, t, msg) })
	case *wire.FundingSigned:
		m.with(p, msg.ChannelID, func(t *talk) error { return m.signed(t, msg) })
	case *wire.Error:
		return m.refused(p, msg.ChannelID, string(msg.Data))
	case *wire.Warning:
		return m.refused(p, msg.ChannelID, string(msg.Data))
	default:
		return false
	}
	return true
}

func (m *Manager) refused(p Peer, id wire.ChannelID, text string) bool {
	m.mu.Lock()
	t, ok := m.talks[key{p, id}]
	m.mu.Unlock()
	if ok {
		m.drop(t, fmt.Errorf("%w: %q", ErrRefused, text))
	}
	return ok
}

// with runs one step of a conversation. A rule that the peer broke ends it with
// the answer of BOLT 2; a fault of ours ends the process.
func (m *Manager) with(p Peer, id wire.ChannelID, step func(t *talk) error) {
	m.mu.Lock()
	t, ok := m.talks[key{p, id}]
	m.mu.Unlock()
	if !ok {
		m.say(p, &wire.Error{ChannelID: id, Data: []byte("no such channel is being opened")})
		return
	}
	err := step(t)
	if err == nil {
		return
	}
	m.cfg.Log.Info("channel not opened", "peer", p.ID(), "why", err)
	var v *channel.Violation
	if errors.As(err, &v) {
		m.say(p, open.Answer(id, v))
	} else {
		m.say(p, &wire.Error{ChannelID: id, Data: []byte("the channel cannot be opened now")})
	}
	m.drop(t, err)
}

func (m *Manager) say(p Peer, msg wire.Message) {
	if err := p.Send(msg); err != nil {
		m.cfg.Log.Debug("not sent", "peer", p.ID(), "why", err)
	}
}

// asked answers open_channel.
func (m *Manager) asked(ctx context.Context, p Peer, msg *wire.OpenChannel) {
	m.mu.Lock()
	theirs := 0
	for k, t := range m.talks {
		if k.peer == p && t.accepter != nil {
			theirs++
		}
	}
	_, twice := m.talks[key{p, msg.TemporaryChannelID}]
	m.mu.Unlock()
	if twice || theirs >= maxTalks {
		m.say(p, &wire.Error{ChannelID: msg.TemporaryChannelID, Data: []byte("too many channels are being opened at once")})
		return
	}
	cfg, err := m.config(ctx, p)
	if err != nil {
		m.say(p, &wire.Error{ChannelID: msg.TemporaryChannelID, Data: []byte("no channel can be opened now")})
		return
	}
	a, answer, err := open.Accept(cfg, msg)
	if err != nil {
		m.cfg.Log.Info("channel refused", "peer", p.ID(), "why", err)
		var v *channel.Violation
		if errors.As(err, &v) {
			m.say(p, open.Answer(msg.TemporaryChannelID, v))
		}
		return
	}
	m.begin(&talk{key: key{p, msg.TemporaryChannelID}, signer: cfg.Signer, accepter: a})
	m.say(p, answer)
}

// created takes funding_created.
func (m *Manager) created(ctx context.Context, t *talk, msg *wire.FundingCreated) error {
	if t.accepter == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "funding_created for a channel that we open"}
	}
	pending, err := t.accepter.Created(msg, m.cfg.Verifier)
	if err != nil {
		return err
	}
	done, err := pending.Commit(ctx, m.cfg.Store)
	if err != nil {
		return m.fatal(ctx, err)
	}
	m.take(t)
	m.cfg.Opened(t.key.peer, done.A.Channel, t.signer, append(done.A.Send, done.B.Send...))
	return nil
}

// accepted takes accept_channel: the funding transaction is made, not broadcast.
func (m *Manager) accepted(t *talk, msg *wire.AcceptChannel) error {
	if t.opener == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "accept_channel for a channel that you open"}
	}
	out, err := t.opener.Accepted(msg)
	if err != nil {
		return err
	}
	pending, err := m.cfg.Wallet.Fund(wallet.Request{
		Outputs: []wallet.Output{{Value: out.Value, Script: out.Script}}, FeePerKw: t.req.FeePerKw,
		MinConf: t.req.MinConf, For: t.purpose,
	})
	if err != nil {
		return err
	}
	if t.funded, err = pending.Commit(t.ctx, m.cfg.Store); err != nil {
		return m.fatal(t.ctx, err)
	}
	t.output = t.funded.Index[0]
	at := btcwire.OutPoint{Hash: t.funded.Tx.TxHash(), Index: t.output}
	hold, err := t.opener.Funded(at)
	if err != nil {
		return err
	}
	created, err := hold.Commit(t.ctx, m.cfg.Store)
	if err != nil {
		return m.fatal(t.ctx, err)
	}
	m.rename(t, script.ChannelID(at))
	return t.key.peer.Send(created)
}

// rename files a conversation under the channel's id, which funding_signed bears.
func (m *Manager) rename(t *talk, id wire.ChannelID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.talks[t.key] != t {
		return
	}
	delete(m.talks, t.key)
	t.key.id = id
	m.talks[t.key] = t
}

// signed takes funding_signed: the channel is written with the published
// transaction, and then the transaction is broadcast.
func (m *Manager) signed(t *talk, msg *wire.FundingSigned) error {
	if t.opener == nil {
		return &channel.Violation{Kind: channel.Fail, Text: "funding_signed for a channel that you open"}
	}
	pending, err := t.opener.Signed(msg, m.cfg.Verifier)
	if err != nil {
		return err
	}
	if !m.take(t) {
		return nil
	}
	ctx := context.WithoutCancel(t.ctx)
	both, err := durable.Join(pending, m.cfg.Wallet.Publish(t.funded.Tx, "channel "+msg.ChannelID.String())).Commit(ctx, m.cfg.Store)
	if err != nil {
		t.done <- result{err: err}
		m.cfg.Fatal(err)
		return nil
	}
	ch := both.A.A.Channel
	m.cfg.Opened(t.key.peer, ch, t.signer, append(both.A.A.Send, both.A.B.Send...))
	err = m.cfg.Broadcast(ctx, both.B)
	if err != nil {
		err = fmt.Errorf("the channel is stored, but its funding transaction was not broadcast, which is tried again with each block: %w", err)
	}
	t.done <- result{Opened{Channel: ch.ID(), Tx: both.B, Output: t.output, Params: ch.Params()}, err}
	return nil
}

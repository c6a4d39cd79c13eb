package funding

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/tokens"
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
	Chain    chainhash.Hash
	Features wire.Features
	Policy   open.Policy
	Store    durable.Writer
	Wallet   *wallet.Wallet
	Keys     Keys
	NextKey  uint32 // an index of keys that no channel had
	Verifier channel.Verifier
	Random   io.Reader
	// Reserve is what must stay in the wallet once so many more channels are open; nil:
	// nothing.
	Reserve func(more int) amount.Satoshi
	// Waiting counts the channels that wait for the funding transactions of their
	// openers ([Awaits]).
	Waiting func() Waiting
	// Named says whether a short_channel_id or an alias is that of a channel.
	Named func(id wire.ShortChannelID) bool
	// Assets knows the tokens of channels; nil: they are of bitcoin only.
	Assets Assets
	// Private leaves channels with tokens unannounced that others open.
	Private bool
	// Trusts says whether a node may open channels that are used before their
	// funding transaction confirms (option_zeroconf).
	Trusts    func(id wire.NodeID) bool
	Broadcast func(ctx context.Context, tx *btcwire.MsgTx) error
	// Opened takes a channel whose rows are on disk, with what it has to send
	// first, and its peer.
	Opened func(p Peer, ch *channel.Channel, s channel.Signer, first []wire.Message)
	Log    *slog.Logger
	Fatal  func(error) // a write failed or the signer refused: must end the process
}

// Assets is the ledger and the wallet, as far as channels with tokens need them.
type Assets interface {
	// MayCarry says why a channel may not carry a property; nil: it may.
	MayCarry(ctx context.Context, id amount.Property) error
	// Receivers is how many outputs with tokens our bitcoin node relays in a transaction;
	// an error says that they are too few for any channel.
	Receivers(ctx context.Context) (uint8, error)
	// Fund makes a funding transaction whose first input holds the tokens.
	Fund(ctx context.Context, f tokens.Funding) (wallet.Funded, error)
}

// Waiting is how many channels wait for the funding transactions of their openers.
type Waiting struct {
	Of  map[wire.NodeID]int  // so many of each node's
	Met map[wire.NodeID]bool // nodes that have other channels with us
}

// strangers are those of all nodes that have no other channel with us.
func (w Waiting) strangers() (sum int) {
	for id, count := range w.Of {
		if !w.Met[id] {
			sum += count
		}
	}
	return sum
}

// Request is a channel to open.
type Request struct {
	Amount   amount.Satoshi // or [wallet.All], for what the wallet's reserve leaves
	Push     amount.MilliSatoshi
	FeePerKw uint32 // of the funding transaction
	Commit   uint32 // feerate_per_kw of the first commitments
	Announce bool
	Asset    *open.Asset        // tokens that the channel carries; nil: bitcoin only
	MinConf  uint32             // of the coins to spend
	Coins    []btcwire.OutPoint // spend just these; nil: the wallet chooses
	CloseTo  []byte             // where our money goes in a mutual close, which both are bound to; nil: an address of the wallet's, and not bound
	Reserve  *amount.Satoshi    // that the peer must keep; nil: as the policy says
	Type     wire.Features      // the channel's; nil: the best that both support
	Depth    *uint32            // confirmations to wait for at the least; zero: none (option_zeroconf); nil: as many as the peer asks for
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
	// ErrBroadcast: the channel is stored all the same.
	ErrBroadcast = errors.New("the funding transaction was not broadcast, which is tried again with each block")
)

// forgetAfter is how many blocks a channel that a peer opened waits for its
// funding transaction.
const forgetAfter = 2016

// Forget says whether a channel that a peer opened, and that waits for its funding
// transaction since a block, has waited too long.
//
// BOLT 2: "SHOULD forget the channel if it does not see the correct funding
// transaction after a timeout of 2016 blocks."
func Forget(since, height uint32) bool { return uint64(height) >= uint64(since)+forgetAfter }

// buried is how many blocks after a coin was spent otherwise nobody takes it back.
const buried = 144

// Stillborn says whether a channel that we opened is to be forgotten at a height, when its
// funding transaction cannot confirm since another one.
func Stillborn(since, height uint32) bool { return uint64(height) >= uint64(since)+buried }

// Awaits says whether a channel waits for a funding output that is its opener's to see
// to, a peer whom we do not trust with it. Placed: the output is in a block. The peer
// may have made up the transaction: nothing of ours is spent on the channel until then.
func Awaits(p channel.ParamsRow, placed bool) bool {
	return !p.LocalIsOpener && p.MinimumDepth > 0 && !placed
}

// Pays says whether a transaction has the funding output that was agreed on: its
// script and its amount.
func Pays(tx *btcwire.MsgTx, p channel.ParamsRow) bool {
	if int(p.Funding.Index) >= len(tx.TxOut) {
		return false
	}
	out := tx.TxOut[p.Funding.Index]
	_, pkScript := p.Format.FundingScript(p.LocalKeys.Funding, p.RemoteKeys.Funding)
	return string(out.PkScript) == string(pkScript) && out.Value == int64(p.Capacity) //nolint:gosec // below MaxMoney
}

// Manager runs the conversations. It is safe for concurrent use.
type Manager struct {
	cfg Config

	mu      sync.Mutex
	nextKey uint32
	spare   map[wallet.Kind][]open.Config // scripts that no peer has seen, some with keys that none has
	talks   map[key]*talk                 // a conversation has one entry an id
}

// key is an id of a conversation on a peer's connection.
type key struct {
	peer Peer
	id   wire.ChannelID // temporary_channel_id, or the channel's
}

// talk is a conversation.
type talk struct {
	peer      Peer
	temporary wire.ChannelID
	channel   wire.ChannelID // zero before it is known
	alias     wire.ShortChannelID
	signer    channel.Signer
	script    []byte // of ours, which is there for others should no channel come of it; nil: none, or the channel's

	// mu is held while a step is taken, and while the conversation is ended: who
	// ends it sees all that was done. Those of one batch have one.
	mu *sync.Mutex

	accepter *open.Accepter // of one that the peer began

	batch  *batch // of one that we began
	opener *open.Opener
	output *open.Output                  // what its funding output must be; nil before the peer has accepted
	index  uint32                        // of the funding output
	signed *durable.Pending[open.Result] // nil before the peer's funding_signed
}

// id is what the conversation's messages are about now.
func (t *talk) id() wire.ChannelID {
	if t.channel != (wire.ChannelID{}) {
		return t.channel
	}
	return t.temporary
}

// New makes a manager.
func New(cfg Config) *Manager {
	return &Manager{cfg: cfg, nextKey: cfg.NextKey, spare: map[wallet.Kind][]open.Config{}, talks: map[key]*talk{}}
}

// maxTalks is how many channels one peer may be opening at once: those whose
// conversation is under way, and those that wait for their funding transaction.
const maxTalks = 16

// maxStrange is how many channels all those may be opening at once who have no other
// channel with us: who they are costs them nothing, and a funding transaction that
// never comes neither.
const maxStrange = 100

// errFault is a failure of ours, of which nobody hears: the process ends.
var errFault = errors.New("the node ends")

// fault ends the process.
func (m *Manager) fault(err error) error {
	m.cfg.Fatal(err)
	return fmt.Errorf("%w: %w", errFault, err)
}

// write makes an outcome of the wallet, or of a conversation, durable. Both are
// ahead of the disk, so the end of whoever asked for it does not end the write,
// and every error is a fault.
func write[V any](ctx context.Context, m *Manager, p durable.Pending[V]) (V, error) {
	v, err := p.Commit(context.WithoutCancel(ctx), m.cfg.Store)
	if err != nil {
		return v, m.fault(err)
	}
	return v, nil
}

// config is our side of a conversation with p, with keys of its own.
func (m *Manager) config(ctx context.Context, p Peer, tokens bool) (open.Config, error) {
	kind := m.kind(p)
	if tokens {
		kind = wallet.Token
	}
	cfg, err := m.fresh(ctx, kind)
	if err != nil {
		return open.Config{}, err
	}
	cfg.Policy, cfg.Chain, cfg.Ours = m.cfg.Policy, m.cfg.Chain, m.cfg.Features
	cfg.Peer, cfg.Theirs = p.ID(), p.Features()
	cfg.TrustPeer, cfg.Private = m.cfg.Trusts(p.ID()), m.cfg.Private
	// BOLT 2: "if `option_scid_alias` was negotiated: - MUST set `short_channel_id` `alias`."
	if m.both(p, wire.SCIDAlias) {
		if cfg.Alias, err = m.alias(); err != nil {
			return open.Config{}, err
		}
	}
	return cfg, nil
}

// both says whether a feature was negotiated.
func (m *Manager) both(p Peer, b wire.FeatureBit) bool {
	return m.cfg.Features.Has(b) && p.Features().Has(b)
}

// The blocks in which aliases are: the chain reaches the first of them in some 290
// years, and a short_channel_id has no room for more than the last.
const (
	firstAlias = 16_000_000
	lastAlias  = 1<<24 - 1
)

// alias draws a name for a channel, which no other one has.
//
// BOLT 2: "MUST set `alias` to a value not related to the real `short_channel_id`."
// BOLT 2: "MUST NOT send the same `alias` for multiple peers or use an alias which
// collides with a `short_channel_id`  of a channel on the same node."
func (m *Manager) alias() (wire.ShortChannelID, error) {
	for {
		var b [9]byte
		if _, err := io.ReadFull(m.cfg.Random, b[:]); err != nil {
			return 0, err
		}
		block := firstAlias + binary.BigEndian.Uint32(b[:])%(lastAlias-firstAlias+1)
		id := wire.NewShortChannelID(block, uint32(b[4])<<16|uint32(b[5])<<8|uint32(b[6]), binary.BigEndian.Uint16(b[7:]))
		if !m.cfg.Named(id) && !m.promised(id) {
			return id, nil
		}
	}
}

// promised says whether an alias is that of a channel that is being opened.
func (m *Manager) promised(id wire.ShortChannelID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.talks {
		if t.alias == id {
			return true
		}
	}
	return false
}

// kind is the kind of address at which a peer lets us close a channel.
//
// BOLT 2: "if (and only if) `option_shutdown_anysegwit` is negotiated:"
func (m *Manager) kind(p Peer) wallet.Kind {
	if m.both(p, wire.ShutdownAnySegwit) {
		return wallet.P2TR
	}
	return wallet.P2WPKH
}

// fresh gives keys and a script that no peer has seen.
func (m *Manager) fresh(ctx context.Context, kind wallet.Kind) (cfg open.Config, err error) {
	m.mu.Lock()
	if list := m.spare[kind]; len(list) > 0 {
		cfg, m.spare[kind] = list[len(list)-1], list[:len(list)-1]
	}
	if cfg.Signer == nil {
		cfg.KeyIndex = m.nextKey
		m.nextKey++
	}
	m.mu.Unlock()
	if cfg.Signer == nil {
		if cfg.Signer, err = m.cfg.Keys(cfg.KeyIndex); err != nil {
			return open.Config{}, err
		}
	}
	if cfg.Script == nil {
		pending, err := m.cfg.Wallet.NewAddress(kind)
		if err != nil {
			return open.Config{}, err
		}
		addr, err := write(ctx, m, pending)
		if err != nil {
			return open.Config{}, err
		}
		cfg.Script = addr.Script
	}
	return cfg, nil
}

// unseen takes back what a conversation that came to nothing would have used, so
// that asking in vain costs us no row.
func (m *Manager) unseen(p Peer, cfg open.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(p, open.Config{KeyIndex: cfg.KeyIndex, Signer: cfg.Signer, Script: cfg.Script})
}

// keep is called with mu held.
func (m *Manager) keep(p Peer, cfg open.Config) {
	kind := m.kind(p)
	if txscript.IsPayToScriptHash(cfg.Script) {
		kind = wallet.Token
	}
	m.spare[kind] = append(m.spare[kind], cfg)
}

// SkipKeys says that keys below an index may have been used by channels that nobody
// knew of.
func (m *Manager) SkipKeys(next uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if next > m.nextKey {
		m.nextKey = next
		for _, list := range m.spare {
			for i := range list {
				list[i] = open.Config{Script: list[i].Script}
			}
		}
	}
}

func (m *Manager) begin(t *talk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.talks[key{t.peer, t.temporary}] = t
}

// name files a conversation under the channel's id too, which funding_signed
// bears.
func (m *Manager) name(t *talk, id wire.ChannelID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.channel = id
	m.talks[key{t.peer, id}] = t
}

// find gives the conversation of an id; nil: there is none.
func (m *Manager) find(p Peer, id wire.ChannelID) *talk {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.talks[key{p, id}]
}

// of are the conversations on a connection.
func (m *Manager) of(p Peer) (talks []*talk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, t := range m.talks {
		if k.peer == p && k.id == t.temporary {
			talks = append(talks, t)
		}
	}
	return talks
}

// take ends a conversation's entries; false when somebody else did. A script that no
// channel has is kept for the next one: no message has named it. The keys the peer may
// have seen.
func (m *Manager) take(t *talk) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.talks[key{t.peer, t.temporary}] != t {
		return false
	}
	delete(m.talks, key{t.peer, t.temporary})
	if t.channel != (wire.ChannelID{}) {
		delete(m.talks, key{t.peer, t.channel})
	}
	if t.script != nil {
		m.keep(t.peer, open.Config{Script: t.script})
		t.script = nil
	}
	return true
}

// drop ends a conversation without a channel, and those of its batch with it; false
// when it has ended before.
func (m *Manager) drop(t *talk, why error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.batch == nil {
		return m.take(t)
	}
	return m.end(t.batch, t, why)
}

// Down ends the conversations of a connection that is gone.
func (m *Manager) Down(p Peer) {
	for _, t := range m.of(p) {
		m.drop(t, ErrGone)
	}
}

// Message takes a peer's message; false when it is not about opening a channel.
func (m *Manager) Message(ctx context.Context, p Peer, msg wire.Message) bool {
	switch msg := msg.(type) {
	case *wire.OpenChannel:
		m.asked(ctx, p, msg)
	case *wire.AcceptChannel:
		m.with(p, msg.TemporaryChannelID, func(t *talk) error { return m.accepted(ctx, t, msg) })
	case *wire.FundingCreated:
		m.with(p, msg.TemporaryChannelID, func(t *talk) error { return m.created(ctx, t, msg) })
	case *wire.FundingSigned:
		m.with(p, msg.ChannelID, func(t *talk) error { return m.signed(ctx, t, msg) })
	case *wire.Error:
		return m.refused(p, msg.ChannelID, string(msg.Data))
	case *wire.Warning:
		return m.refused(p, msg.ChannelID, string(msg.Data))
	default:
		return false
	}
	return true
}

// refused ends the conversation that an error or a warning is about. An error
// about all channels is not only for us.
//
// BOLT 1: "unless `channel_id` is 0 (i.e. all bytes are 0), in which case it refers
// to all channels."
func (m *Manager) refused(p Peer, id wire.ChannelID, text string) bool {
	why := fmt.Errorf("%w: %q", ErrRefused, text)
	if id == (wire.ChannelID{}) {
		for _, t := range m.of(p) {
			m.drop(t, why)
		}
		return false
	}
	t := m.find(p, id)
	return t != nil && m.drop(t, why)
}

// with runs one step of a conversation. A rule that the peer broke ends it with
// the answer of BOLT 2; a fault of ours ends the process, without a word.
func (m *Manager) with(p Peer, id wire.ChannelID, step func(t *talk) error) {
	t := m.find(p, id)
	if t == nil {
		m.say(p, &wire.Error{ChannelID: id, Data: []byte("no such channel is being opened")})
		return
	}
	err := m.step(t, step)
	if err == nil {
		return
	}
	m.cfg.Log.Info("channel not opened", "peer", p.ID(), "why", err)
	if m.drop(t, err) {
		m.answer(p, t.id(), err)
	}
}

// step runs a step unless the conversation has ended meanwhile.
func (m *Manager) step(t *talk, step func(t *talk) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.find(t.peer, t.temporary) != t {
		return nil
	}
	return step(t)
}

// answer tells the peer why a conversation has ended.
func (m *Manager) answer(p Peer, id wire.ChannelID, why error) {
	var v *channel.Violation
	switch {
	case errors.Is(why, errFault):
	case errors.As(why, &v):
		m.say(p, open.Answer(id, v))
	default:
		m.say(p, &wire.Error{ChannelID: id, Data: []byte("the channel cannot be opened now")})
	}
}

func (m *Manager) say(p Peer, msg wire.Message) {
	if err := p.Send(msg); err != nil {
		m.cfg.Log.Debug("not sent", "peer", p.ID(), "why", err)
	}
}

package tokens

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Errors of transactions, beside those of [wallet.Wallet.Carry] and of Config.Publish.
var (
	// ErrRefused means that a transaction would do nothing; it wraps the rule's error.
	ErrRefused = errors.New("the rules of the Omni Layer refuse it")
	// ErrAddress means that an address cannot have tokens.
	ErrAddress = errors.New("an address of this kind cannot have tokens at this height: use one of newaddr p2sh-segwit")
	// ErrNotOurs means that an address is not the wallet's.
	ErrNotOurs = errors.New("not an address of this wallet")
	// ErrUnknown means that there is no such property.
	ErrUnknown = errors.New("there is no such property")
)

// TooFewError says that no address has as much as is to be sent: one transaction moves
// tokens of one address.
type TooFewError struct {
	Most, All amount.Units // free at the address that has most, and at all
	Divisible bool
}

func (e *TooFewError) Error() string {
	return fmt.Sprintf("no address has as much: the most at one is %s, all have %s together", e.Most.Tokens(e.Divisible), e.All.Tokens(e.Divisible))
}

// Made is a transaction that was sent.
type Made struct {
	Tx       *btcwire.MsgTx
	From     string
	To       string // empty: nobody is sent to
	Property amount.Property
	Units    amount.Units
	Fee      amount.Satoshi
	// Paid is the transaction that gave the address a coin to send with; nil: it had one.
	Paid *btcwire.MsgTx
}

// Order asks for a transaction.
type Order struct {
	From     []byte // the script of the address that sends; nil: the service chooses
	To       []byte // the script of the address that gets it
	Property amount.Property
	Units    amount.Units
	FeePerKw uint32 // satoshi for 1000 units of weight
}

// Holding is what an address of ours has of a property.
type Holding struct {
	store.OwnAsset
	Sending amount.Units // of that, by transactions that the ledger has not seen in a block
}

// Holdings are what our addresses have, by rising property.
func (s *Service) Holdings(ctx context.Context) ([]Holding, error) {
	own, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	sending := map[asset.Key]amount.Units{}
	if err := s.ask(ctx, func(l *ledger.Ledger) error {
		for _, o := range s.try(l) {
			if o.Err == nil && o.Type == omni.TypeSimpleSend {
				sending[asset.Key{Address: o.Sender, Property: o.Property}] += o.Units
			}
		}
		return nil
	}); err != nil && !errors.Is(err, ErrOff) && !errors.Is(err, ErrBehind) {
		return nil, err
	}
	out := make([]Holding, len(own))
	for i, o := range own {
		out[i] = Holding{OwnAsset: o, Sending: min(sending[o.Key], o.Units)}
	}
	return out, nil
}

// own are what our addresses have. A server is asked for those for tokens only.
func (s *Service) own(ctx context.Context) (out []store.OwnAsset, err error) {
	if s.cfg.Server == nil {
		return s.cfg.Store.OwnAssets(ctx)
	}
	for _, a := range s.wallet.Addresses(wallet.Token) {
		held, err := s.cfg.Server.AssetHoldings(ctx, a.Address)
		if err != nil {
			return nil, err
		}
		for _, h := range held {
			out = append(out, store.OwnAsset{Holding: h, Script: a.Script})
		}
	}
	slices.SortStableFunc(out, func(a, b store.OwnAsset) int { return cmp.Compare(a.Property, b.Property) })
	return out, nil
}

// patience is how long a command waits for a ledger that is busy.
const patience = 20 * time.Second

// ask gives the ledger to f. Errors: [ErrOff], [ErrBehind].
func (s *Service) ask(ctx context.Context, f func(l *ledger.Ledger) error) error {
	if !s.cfg.On {
		return ErrOff
	}
	waits, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.enter(waits); err != nil {
		return errors.Join(ctx.Err(), ErrBehind)
	}
	defer s.leave()
	if s.ledger == nil {
		return ErrBehind
	}
	return f(s.ledger)
}

// try runs our transactions that the ledger has not seen, and then more, in the next block.
func (s *Service) try(l *ledger.Ledger, more ...wallet.Sent) []asset.Outcome {
	var txs []*btcwire.MsgTx
	var scripts [][]byte
	for _, t := range append(s.wallet.Since(l.Seen().Height), more...) {
		txs, scripts = append(txs, t.Tx), append(scripts, t.Script)
	}
	return l.Try(txs, scripts)
}

// mostBehind is how many blocks the ledger may be behind the wallet for transactions to be
// made: others may have frozen or sent something meanwhile.
const mostBehind = 6

// plan is a transaction that is to be made.
type plan struct {
	payload  []byte
	from, to []byte // scripts; to may be nil
	back     bool   // whether the sender keeps a coin
	perKw    uint32
	value    amount.Satoshi  // that the receiver gets beside; zero: what carries tokens
	keep     *amount.Satoshi // what must stay in the wallet; nil: what it says itself
}

// outputs are those of the plan, with nothing for change. A receiver is the last one,
// which is how the rules know it. Of several outputs to the sender the rules take the
// first for change: so one is there where the sender is the receiver.
func (p *plan) outputs() []*btcwire.TxOut {
	out := []*btcwire.TxOut{btcwire.NewTxOut(0, omni.Script(p.payload))}
	if p.back {
		out = append(out, coin(p.from))
	}
	if p.to != nil {
		out = append(out, btcwire.NewTxOut(int64(max(p.value, carrier)), p.to)) //nolint:gosec // at most all money
	}
	return out
}

// carrier is what an output for tokens holds: no kind of address takes it for dust.
const carrier = 546

func coin(script []byte) *btcwire.TxOut { return btcwire.NewTxOut(carrier, script) }

// judge says what the rules make of a plan. Errors: [ErrAddress], [ErrRefused].
func (s *Service) judge(l *ledger.Ledger, p *plan) (asset.Outcome, error) {
	if s.wallet.Height() > l.Seen().Height+mostBehind {
		return asset.Outcome{}, ErrBehind
	}
	next := l.Seen().Height + 1
	from, ok := s.params.Address(next, p.from)
	if !ok {
		return asset.Outcome{}, ErrAddress
	}
	to := ""
	if p.to != nil {
		if to, ok = s.params.Address(next, p.to); !ok {
			return asset.Outcome{}, ErrAddress
		}
	}
	draft := btcwire.NewMsgTx(2)
	draft.AddTxIn(new(btcwire.TxIn))
	draft.TxOut = p.outputs()
	last := len(draft.TxOut) - 1
	// Change may be there: it must not be taken for the receiver.
	change := btcwire.NewTxOut(0, append([]byte{0, 20}, make([]byte, 20)...))
	draft.TxOut = append(draft.TxOut[:last:last], change, draft.TxOut[last])
	all := s.try(l, wallet.Sent{Tx: draft, Script: p.from})
	out := all[len(all)-1]
	switch {
	case out.Err != nil:
		return out, fmt.Errorf("%w: %w", ErrRefused, out.Err)
	case out.Alarm != "":
		return out, fmt.Errorf("%w: %s", ErrRefused, out.Alarm)
	case out.Sender != from || to != "" && out.Reference != to:
		return out, fmt.Errorf("%w: it would go from %s to %s", ErrRefused, out.Sender, out.Reference)
	}
	return out, nil
}

// make makes the transaction of a plan and sends it.
func (s *Service) make(ctx context.Context, p plan) (Made, error) {
	name, err := s.name()
	if err != nil {
		return Made{}, err
	}
	made, _, err := s.prepare(ctx, p, name)
	if err != nil {
		return made, err
	}
	return made, s.cfg.Publish(ctx, made.Tx, name)
}

// prepare makes the transaction of a plan, whose coins are kept for name.
func (s *Service) prepare(ctx context.Context, p plan, name string) (made Made, funded wallet.Funded, err error) {
	var out asset.Outcome
	if err := s.ask(ctx, func(l *ledger.Ledger) (err error) {
		out, err = s.judge(l, &p)
		return err
	}); err != nil {
		return made, funded, err
	}
	made.From, made.Property, made.Units = out.Sender, out.Property, out.Units
	if p.to != nil {
		made.To = out.Reference
	}
	first, ok := s.wallet.At(p.from)
	if !ok {
		if made.Paid, err = s.pay(ctx, p); err != nil {
			return made, funded, err
		}
		if first, ok = s.wallet.At(p.from); !ok {
			return made, funded, fmt.Errorf("%w: of %s", wallet.ErrNotFree, made.From)
		}
	}
	keep := s.cfg.Reserve()
	if p.keep != nil {
		keep = *p.keep
	}
	pending, err := s.wallet.Carry(wallet.Carrying{First: first, Outputs: p.outputs(), FeePerKw: p.perKw, Keep: keep, For: name})
	if err != nil {
		return made, funded, err
	}
	if funded, err = commit(ctx, s, pending); err != nil {
		return made, funded, err
	}
	made.Tx, made.Fee = funded.Tx, funded.Fee
	if m, ok := s.params.Read(s.wallet.Height()+1, made.Tx, p.from); !ok || m.Sender != made.From || made.To != "" && m.Reference != made.To || !bytes.Equal(m.Payload, p.payload) {
		_, err := commit(ctx, s, s.wallet.Release(name))
		return made, funded, errors.Join(fmt.Errorf("%w: the transaction does not say what it should", ErrRefused), err)
	}
	return made, funded, nil
}

// pay gives the address that is to send a coin, by a transaction that the other one
// follows.
func (s *Service) pay(ctx context.Context, p plan) (*btcwire.MsgTx, error) {
	name, err := s.name()
	if err != nil {
		return nil, err
	}
	pending, err := s.wallet.Fund(wallet.Request{
		Outputs: []wallet.Output{{Value: carrier, Script: p.from}}, FeePerKw: p.perKw, Keep: s.cfg.Reserve(), For: name,
	})
	if err != nil {
		return nil, err
	}
	funded, err := commit(ctx, s, pending)
	if err != nil {
		return nil, err
	}
	return funded.Tx, s.cfg.Publish(ctx, funded.Tx, name)
}

// name is what the coins of a transaction are kept for.
func (s *Service) name() (string, error) {
	var b [8]byte
	_, err := io.ReadFull(s.cfg.Random, b[:])
	return "asset " + hex.EncodeToString(b[:]), err
}

// commit writes an outcome of the wallet, which has counted it already: it must reach the
// disk.
func commit[V any](ctx context.Context, s *Service, p durable.Pending[V]) (V, error) {
	v, err := p.Commit(context.WithoutCancel(ctx), s.cfg.Store)
	if err != nil {
		s.cfg.Fatal(err)
	}
	return v, err
}

// Send sends units of a property to an address. Errors: [*TooFewError], and those of all
// transactions.
func (s *Service) Send(ctx context.Context, o Order) (Made, error) {
	s.making.Lock()
	defer s.making.Unlock()
	p, err := s.sending(ctx, o)
	if err != nil {
		return Made{}, err
	}
	return s.make(ctx, p)
}

// sending is the plan of an order.
func (s *Service) sending(ctx context.Context, o Order) (p plan, err error) {
	payload, err := omni.SimpleSend(o.Property, o.Units)
	if err != nil {
		return p, err
	}
	holdings, err := s.Holdings(ctx)
	if err != nil {
		return p, err
	}
	if o.From == nil {
		if o.From, err = s.choose(ctx, o, holdings); err != nil {
			return p, err
		}
	}
	back := false // whether something stays
	for _, h := range holdings {
		if bytes.Equal(h.Script, o.From) && (h.Property != o.Property || h.Units > o.Units+h.Sending) {
			back = true
		}
	}
	return plan{payload: payload, from: o.From, to: o.To, back: back || bytes.Equal(o.From, o.To), perKw: o.FeePerKw}, nil
}

// choose is the address of ours that has most of what is to be sent.
func (s *Service) choose(ctx context.Context, o Order, holdings []Holding) ([]byte, error) {
	p, known, err := s.cfg.Store.Asset(ctx, o.Property)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, ErrUnknown
	}
	few := &TooFewError{Divisible: p.Divisible}
	var from, frozen []byte
	for _, h := range holdings {
		if h.Property != o.Property {
			continue
		}
		if h.Frozen {
			frozen = h.Script
			continue
		}
		free := h.Units - h.Sending
		few.All += free
		if from == nil || free > few.Most {
			from, few.Most = h.Script, free
		}
	}
	switch {
	case from == nil && frozen != nil:
		return frozen, nil // the rules say why it cannot send
	case few.Most < o.Units:
		return nil, few
	}
	return from, nil
}

// Issuance asks for a new property.
type Issuance struct {
	asset.About
	Test, Divisible, Managed bool
	Units                    amount.Units // zero where it is managed
	From                     []byte       // the script of the issuer's address; nil: a new one
	FeePerKw                 uint32
}

// Issue makes a property. Its id in the answer is right unless another issuance comes
// before it.
func (s *Service) Issue(ctx context.Context, i Issuance) (Made, error) {
	s.making.Lock()
	defer s.making.Unlock()
	var payload []byte
	var err error
	if i.Managed {
		payload, err = asset.IssueManaged(i.Test, i.Divisible, i.About)
	} else {
		payload, err = asset.IssueFixed(i.Test, i.Divisible, i.About, i.Units)
	}
	if err != nil {
		return Made{}, err
	}
	if err := s.ask(ctx, func(*ledger.Ledger) error { return nil }); err != nil {
		return Made{}, err
	}
	if i.From == nil {
		pending, err := s.wallet.NewAddress(wallet.Token)
		if err != nil {
			return Made{}, err
		}
		a, err := commit(ctx, s, pending)
		if err != nil {
			return Made{}, err
		}
		i.From = a.Script
	}
	return s.make(ctx, plan{payload: payload, from: i.From, back: true, perKw: i.FeePerKw})
}

// Grant makes units of a managed property of ours for an address; to nil: for the issuer.
func (s *Service) Grant(ctx context.Context, o Order) (Made, error) {
	s.making.Lock()
	defer s.making.Unlock()
	p, known, err := s.cfg.Store.Asset(ctx, o.Property)
	if err != nil {
		return Made{}, err
	}
	if !known {
		return Made{}, ErrUnknown
	}
	payload, err := asset.Grant(o.Property, o.Units)
	if err != nil {
		return Made{}, err
	}
	may := p.Issuer
	if p.Delegate != "" {
		may = p.Delegate
	}
	if o.From = s.wallet.ScriptOf(may); o.From == nil {
		return Made{}, fmt.Errorf("%w: %s, who grants units of it", ErrNotOurs, may)
	}
	if o.To == nil {
		o.To = o.From
	}
	return s.make(ctx, plan{payload: payload, from: o.From, to: o.To, back: true, perKw: o.FeePerKw})
}

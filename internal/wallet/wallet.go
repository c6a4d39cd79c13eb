package wallet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/durable"
)

// Depth is how many blocks a reorg may undo.
const Depth = 100

// Keys gives the private keys of the wallet's account: for purpose 84 or 86,
// m/purpose'/coin'/0'/branch/index. A P2TR key is the internal one (BIP 86).
type Keys interface {
	WalletKey(purpose, branch, index uint32) (*btcec.PrivateKey, error)
}

// Config is what a wallet needs beside its rows.
type Config struct {
	Network *chaincfg.Params
	Keys    Keys
	// Watch hears of every script of ours, the stored ones first: a chain source may
	// need to know what to look for. Nil: nobody.
	Watch func(scripts ...[]byte)
	// Holds says whether the address of a script of ours has tokens: see [Coin.Apart].
	// It must not wait. Nil: none has.
	Holds func(script []byte) bool
	// Ahead is how many addresses beyond the last one given out are looked for on each
	// branch of a wallet that came back without its rows: those may have been given out
	// before. One that is paid is given out, with those below it, and the look goes on
	// from there. Half of them is the widest gap of addresses that nobody paid which is
	// seen through. Zero: none.
	Ahead uint32
	// Rolled are rows that are written with a coin that moves the look on so far that
	// blocks connected before it may have paid what is looked for since: they are to be
	// connected again, see [Wallet.Rescan].
	Rolled []durable.Row
}

// Wallet is the on-chain wallet. It is made by [Load].
type Wallet struct {
	cfg Config

	mu        sync.Mutex
	tip       TipRow
	addresses map[string]AddressRow // by script
	next      map[branch]uint32     // index of the next address
	ahead     ahead
	coins     map[btcwire.OutPoint]*CoinRow
	txs       map[chainhash.Hash]*ownTx
	number    uint64 // of the last transaction published
}

type branch struct {
	kind   Kind
	branch uint32
}

// ownTx is a transaction of ours, parsed.
type ownTx struct {
	TxRow
	tx *btcwire.MsgTx
}

// ErrKind is a kind of address that there is not.
var ErrKind = errors.New("no such kind of address: use P2WPKH, P2TR or Token")

// Load makes the wallet from its rows; from none, an empty one.
func Load(cfg Config, rows Rows) (*Wallet, error) {
	w := &Wallet{
		cfg:       cfg,
		tip:       rows.Tip,
		addresses: make(map[string]AddressRow, len(rows.Addresses)),
		next:      make(map[branch]uint32),
		ahead:     newAhead(),
		coins:     make(map[btcwire.OutPoint]*CoinRow, len(rows.Coins)),
		txs:       make(map[chainhash.Hash]*ownTx, len(rows.Txs)),
		number:    rows.Number,
	}
	for _, a := range rows.Addresses {
		w.remember(a)
	}
	for _, c := range rows.Coins {
		w.coins[c.OutPoint] = &c
	}
	for _, t := range rows.Txs {
		tx, err := parse(t.Raw)
		if err != nil {
			return nil, fmt.Errorf("stored transaction %v cannot be read: %w", t.Txid, err)
		}
		w.txs[t.Txid] = &ownTx{t, tx}
		w.number = max(w.number, t.Number)
	}
	w.forget()
	if err := w.lookAhead(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Wallet) remember(a AddressRow) {
	w.addresses[string(a.Script)] = a
	delete(w.ahead.addresses, string(a.Script))
	w.watch(a)
	b := branch{a.Kind, a.Branch}
	w.next[b] = max(w.next[b], a.Index+1)
}

func (w *Wallet) watch(a AddressRow) {
	if w.cfg.Watch != nil {
		w.cfg.Watch(a.Script)
	}
}

// NewAddress makes an address that was never given out. Error: [ErrKind], or
// that of the keys.
func (w *Wallet) NewAddress(k Kind) (durable.Pending[AddressRow], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.newAddress(k, Receive)
	if err != nil {
		return durable.Pending[AddressRow]{}, err
	}
	return durable.Hold(a, a), nil
}

// key is the private key of an address.
func (w *Wallet) key(a AddressRow) (*btcec.PrivateKey, error) {
	key, err := w.cfg.Keys.WalletKey(uint32(a.Kind), a.Branch, a.Index)
	if err != nil {
		return nil, fmt.Errorf("wallet key %d/%d/%d: %w", a.Kind, a.Branch, a.Index, err)
	}
	return key, nil
}

func (w *Wallet) newAddress(k Kind, on uint32) (AddressRow, error) {
	if k != P2WPKH && k != P2TR && k != Token {
		return AddressRow{}, ErrKind
	}
	b := branch{k, on}
	a, err := w.derive(b, w.next[b])
	if err != nil {
		return AddressRow{}, err
	}
	w.remember(a)
	return a, w.lookOn(b)
}

// derive makes the address of a branch at an index.
func (w *Wallet) derive(b branch, index uint32) (AddressRow, error) {
	a := AddressRow{Kind: b.kind, Branch: b.branch, Index: index}
	key, err := w.key(a)
	if err != nil {
		return AddressRow{}, err
	}
	var to address.Address
	switch b.kind {
	case P2TR:
		output := txscript.ComputeTaprootKeyNoScript(key.PubKey())
		to, err = address.NewAddressTaproot(output.SerializeCompressed()[1:], w.cfg.Network)
	case Token:
		to, err = address.NewAddressScriptHash(nestedScript(key), w.cfg.Network)
	default:
		to, err = address.NewAddressWitnessPubKeyHash(address.Hash160(key.PubKey().SerializeCompressed()), w.cfg.Network)
	}
	if err != nil {
		return AddressRow{}, err
	}
	if a.Script, err = txscript.PayToAddrScript(to); err != nil {
		return AddressRow{}, err
	}
	a.Address = to.EncodeAddress()
	return a, nil
}

// Given says how many addresses a branch has given out.
type Given struct {
	Kind   Kind
	Branch uint32
	Next   uint32 // the index of the next one
}

// Given lists the branches that have given out addresses.
func (w *Wallet) Given() (list []Given) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b, next := range w.next {
		list = append(list, Given{b.kind, b.branch, next})
	}
	slices.SortFunc(list, func(a, b Given) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Branch, b.Branch)) })
	return list
}

// Extend gives out the addresses of the list, which were given out before the rows were
// lost. Blocks that paid them are to be connected again: see [Wallet.Rescan].
func (w *Wallet) Extend(list []Given) (durable.Pending[struct{}], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range list {
		if !slices.Contains(branches, branch{g.Kind, g.Branch}) || g.Next > maxAddresses {
			return durable.Pending[struct{}]{}, fmt.Errorf("%w: %d addresses of kind %d, branch %d", ErrKind, g.Next, g.Kind, g.Branch)
		}
	}
	var all []durable.Row
	for _, g := range list {
		rows, err := w.giveOut(branch{g.Kind, g.Branch}, g.Next)
		if err != nil {
			return durable.Pending[struct{}]{}, err
		}
		all = append(all, rows...)
	}
	return durable.Hold(struct{}{}, all...), nil
}

// maxAddresses is more than a branch ever gives out.
const maxAddresses = 1_000_000

// Scripts are those of all addresses given out.
func (w *Wallet) Scripts() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([][]byte, 0, len(w.addresses))
	for _, a := range w.addresses {
		all = append(all, a.Script)
	}
	return all
}

// Height is that of the last block connected.
func (w *Wallet) Height() uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tip.Height
}

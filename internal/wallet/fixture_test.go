package wallet

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/tyler-smith/go-bip39"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/keys"
)

// hdKeys derives an account's keys as BIP 84 and BIP 86 say, from the words that
// both take for their vectors.
type hdKeys struct {
	mu   sync.Mutex
	root *hdkeychain.ExtendedKey
	made map[[3]uint32]*btcec.PrivateKey
}

func newKeys() *hdKeys {
	words := "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	root, err := hdkeychain.NewMaster(bip39.NewSeed(words, ""), &chaincfg.MainNetParams)
	if err != nil {
		panic(err)
	}
	return &hdKeys{root: root, made: map[[3]uint32]*btcec.PrivateKey{}}
}

var _ Keys = (*keys.Ring)(nil)

// testKeys are shared by all tests: derivation is slow.
var testKeys = newKeys()

func (h *hdKeys) WalletKey(purpose, branch, index uint32) (*btcec.PrivateKey, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := [3]uint32{purpose, branch, index}
	if k := h.made[at]; k != nil {
		return k, nil
	}
	key, hard := h.root, uint32(hdkeychain.HardenedKeyStart)
	for _, i := range []uint32{hard + purpose, hard, hard, branch, index} {
		var err error
		if key, err = key.Derive(i); err != nil {
			return nil, err
		}
	}
	k, err := key.ECPrivKey()
	h.made[at] = k
	return k, err
}

// disk keeps the newest row of each key, as a table does.
type disk struct {
	t      testing.TB
	rows   map[string]durable.Row
	writes int
	ahead  uint32 // of the wallet that is loaded from it
}

// rolled is what a wallet writes when blocks are to be connected again.
type rolled struct{}

func (rolled) Table() string { return "rolled" }

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	d.writes++
	for _, r := range rows {
		switch r := r.(type) {
		case AddressRow:
			d.rows[fmt.Sprint("address ", r.Kind, r.Branch, " ", r.Index)] = r
		case CoinRow:
			d.rows["coin "+r.OutPoint.String()] = r
		case TxRow:
			d.rows["tx "+r.Txid.String()] = r
		case TipRow:
			d.rows["tip"] = r
		case rolled:
			d.rows["rolled"] = r
		default:
			return fmt.Errorf("row of table %s", r.Table())
		}
	}
	return nil
}

func (d *disk) load() *Wallet {
	var rows Rows
	for _, r := range d.rows {
		switch r := r.(type) {
		case AddressRow:
			rows.Addresses = append(rows.Addresses, r)
		case CoinRow:
			rows.Coins = append(rows.Coins, r)
		case TxRow:
			rows.Txs = append(rows.Txs, r)
		case TipRow:
			rows.Tip = r
		}
	}
	w, err := Load(Config{
		Network: &chaincfg.MainNetParams, Keys: testKeys, Ahead: d.ahead, Rolled: []durable.Row{rolled{}},
	}, rows)
	if err != nil {
		d.t.Fatal(err)
	}
	return w
}

// fixture is a wallet, its disk and a chain that grows by hand.
type fixture struct {
	*Wallet
	t     testing.TB
	disk  *disk
	nonce uint32
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, disk: &disk{t: t, rows: map[string]durable.Row{}}}
	f.Wallet = f.disk.load()
	return f
}

// commit writes an outcome, and checks that the rows tell all that the wallet knows.
func commit[V any](f *fixture, p durable.Pending[V], err error) V {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	v, err := p.Commit(context.Background(), f.disk)
	if err != nil {
		f.t.Fatal(err)
	}
	loaded := f.disk.load()
	loaded.ahead.sure = f.ahead.sure // how far a pass has come is not in the rows
	if !reflect.DeepEqual(loaded, f.Wallet) {
		f.t.Fatalf("the rows give another wallet:\n%+v\n%+v", loaded, f.Wallet)
	}
	return v
}

func (f *fixture) address(k Kind) AddressRow {
	f.t.Helper()
	p, err := f.NewAddress(k)
	return commit(f, p, err)
}

// pay makes a transaction of somebody else that pays to a script.
func (f *fixture) pay(script []byte, value amount.Satoshi) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	f.nonce++
	var from btcwire.OutPoint
	binary.BigEndian.PutUint32(from.Hash[:], f.nonce)
	tx.AddTxIn(btcwire.NewTxIn(&from, nil, nil))
	tx.AddTxOut(btcwire.NewTxOut(int64(value), script))
	return tx
}

// block connects the next block.
func (f *fixture) block(txs ...*btcwire.MsgTx) Seen {
	f.t.Helper()
	p, err := f.Connect(f.Height()+1, txs)
	return commit(f, p, err)
}

// deposit pays so much to a new address, in a block.
func (f *fixture) deposit(k Kind, values ...amount.Satoshi) {
	f.t.Helper()
	var txs []*btcwire.MsgTx
	for _, v := range values {
		txs = append(txs, f.pay(f.address(k).Script, v))
	}
	f.block(txs...)
}

func (f *fixture) fund(r Request) Funded {
	f.t.Helper()
	if r.FeePerKw == 0 {
		r.FeePerKw = 1000
	}
	if r.For == "" {
		r.For = "test"
	}
	p, err := f.Fund(r)
	return commit(f, p, err)
}

// somebody is a script that is not ours.
var somebody = append([]byte{txscript.OP_0, 32}, make([]byte, 32)...)

func to(value amount.Satoshi) []Output { return []Output{{value, somebody}} }

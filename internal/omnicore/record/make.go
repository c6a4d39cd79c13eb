package record

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// Caller asks a server once, as [bitcoind.Source] does.
type Caller interface {
	Call(ctx context.Context, result any, method string, params ...any) error
}

// Scene is what is played in blocks of so many transactions. The miner orders them within a
// block.
type Scene struct {
	PerBlock int
	Txs      []Tx
}

// Question is a method with its parameters.
type Question struct {
	Method string
	Params []any
}

// Key names the question's answer.
func (q Question) Key() string {
	key := q.Method
	for _, p := range q.Params {
		key += fmt.Sprint(" ", p)
	}
	return key
}

// maker plays blocks to a server.
type maker struct {
	context.Context
	server Caller
	chain  *regtest.Chain
	fed    uint32
	out    Recording
}

// Make plays the scenes to a new server, and asks the questions after the first of them.
func Make(ctx context.Context, server Caller, ask []Question, scenes ...Scene) (_ *Recording, err error) {
	c, err := regtest.Open("")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	m := &maker{Context: ctx, server: server, chain: c, out: Recording{Answers: map[string]Answer{}}}
	if err := m.begin(); err != nil {
		return nil, err
	}
	for i, scene := range scenes {
		for block := range slices.Chunk(scene.Txs, scene.PerBlock) {
			if err := m.block(block); err != nil {
				return nil, err
			}
		}
		if i == 0 {
			if err := m.ask(ask); err != nil {
				return nil, err
			}
		}
	}
	return &m.out, nil
}

func (m *maker) mine(n int) error {
	if _, err := m.chain.Mine(n, nil); err != nil {
		return err
	}
	tip, err := m.chain.Tip(m)
	if err != nil {
		return err
	}
	for ; m.fed < tip.Height; m.fed++ {
		b, err := m.chain.Block(m.fed + 1)
		if err != nil {
			return err
		}
		var raw bytes.Buffer
		if err := b.Serialize(&raw); err != nil {
			return err
		}
		var refused string
		if err := m.server.Call(m, &refused, "submitblock", hex.EncodeToString(raw.Bytes())); err != nil {
			return err
		}
		if refused != "" {
			return fmt.Errorf("block %d is refused: %s", m.fed+1, refused)
		}
	}
	var none any // Omni's part of the server reads blocks a little later
	return m.server.Call(m, &none, "syncwithvalidationinterfacequeue")
}

// money is whom one pays on regtest for OMN and TOMN: moneyqMan7uh8FqdCA2BV5yZ8qVrc9ikLP.
const money = "5ab93563a289b74c355a9b9258b86f12bb84affb"

// begin mines coins, and buys OMN and TOMN for a.
func (m *maker) begin() error {
	var info struct {
		Omni    string `json:"omnicoreversion"`
		Bitcoin string `json:"bitcoincoreversion"`
		Block   uint32 `json:"block"`
	}
	if err := m.server.Call(m, &info, "omni_getinfo"); err != nil {
		return err
	}
	if info.Block > 0 {
		return fmt.Errorf("the server is at block %d, not new", info.Block)
	}
	m.out.Server = fmt.Sprintf("Omni Core %s, Bitcoin Core %s", info.Omni, info.Bitcoin)
	if err := m.mine(150); err != nil {
		return err
	}
	program, err := hex.DecodeString(money)
	if err != nil {
		return err
	}
	tx, err := m.spend("a", 2_0000_0000, bolt11.Fallback{Version: bolt11.PubKeyHash, Program: program}.Script())
	if err != nil {
		return err
	}
	if err := m.chain.Broadcast(m, tx); err != nil {
		return err
	}
	if err := m.mine(1); err != nil {
		return err
	}
	for _, p := range []amount.Property{asset.OMN, asset.TOMN} {
		var has struct{ Balance string }
		if err := m.server.Call(m, &has, "omni_getbalance", Named("a").Address(), p); err != nil {
			return err
		}
		u, err := amount.ParseTokens(has.Balance, true)
		if err != nil || u == 0 {
			return fmt.Errorf("a has %q of property %d: %w", has.Balance, p, err)
		}
		m.out.Start = append(m.out.Start, asset.Balance{Key: asset.Key{Address: Named("a").Address(), Property: p}, Units: u})
	}
	return nil
}

const fee = 20_000

// spend makes a transaction of a coin that a name gets for it, and that is in a block then:
// what is left after the fee is shared by the outputs with a value.
func (m *maker) spend(name string, sat amount.Satoshi, outputs ...[]byte) (*btcwire.MsgTx, error) {
	lock := Named(name)
	id, err := m.chain.Send(lock.Script(), sat)
	if err != nil {
		return nil, err
	}
	coin, err := m.chain.Transaction(id)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(coin.TxOut, func(o *btcwire.TxOut) bool { return bytes.Equal(o.PkScript, lock.Script()) })
	if err := m.mine(1); err != nil {
		return nil, err
	}
	tx := btcwire.NewMsgTx(2)
	in := btcwire.NewTxIn(&btcwire.OutPoint{Hash: id, Index: uint32(at)}, nil, nil) //nolint:gosec // it is there
	if in.SignatureScript, in.Witness, err = lock.unlock(); err != nil {
		return nil, err
	}
	tx.AddTxIn(in)
	for _, script := range outputs {
		value := int64(sat-fee) / int64(len(outputs))
		if script[0] == omni.Script(nil)[0] {
			value = 0
		}
		tx.AddTxOut(btcwire.NewTxOut(value, script))
	}
	return tx, nil
}

// block plays transactions in one block, and keeps what the server says of it.
func (m *maker) block(all []Tx) error {
	scripted := map[chainhash.Hash]Tx{}
	var txs []*btcwire.MsgTx
	for _, t := range all {
		payload, err := hex.DecodeString(t.Payload)
		if err != nil {
			return err
		}
		outputs := [][]byte{omni.Script(payload)}
		for _, name := range t.To {
			outputs = append(outputs, Named(name).Script())
		}
		tx, err := m.spend(t.From, 100_000, outputs...)
		if err != nil {
			return err
		}
		scripted[tx.TxHash()] = t
		txs = append(txs, tx)
	}
	for _, tx := range txs {
		if err := m.chain.Broadcast(m, tx); err != nil {
			return err
		}
	}
	if err := m.mine(1); err != nil {
		return err
	}
	b, err := m.chain.Block(m.fed)
	if err != nil {
		return err
	}
	out := Block{Height: m.fed, Time: b.Header.Timestamp.Unix()}
	for _, tx := range b.Transactions[1:] {
		t, ok := scripted[tx.TxHash()]
		if !ok {
			return fmt.Errorf("another transaction in block %d: %v", m.fed, tx.TxHash())
		}
		var said struct {
			Valid  *bool
			Reason string `json:"invalidreason"`
		}
		err := m.server.Call(m, &said, "omni_gettransaction", tx.TxHash().String())
		var unknown *bitcoind.Error
		switch {
		case errors.As(err, &unknown): // it keeps nothing of some that it did not execute
			t.Invalid = unknown.Message
		case err != nil:
			return err
		case said.Valid == nil:
			return fmt.Errorf("%+v: neither valid nor not", t)
		case !*said.Valid:
			t.Invalid = said.Reason
		}
		out.Txs = append(out.Txs, t)
	}
	if len(out.Txs) != len(all) {
		return fmt.Errorf("%d of %d transactions are in block %d", len(out.Txs), len(all), m.fed)
	}
	var state struct {
		Block uint32
		Hash  string `json:"consensushash"`
	}
	if err := m.server.Call(m, &state, "omni_getcurrentconsensushash"); err != nil {
		return err
	}
	if state.Block != m.fed {
		return fmt.Errorf("the server is at block %d of %d", state.Block, m.fed)
	}
	out.Hash = state.Hash
	m.out.Blocks = append(m.out.Blocks, out)
	return nil
}

func (m *maker) ask(all []Question) error {
	m.out.At = len(m.out.Blocks)
	for _, q := range all {
		var a Answer
		err := m.server.Call(m, &a.Result, q.Method, q.Params...)
		var said *bitcoind.Error
		switch {
		case errors.As(err, &said):
			a = Answer{Code: said.Code, Message: said.Message}
		case err != nil:
			return err
		}
		m.out.Answers[q.Key()] = a
	}
	return nil
}

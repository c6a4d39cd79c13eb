package regtest

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/chain"
)

// RPCError is an error as bitcoind's JSON-RPC gives it.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *RPCError) Error() string { return e.Message }

// Codes of bitcoind.
const (
	codeParse       = -32700
	codeNoMethod    = -32601
	codeMisc        = -1
	codeType        = -3
	codeNotFound    = -5
	codeParameter   = -8
	codeDecode      = -22
	codeTxError     = -25
	codeTxRejected  = -26
	codeTxConfirmed = -27
)

func rpcError(code int, format string, args ...any) *RPCError {
	return &RPCError{code, fmt.Sprintf(format, args...)}
}

// Bounds of one request.
const (
	maxBody     = 4 << 20
	longestWait = 30 * time.Second
)

// Serve answers bitcoind's RPCs on a loopback address until ctx ends or the chain
// is closed, with a user and a password, and returns the address: those that a
// Lightning node asks, and generatetoaddress and sendtoaddress for whoever plays
// with the chain.
func (c *Chain) Serve(ctx context.Context, addr, user, password string) (net.Addr, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &http.Server{
		Handler: c.authorised(user, password), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l) // ends with ErrServerClosed
	}()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	c.closers = append(c.closers, func() {
		cancel()
		stop()
		s.Close()
		<-served
	})
	return l.Addr(), nil
}

func (c *Chain) authorised(user, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(u), []byte(user))&subtle.ConstantTimeCompare([]byte(p), []byte(password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="jsonrpc"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer, failed := c.Answer(r.Context(), body)
		if failed {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(answer) // a client that has gone is not our fault
	})
}

// Answer answers one JSON-RPC request; failed says that it is an error.
func (c *Chain) Answer(ctx context.Context, body []byte) (answer []byte, failed bool) {
	var r struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	out := struct {
		Result any             `json:"result"`
		Error  *RPCError       `json:"error"`
		ID     json.RawMessage `json:"id"`
	}{ID: json.RawMessage("null")}
	var params []json.RawMessage
	if err := json.Unmarshal(body, &r); err != nil {
		out.Error = rpcError(codeParse, "Parse error")
	} else if err := json.Unmarshal(orArray(r.Params), &params); err != nil {
		out.Error = rpcError(codeParameter, "params must be an array")
	} else {
		if len(r.ID) > 0 {
			out.ID = r.ID
		}
		method, ok := methods[r.Method]
		if !ok {
			out.Error = rpcError(codeNoMethod, "Method not found")
		} else if res, err := method(c, ctx, arguments(params)); err != nil {
			if !errors.As(err, &out.Error) {
				out.Error = rpcError(codeMisc, "%v", err)
			}
		} else {
			out.Result = res
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return []byte(`{"result":null,"error":{"code":-1,"message":"no answer"},"id":null}`), true
	}
	return append(b, '\n'), out.Error != nil
}

func orArray(params json.RawMessage) json.RawMessage {
	if len(params) == 0 || string(params) == "null" {
		return json.RawMessage("[]")
	}
	return params
}

// arguments are the positional parameters of a call.
type arguments []json.RawMessage

// get reads the i-th; what is not given, or null, leaves v as it is.
func (a arguments) get(i int, v any) error {
	if i >= len(a) || string(a[i]) == "null" {
		return nil
	}
	if err := json.Unmarshal(a[i], v); err != nil {
		return rpcError(codeType, "parameter %d has the wrong type", i+1)
	}
	return nil
}

func (a arguments) hash() (chainhash.Hash, error) {
	var text string
	if err := a.get(0, &text); err != nil {
		return chainhash.Hash{}, err
	}
	h, err := chainhash.NewHashFromStr(text)
	if err != nil || len(text) != 64 {
		return chainhash.Hash{}, rpcError(codeParameter, "parameter 1 must be a hash of 64 digits")
	}
	return *h, nil
}

type method func(c *Chain, ctx context.Context, a arguments) (any, error)

var methods = map[string]method{
	"getblockchaininfo": (*Chain).rpcInfo,
	"getnetworkinfo": func(*Chain, context.Context, arguments) (any, error) {
		return map[string]any{"version": 300000, "subversion": "/leyden-regtest/", "relayfee": 0.00001, "incrementalfee": 0.00001}, nil
	},
	"getmempoolinfo": func(c *Chain, _ context.Context, _ arguments) (any, error) {
		return map[string]any{"loaded": true, "size": c.pool.Count(), "mempoolminfee": 0.00001, "minrelaytxfee": 0.00001, "maxdatacarriersize": c.carrier.Load()}, nil
	},
	"getrawmempool": func(c *Chain, _ context.Context, _ arguments) (any, error) {
		ids := []string{}
		for _, h := range c.pool.TxHashes() {
			ids = append(ids, h.String())
		}
		return ids, nil
	},
	"getblockcount": func(c *Chain, _ context.Context, _ arguments) (any, error) {
		return c.blocks.BestSnapshot().Height, nil
	},
	"getbestblockhash": func(c *Chain, _ context.Context, _ arguments) (any, error) {
		return c.blocks.BestSnapshot().Hash.String(), nil
	},
	"getblockhash":       (*Chain).rpcBlockHash,
	"getblockheader":     (*Chain).rpcHeader,
	"getblock":           (*Chain).rpcBlock,
	"gettxout":           (*Chain).rpcTxOut,
	"getrawtransaction":  (*Chain).rpcRawTx,
	"sendrawtransaction": (*Chain).rpcSend,
	"testmempoolaccept":  (*Chain).rpcTest,
	"estimatesmartfee": func(_ *Chain, _ context.Context, _ arguments) (any, error) {
		// FeePerKw satoshi for 1000 weight, in bitcoin for 1000 virtual bytes.
		return map[string]any{"feerate": json.Number(fmt.Sprintf("0.%08d", FeePerKw*4)), "blocks": 2}, nil
	},
	"waitforblockheight": (*Chain).rpcWait,
	"generatetoaddress":  (*Chain).rpcGenerate,
	"sendtoaddress":      (*Chain).rpcPay,
}

func (c *Chain) rpcInfo(context.Context, arguments) (any, error) {
	best := c.blocks.BestSnapshot()
	return map[string]any{
		"chain": "regtest", "blocks": best.Height, "headers": best.Height, "bestblockhash": best.Hash.String(),
		"initialblockdownload": false, "verificationprogress": 1, "pruned": false, "warnings": []string{},
	}, nil
}

func (c *Chain) rpcBlockHash(_ context.Context, a arguments) (any, error) {
	height := int64(-1)
	if err := a.get(0, &height); err != nil {
		return nil, err
	}
	if height < 0 || height > math.MaxInt32 {
		return nil, rpcError(codeParameter, "Block height out of range")
	}
	h, err := c.blocks.BlockHashByHeight(int32(height))
	if err != nil {
		return nil, rpcError(codeParameter, "Block height out of range")
	}
	return h.String(), nil
}

func (c *Chain) rpcHeader(_ context.Context, a arguments) (any, error) {
	hash, err := a.hash()
	if err != nil {
		return nil, err
	}
	h, err := c.blocks.HeaderByHash(&hash)
	if err != nil {
		return nil, rpcError(codeNotFound, "Block not found")
	}
	verbose := true
	if err := a.get(1, &verbose); err != nil {
		return nil, err
	}
	if !verbose {
		var b bytes.Buffer
		if err := h.Serialize(&b); err != nil {
			return nil, err
		}
		return hex.EncodeToString(b.Bytes()), nil
	}
	return c.describe(hash, &h), nil
}

// describe is the part of a block that getblock and getblockheader share. A block
// that is not in the best chain has -1 confirmations.
func (c *Chain) describe(hash chainhash.Hash, h *btcwire.BlockHeader) map[string]any {
	out := map[string]any{
		"hash": hash.String(), "confirmations": -1, "version": h.Version, "merkleroot": h.MerkleRoot.String(),
		"time": h.Timestamp.Unix(), "nonce": h.Nonce, "previousblockhash": h.PrevBlock.String(),
	}
	if c.blocks.MainChainHasBlock(&hash) {
		if height, err := c.blocks.BlockHeightByHash(&hash); err == nil {
			out["height"] = height
			out["confirmations"] = c.blocks.BestSnapshot().Height - height + 1
		}
	}
	return out
}

func (c *Chain) rpcBlock(ctx context.Context, a arguments) (any, error) {
	hash, err := a.hash()
	if err != nil {
		return nil, err
	}
	verbosity := 1
	if err := a.get(1, &verbosity); err != nil {
		return nil, err
	}
	b, err := c.blocks.BlockByHash(&hash)
	if err != nil {
		return nil, rpcError(codeNotFound, "Block not found")
	}
	if verbosity == 0 {
		raw, err := b.Bytes()
		return hex.EncodeToString(raw), err
	}
	out := c.describe(hash, &b.MsgBlock().Header)
	spent := chain.Scripts{}
	if verbosity > 2 {
		if spent, err = c.Spent(ctx, chain.BlockRef{Hash: hash}); err != nil {
			return nil, rpcError(codeNotFound, "Block not found")
		}
	}
	var txs []any
	for _, tx := range b.MsgBlock().Transactions {
		if verbosity == 1 {
			txs = append(txs, tx.TxHash().String())
			continue
		}
		raw, err := encode(tx)
		if err != nil {
			return nil, err
		}
		var ins []any
		for _, in := range tx.TxIn {
			ins = append(ins, describeInput(in, spent))
		}
		txs = append(txs, map[string]any{"txid": tx.TxHash().String(), "hex": raw, "vin": ins})
	}
	out["tx"], out["nTx"] = txs, len(txs)
	return out, nil
}

// describeInput is an input, with the output that it spends where that is known.
func describeInput(in *btcwire.TxIn, spent chain.Scripts) map[string]any {
	at := in.PreviousOutPoint
	if at.Index == btcwire.MaxPrevOutIndex {
		return map[string]any{"coinbase": hex.EncodeToString(in.SignatureScript), "sequence": in.Sequence}
	}
	out := map[string]any{"txid": at.Hash.String(), "vout": at.Index, "sequence": in.Sequence}
	if script, ok := spent[at]; ok {
		out["prevout"] = map[string]any{"scriptPubKey": map[string]any{"hex": hex.EncodeToString(script)}}
	}
	return out
}

func encode(tx *btcwire.MsgTx) (string, error) {
	var b bytes.Buffer
	err := tx.Serialize(&b)
	return hex.EncodeToString(b.Bytes()), err
}

// bitcoin is an amount as bitcoind writes it.
func bitcoin(sat int64) json.Number {
	return json.Number(fmt.Sprintf("%d.%08d", sat/1e8, sat%1e8))
}

func (c *Chain) rpcTxOut(_ context.Context, a arguments) (any, error) {
	hash, err := a.hash()
	if err != nil {
		return nil, err
	}
	var index uint32
	if err := a.get(1, &index); err != nil {
		return nil, err
	}
	pool := true
	if err := a.get(2, &pool); err != nil {
		return nil, err
	}
	op := btcwire.OutPoint{Hash: hash, Index: index}
	if pool && c.pool.CheckSpend(op) != nil {
		return nil, nil
	}
	e := c.unspent(op)
	if e == nil {
		return nil, nil // so bitcoind answers for what is not there
	}
	best := c.blocks.BestSnapshot()
	return map[string]any{
		"bestblock": best.Hash.String(), "confirmations": best.Height - e.BlockHeight() + 1, "value": bitcoin(e.Amount()),
		"scriptPubKey": map[string]any{"hex": hex.EncodeToString(e.PkScript())}, "coinbase": e.IsCoinBase(),
	}, nil
}

func (c *Chain) rpcRawTx(_ context.Context, a arguments) (any, error) {
	hash, err := a.hash()
	if err != nil {
		return nil, err
	}
	tx, err := c.Transaction(hash)
	if err != nil {
		return nil, rpcError(codeNotFound, "No such mempool transaction")
	}
	return encode(tx)
}

func (a arguments) tx(i int) (*btcwire.MsgTx, error) {
	var text string
	if err := a.get(i, &text); err != nil {
		return nil, err
	}
	return parseTx(text)
}

func parseTx(text string) (*btcwire.MsgTx, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, rpcError(codeDecode, "TX decode failed")
	}
	tx := new(btcwire.MsgTx)
	if err := tx.Deserialize(bytes.NewReader(raw)); err != nil || len(tx.TxIn) == 0 || len(tx.TxOut) == 0 {
		return nil, rpcError(codeDecode, "TX decode failed")
	}
	return tx, nil
}

func (c *Chain) rpcSend(ctx context.Context, a arguments) (any, error) {
	tx, err := a.tx(0)
	if err != nil {
		return nil, err
	}
	if c.confirmed(tx) {
		return nil, rpcError(codeTxConfirmed, "Transaction outputs already in utxo set")
	}
	switch err := c.Broadcast(ctx, tx); {
	case errors.Is(err, chain.ErrMissingInputs):
		return nil, rpcError(codeTxError, "bad-txns-inputs-missingorspent")
	case errors.Is(err, chain.ErrFeeTooLow):
		return nil, rpcError(codeTxRejected, "min relay fee not met: %v", err)
	case err != nil:
		return nil, rpcError(codeTxRejected, "%v", err)
	}
	return tx.TxHash().String(), nil
}

func (c *Chain) rpcTest(_ context.Context, a arguments) (any, error) {
	var texts []string
	if err := a.get(0, &texts); err != nil {
		return nil, err
	}
	out := []any{}
	for _, text := range texts {
		tx, err := parseTx(text)
		if err != nil {
			return nil, err
		}
		res := map[string]any{"txid": tx.TxHash().String(), "allowed": true}
		err = c.standard(tx)
		if err == nil {
			_, err = c.pool.CheckMempoolAcceptance(newTx(tx))
		}
		if err != nil {
			res["allowed"], res["reject-reason"] = false, err.Error()
		}
		out = append(out, res)
	}
	return out, nil
}

func (c *Chain) rpcWait(ctx context.Context, a arguments) (any, error) {
	height, millis := int64(0), int64(0)
	if err := errors.Join(a.get(0, &height), a.get(1, &millis)); err != nil {
		return nil, err
	}
	wait := longestWait
	if millis > 0 && millis < wait.Milliseconds() {
		wait = time.Duration(millis) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		tip, err := c.Tip(ctx)
		if err != nil {
			return nil, err
		}
		if int64(tip.Height) >= height || c.Changed(ctx, tip) != nil { // the time is over
			return map[string]any{"hash": tip.Hash.String(), "height": tip.Height}, nil
		}
	}
}

func (c *Chain) script(text string) ([]byte, error) {
	addr, err := address.DecodeAddress(text, c.params)
	if err != nil {
		return nil, rpcError(codeNotFound, "Invalid address")
	}
	return txscript.PayToAddrScript(addr)
}

// mostBlocks is how many blocks one call may add.
const mostBlocks = 1000

func (c *Chain) rpcGenerate(_ context.Context, a arguments) (any, error) {
	n, text := 0, ""
	if err := errors.Join(a.get(0, &n), a.get(1, &text)); err != nil {
		return nil, err
	}
	if n < 0 || n > mostBlocks {
		return nil, rpcError(codeParameter, "from 0 to %d blocks at once", mostBlocks)
	}
	script, err := c.script(text)
	if err != nil {
		return nil, err
	}
	hashes, err := c.Mine(n, script)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, h := range hashes {
		out = append(out, h.String())
	}
	return out, nil
}

func (c *Chain) rpcPay(_ context.Context, a arguments) (any, error) {
	var text string
	var value json.Number
	if err := errors.Join(a.get(0, &text), a.get(1, &value)); err != nil {
		return nil, err
	}
	msat, err := amount.Parse(value.String() + "btc")
	if err != nil || msat == 0 {
		return nil, rpcError(codeType, "Invalid amount")
	}
	script, err := c.script(text)
	if err != nil {
		return nil, err
	}
	txid, err := c.Send(script, msat.Sat())
	if err != nil {
		return nil, rpcError(-6, "%v", err)
	}
	return txid.String(), nil
}

var _ chain.Source = (*Chain)(nil)

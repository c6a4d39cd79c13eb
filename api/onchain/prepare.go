package onchain

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// destination is one output: an object with an address and an amount.
type destination struct{ address, satoshi string }

// UnmarshalJSON implements [json.Unmarshaler].
func (d *destination) UnmarshalJSON(b []byte) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	if len(given) != 1 {
		return errors.New("each output is an object with one address and its amount")
	}
	for addr, raw := range given {
		d.address, d.satoshi = addr, string(raw)
		var text string
		if json.Unmarshal(raw, &text) == nil {
			d.satoshi = text
		}
	}
	return nil
}

// txid is the id of a transaction.
type txid chainhash.Hash

// Words implements [command.Worded].
func (txid) Words() string { return "64 hexadecimal digits" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *txid) UnmarshalText(b []byte) error {
	if len(b) != 2*chainhash.HashSize {
		return errors.New("not 64 hexadecimal digits")
	}
	return chainhash.Decode((*chainhash.Hash)(t), string(b))
}

type txPrepareRequest struct {
	Outputs []destination       `json:"outputs" doc:"objects from address to amount: a number of satoshi, an amount with the suffix sat, msat or btc, or all"`
	FeeRate *command.FeeRate    `json:"feerate" doc:"a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
	MinConf *uint32             `json:"minconf" doc:"confirmations of the coins to spend; 1 when not given"`
	UTXOs   *[]command.OutPoint `json:"utxos" doc:"spend just these coins: txid:output"`
}

type txPrepareResponse struct {
	PSBT     string `json:"psbt" doc:"the transaction, not signed"`
	Unsigned string `json:"unsigned_tx" doc:"the same in hexadecimal"`
	Txid     string `json:"txid" doc:"its id, for txsend and txdiscard"`
}

// mostOutputs bounds a transaction.
const mostOutputs = 1000

func txPrepare(ctx context.Context, n *node.Node, r txPrepareRequest) (out txPrepareResponse, err error) {
	if len(r.Outputs) == 0 || len(r.Outputs) > mostOutputs {
		return out, command.Refuse(command.InvalidParams, "outputs: should be 1 to %d", mostOutputs)
	}
	req := wallet.Request{MinConf: command.Or(r.MinConf, 1)}
	for _, d := range r.Outputs {
		script, err := command.ScriptOf(n, d.address)
		if err != nil {
			return out, command.Refuse(command.InvalidParams, "outputs: %v", err)
		}
		value, err := command.Satoshi(d.satoshi)
		if err != nil {
			return out, command.Refuse(command.InvalidParams, "outputs: %v", err)
		}
		req.Outputs = append(req.Outputs, wallet.Output{Value: value, Script: script})
	}
	for _, o := range command.Or(r.UTXOs, nil) {
		req.Coins = append(req.Coins, o.OutPoint)
	}
	if req.FeePerKw, err = r.FeeRate.Of(ctx, n); err != nil {
		return out, err
	}
	p, err := n.Prepare(ctx, req)
	if err != nil {
		return out, sendError(n, err)
	}
	out.Txid = p.Tx.TxHash().String()
	if out.Unsigned, err = command.HexTx(unsigned(p.Tx)); err != nil {
		return out, err
	}
	out.PSBT, err = psbtOf(p, false)
	return out, err
}

// unsigned is a transaction without its witnesses.
func unsigned(tx *btcwire.MsgTx) *btcwire.MsgTx {
	bare := tx.Copy()
	for _, in := range bare.TxIn {
		in.Witness, in.SignatureScript = nil, nil
	}
	return bare
}

// psbtOf is a transaction in the form of BIP 174, finalized when it is signed.
func psbtOf(p node.Prepared, signed bool) (string, error) {
	packet, err := psbt.NewFromUnsignedTx(unsigned(p.Tx))
	if err != nil {
		return "", err
	}
	for i, in := range p.Tx.TxIn {
		packet.Inputs[i].WitnessUtxo = p.Spent[i]
		if len(in.SignatureScript) > 1 { // of P2SH: it pushes the script
			packet.Inputs[i].RedeemScript = in.SignatureScript[1:]
		}
		if signed {
			var w writer
			if err := psbt.WriteTxWitness(&w, in.Witness); err != nil {
				return "", err
			}
			packet.Inputs[i].FinalScriptWitness = w
			if len(in.SignatureScript) > 1 {
				packet.Inputs[i].RedeemScript, packet.Inputs[i].FinalScriptSig = nil, in.SignatureScript
			}
		}
	}
	return packet.B64Encode()
}

// writer gathers what is written to it.
type writer []byte

func (w *writer) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}

type txidRequest struct {
	Txid txid `json:"txid" doc:"as txprepare gave it"`
}

type txSendResponse struct {
	PSBT string `json:"psbt" doc:"the transaction, signed"`
	Tx   string `json:"tx" doc:"the same in hexadecimal"`
	Txid string `json:"txid" doc:"its id"`
}

func txSend(ctx context.Context, n *node.Node, r txidRequest) (out txSendResponse, err error) {
	p, err := n.SendPrepared(ctx, chainhash.Hash(r.Txid))
	if err != nil {
		return out, sendError(n, err)
	}
	out.Txid = p.Tx.TxHash().String()
	if out.Tx, err = command.HexTx(p.Tx); err != nil {
		return out, err
	}
	out.PSBT, err = psbtOf(p, true)
	return out, err
}

type txDiscardResponse struct {
	Unsigned string `json:"unsigned_tx" doc:"the transaction in hexadecimal, not signed"`
	Txid     string `json:"txid" doc:"its id"`
}

func txDiscard(ctx context.Context, n *node.Node, r txidRequest) (out txDiscardResponse, err error) {
	p, err := n.Discard(ctx, chainhash.Hash(r.Txid))
	if err != nil {
		return out, err
	}
	out.Txid = p.Tx.TxHash().String()
	out.Unsigned, err = command.HexTx(unsigned(p.Tx))
	return out, err
}

var prepareCommands = []command.Command{
	command.Define(command.Spec{
		Name: "txprepare", Group: "bitcoin", Short: "make a transaction without sending it",
		Long: "Makes a transaction that pays some addresses, and keeps its coins for it until txsend or txdiscard, 72 blocks at the " +
			"most, over a restart too.",
		Errors:   []command.Code{command.FundCannotAfford, command.FundStillSyncing, command.FundReserveNeeded, command.FundOutputIsDust, command.Failed},
		Examples: []string{`txprepare '[{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080":"100000sat"}]'`},
	}, txPrepare),
	command.Define(command.Spec{
		Name: "txsend", Group: "bitcoin", Short: "send a transaction that was prepared",
		Long:   "Broadcasts a transaction of txprepare. It is on disk before, and is offered again at each block until it confirms.",
		Errors: []command.Code{command.FundBroadcastFail, command.Failed}, Examples: []string{"txsend 4f0d…"},
	}, txSend),
	command.Define(command.Spec{
		Name: "txdiscard", Group: "bitcoin", Short: "forget a transaction that was prepared",
		Long: "Sets the coins of a transaction of txprepare free.", Errors: []command.Code{command.Failed}, Examples: []string{"txdiscard 4f0d…"},
	}, txDiscard),
}

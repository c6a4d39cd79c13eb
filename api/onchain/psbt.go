package onchain

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/psbt/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// packet is a PSBT in base64.
type packet struct{ *psbt.Packet }

// Words implements [command.Worded].
func (packet) Words() string { return "a PSBT in base64" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *packet) UnmarshalText(b []byte) (err error) {
	if p.Packet, err = psbt.NewFromRawBytes(strings.NewReader(string(b)), true); err != nil {
		return err
	}
	if len(p.UnsignedTx.TxIn) == 0 && len(p.UnsignedTx.TxOut) == 0 {
		return errors.New("it has neither inputs nor outputs")
	}
	for i, in := range p.Inputs {
		of := in.NonWitnessUtxo
		if of == nil {
			continue
		}
		spent := p.UnsignedTx.TxIn[i].PreviousOutPoint
		if of.TxHash() != spent.Hash || int64(spent.Index) >= int64(len(of.TxOut)) {
			return fmt.Errorf("input %d: the transaction that it comes with has no output %v", i, spent)
		}
	}
	return nil
}

// coins are what it spends.
func (p *packet) coins() (all []btcwire.OutPoint) {
	for _, in := range p.UnsignedTx.TxIn {
		all = append(all, in.PreviousOutPoint)
	}
	return all
}

// keptBlocks is for how long coins are kept when nothing else is said.
const keptBlocks = 72

type fundPSBTRequest struct {
	Satoshi     string           `json:"satoshi" doc:"of the outputs to come: a number of satoshi, an amount with the suffix sat, msat or btc, or all"`
	FeeRate     *command.FeeRate `json:"feerate" doc:"a bare number is satoshi for 1000 virtual bytes (perkb); normal when null"`
	StartWeight uint32           `json:"startweight" doc:"of the transaction with the outputs to come, before inputs are added"`
	MinConf     *uint32          `json:"minconf" doc:"confirmations of the coins to spend; 1 when not given"`
	Reserve     *uint32          `json:"reserve" doc:"blocks for which the coins are kept; 0: not at all; 72 when not given"`
	LockTime    *uint32          `json:"locktime" doc:"of the transaction; the height of the last block when not given"`
	MinWitness  *uint32          `json:"min_witness_weight" doc:"the least weight that is counted for an input's witness"`
	Change      *bool            `json:"excess_as_change" doc:"whether what is left over becomes an output to the wallet; false when not given"`
	NonWrapped  *bool            `json:"nonwrapped" doc:"whether to leave out coins of P2SH addresses: the wallet has none"`
	Opening     *bool            `json:"opening_anchor_channel" doc:"for compatibility: what channels may need is always kept"`
}

type reservation struct {
	Txid    string `json:"txid" doc:"of the coin"`
	Vout    uint32 `json:"vout" doc:"its output"`
	Was     bool   `json:"was_reserved" doc:"whether it was reserved before"`
	Is      bool   `json:"reserved" doc:"whether it is now"`
	ToBlock uint32 `json:"reserved_to_block,omitempty" doc:"the height at which it is free again"`
}

func reservations(held []wallet.Held) []reservation {
	out := []reservation{}
	for _, h := range held {
		row := reservation{Txid: h.OutPoint.Hash.String(), Vout: h.OutPoint.Index, Was: h.Was, Is: h.Is}
		if h.Is {
			row.ToBlock = h.Until + 1
		}
		out = append(out, row)
	}
	return out
}

type fundPSBTResponse struct {
	PSBT         string              `json:"psbt" doc:"a transaction that spends the coins, with no other output than change"`
	FeeRate      uint32              `json:"feerate_per_kw" doc:"that was counted with, in satoshi for 1000 weight"`
	Weight       uint64              `json:"estimated_final_weight" doc:"of the transaction once it is signed"`
	Excess       amount.MilliSatoshi `json:"excess_msat" doc:"what the coins bring beyond satoshi and fee; 0 when that is change"`
	Change       *uint32             `json:"change_outnum,omitempty" doc:"the output that is change"`
	Reservations []reservation       `json:"reservations,omitempty" doc:"of the coins"`
}

func fundPSBT(ctx context.Context, n *node.Node, r fundPSBTRequest) (out fundPSBTResponse, err error) {
	p := wallet.Pick{
		Weight: uint64(r.StartWeight), MinConf: command.Or(r.MinConf, 1), MinWitness: uint64(command.Or(r.MinWitness, 0)),
		Change: command.Or(r.Change, false),
	}
	if p.Value, err = command.Satoshi(r.Satoshi); err != nil {
		return out, command.Refuse(command.InvalidParams, "satoshi: %v", err)
	}
	if p.FeePerKw, err = r.FeeRate.Of(ctx, n); err != nil {
		return out, err
	}
	picked, until, err := n.Pick(ctx, p, command.Or(r.Reserve, keptBlocks))
	if err != nil {
		return out, sendError(n, err)
	}
	out = fundPSBTResponse{FeeRate: p.FeePerKw, Weight: picked.Weight, Excess: picked.Excess.Msat()}
	tx := btcwire.NewMsgTx(2)
	tx.LockTime = command.Or(r.LockTime, n.Height())
	for _, c := range picked.Coins {
		tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: c.OutPoint, Sequence: btcwire.MaxTxInSequenceNum - 2}) // BIP 125
		if until > 0 {
			out.Reservations = append(out.Reservations, reservation{c.OutPoint.Hash.String(), c.OutPoint.Index, false, true, until + 1})
		}
	}
	if picked.Change != nil {
		tx.AddTxOut(picked.Change)
		out.Change = new(uint32)
	}
	made, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		return out, err
	}
	for i, c := range picked.Coins {
		made.Inputs[i].WitnessUtxo = btcwire.NewTxOut(int64(c.Value), c.Script) //nolint:gosec // at most all money
	}
	out.PSBT, err = made.B64Encode()
	return out, err
}

type reserveRequest struct {
	PSBT      packet  `json:"psbt" doc:"whose inputs are reserved, as far as they are the wallet's"`
	Exclusive *bool   `json:"exclusive" doc:"whether to fail if one is reserved already; else it is reserved for longer; true when not given"`
	Reserve   *uint32 `json:"reserve" doc:"for how many blocks; 72 when not given"`
}

type reservationsResponse struct {
	Reservations []reservation `json:"reservations" doc:"of the inputs that are the wallet's"`
}

func reserveInputs(ctx context.Context, n *node.Node, r reserveRequest) (reservationsResponse, error) {
	held, err := n.KeepCoins(ctx, r.PSBT.coins(), command.Or(r.Reserve, keptBlocks), !command.Or(r.Exclusive, true))
	return reservationsResponse{reservations(held)}, coinError(err)
}

// coinError is the refusal of a coin that the PSBT names.
func coinError(err error) error {
	for _, bad := range []error{wallet.ErrNotFree, wallet.ErrNothing, wallet.ErrSpends, wallet.ErrOutput} {
		if errors.Is(err, bad) {
			return command.Refuse(command.InvalidParams, "psbt: %v", err)
		}
	}
	return err
}

type unreserveRequest struct {
	PSBT    packet  `json:"psbt" doc:"whose inputs are set free, as far as they are the wallet's"`
	Reserve *uint32 `json:"reserve" doc:"by how many blocks earlier; 72 when not given"`
}

func unreserveInputs(ctx context.Context, n *node.Node, r unreserveRequest) (reservationsResponse, error) {
	held, err := n.UnkeepCoins(ctx, r.PSBT.coins(), command.Or(r.Reserve, keptBlocks))
	return reservationsResponse{reservations(held)}, coinError(err)
}

type signPSBTRequest struct {
	PSBT packet    `json:"psbt" doc:"the transaction"`
	Only *[]uint32 `json:"signonly" doc:"the inputs to sign; all that are the wallet's when not given"`
}

type signPSBTResponse struct {
	PSBT string `json:"signed_psbt" doc:"the same with our signatures"`
}

func signPSBT(_ context.Context, n *node.Node, r signPSBTRequest) (out signPSBTResponse, err error) {
	if err := n.Wallet().SignPSBT(r.PSBT.Packet, command.Or(r.Only, nil)); err != nil {
		return out, coinError(err)
	}
	out.PSBT, err = r.PSBT.B64Encode()
	return out, err
}

type sendPSBTRequest struct {
	PSBT    packet  `json:"psbt" doc:"the transaction, with all its signatures"`
	Reserve *uint32 `json:"reserve" doc:"for compatibility: what is sent counts as spent, for as long as it can confirm"`
}

func sendPSBT(ctx context.Context, n *node.Node, r sendPSBTRequest) (out sentResponse, err error) {
	for _, i := range r.PSBT.Inputs {
		if i.WitnessUtxo == nil && i.NonWitnessUtxo == nil && i.FinalScriptWitness == nil && i.FinalScriptSig == nil {
			return out, command.Refuse(command.InvalidParams, "psbt: an input says neither what it spends nor how")
		}
	}
	if err := psbt.MaybeFinalizeAll(r.PSBT.Packet); err != nil {
		return out, command.Refuse(command.InvalidParams, "psbt: it is not fully signed: %v", err)
	}
	tx, err := psbt.Extract(r.PSBT.Packet)
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "psbt: %v", err)
	}
	if err := n.SendSigned(ctx, tx, "sendpsbt"); err != nil {
		return out, sendError(n, err)
	}
	out.Txid = tx.TxHash().String()
	out.Tx, err = command.HexTx(tx)
	return out, err
}

var psbtCommands = []command.Command{
	command.Define(command.Spec{
		Name: "fundpsbt", Group: "bitcoin", Short: "choose coins for a transaction of your own",
		Long: "Gives a PSBT that spends coins of the wallet's, worth an amount and the fee of the whole transaction, and keeps the coins " +
			"for it, over a restart too. Outputs are added by whoever asks, who counts their weight in `startweight`: 42 for a " +
			"transaction without any, and 4 times 9 bytes and the script for each. What channels may need for their fees stays in " +
			"the wallet: where other coins are not enough, as change.",
		Errors:   []command.Code{command.FundCannotAfford, command.FundStillSyncing, command.FundReserveNeeded, command.FundOutputIsDust, command.Failed},
		Examples: []string{"fundpsbt 100000sat slow 166", "fundpsbt all normal 166 -k reserve=0"},
	}, fundPSBT),
	command.Define(command.Spec{
		Name: "reserveinputs", Group: "bitcoin", Short: "keep coins for a transaction",
		Long:     "Keeps the inputs of a PSBT that are the wallet's, so that nothing else spends them. If one cannot be kept, none is.",
		Errors:   []command.Code{command.Failed},
		Examples: []string{"reserveinputs cHNidP8BAF4CAAAA…"},
	}, reserveInputs),
	command.Define(command.Spec{
		Name: "unreserveinputs", Group: "bitcoin", Short: "set coins free again",
		Long: "Shortens for how long the inputs of a PSBT are kept, or sets them free. Coins that the node itself keeps, for a channel " +
			"that is being opened, say, stay kept; those of txprepare can be set free, after which txsend refuses it.",
		Errors:   []command.Code{command.Failed},
		Examples: []string{"unreserveinputs cHNidP8BAF4CAAAA…"},
	}, unreserveInputs),
	command.Define(command.Spec{
		Name: "signpsbt", Group: "bitcoin", Short: "sign a transaction",
		Long:     "Signs the inputs of a PSBT that spend coins of the wallet's, which must be reserved. All that the transaction does is signed (SIGHASH_ALL).",
		Errors:   []command.Code{command.Failed},
		Examples: []string{"signpsbt cHNidP8BAF4CAAAA…"},
	}, signPSBT),
	command.Define(command.Spec{
		Name: "sendpsbt", Group: "bitcoin", Short: "send a signed transaction",
		Long:     "Broadcasts a PSBT that is fully signed. It is on disk before, and is offered again at each block until it confirms.",
		Errors:   []command.Code{command.FundBroadcastFail, command.Failed},
		Examples: []string{"sendpsbt cHNidP8BAF4CAAAA…"},
	}, sendPSBT),
}

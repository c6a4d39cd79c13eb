package assets

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

type issueRequest struct {
	Kind        string           `json:"kind" doc:"fixed: all units are made now; managed: the issuer makes them by assetgrant"`
	Name        string           `json:"name" doc:"of the token"`
	Amount      *string          `json:"amount" doc:"fixed: how many tokens, such as 1000 or 12.5; not for managed"`
	Divisible   *bool            `json:"divisible" doc:"whether a token has 8 decimals; true when not given"`
	Category    *string          `json:"category" doc:"any text"`
	Subcategory *string          `json:"subcategory" doc:"any text"`
	URL         *string          `json:"url" doc:"where more is said"`
	Data        *string          `json:"data" doc:"any text"`
	Ecosystem   *string          `json:"ecosystem" doc:"main or test, whose tokens have numbers from 2147483651 up; main when not given"`
	From        *string          `json:"from" doc:"the wallet's address that issues it; a new one when not given"`
	FeeRate     *command.FeeRate `json:"feerate" doc:"a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
}

type sentResponse struct {
	Txid     string              `json:"txid" doc:"the transaction's id"`
	Tx       string              `json:"tx" doc:"the transaction in hexadecimal"`
	From     string              `json:"from" doc:"the address of the wallet that sends it"`
	To       string              `json:"to,omitempty" doc:"the address that receives"`
	Property amount.Property     `json:"property_id" doc:"the token's number; of a new one, that which it will have unless another is issued before it"`
	Units    amount.Units        `json:"amount_units" doc:"how much, in the smallest units"`
	Tokens   string              `json:"amount" doc:"the same in tokens"`
	Fee      amount.MilliSatoshi `json:"fee_msat" doc:"what the transaction costs"`
	PaidBy   string              `json:"funding_txid,omitempty" doc:"the transaction that gave the address a coin, which it needs to send"`
}

func show(m tokens.Made, divisible bool, err error) (out sentResponse, _ error) {
	if err != nil {
		return out, refusal(err)
	}
	out = sentResponse{
		Txid: m.Tx.TxHash().String(), From: m.From, To: m.To, Property: m.Property,
		Units: m.Units, Tokens: m.Units.Tokens(divisible), Fee: m.Fee.Msat(),
	}
	if m.Paid != nil {
		out.PaidBy = m.Paid.TxHash().String()
	}
	out.Tx, err = command.HexTx(m.Tx)
	return out, err
}

// refusal gives the errors of transactions their codes.
func refusal(err error) error {
	var few *tokens.TooFewError
	var poor *wallet.InsufficientError
	code := command.Code(0)
	switch {
	case errors.Is(err, tokens.ErrOff):
		code = command.AssetsOff
	case errors.Is(err, tokens.ErrBehind):
		code = command.FundStillSyncing
	case errors.Is(err, tokens.ErrUnknown):
		code = command.AssetUnknown
	case errors.As(err, &few):
		code = command.AssetTooFew
	case errors.Is(err, tokens.ErrRefused), errors.Is(err, tokens.ErrNotOurs):
		code = command.AssetRefused
	case errors.Is(err, tokens.ErrAddress), errors.Is(err, omni.ErrEncode), errors.Is(err, wallet.ErrFeeRate):
		code = command.InvalidParams
	case errors.As(err, &poor):
		code = command.FundCannotAfford
	case errors.Is(err, node.ErrBroadcast):
		code = command.FundBroadcastFail
	default:
		return err
	}
	return command.Refuse(code, "%v", err)
}

// scriptOf reads an optional address.
func scriptOf(n *node.Node, name string, address *string) ([]byte, error) {
	if address == nil {
		return nil, nil
	}
	script, err := command.ScriptOf(n, *address)
	if err != nil {
		return nil, command.Refuse(command.InvalidParams, "%s: %v", name, err)
	}
	return script, nil
}

// ours reads an optional address of the wallet.
func ours(n *node.Node, address *string) ([]byte, error) {
	if address == nil {
		return nil, nil
	}
	script := n.Wallet().ScriptOf(*address)
	if script == nil {
		return nil, command.Refuse(command.InvalidParams, "from: %q is not an address of this wallet", command.Clip([]byte(*address)))
	}
	return script, nil
}

func issue(ctx context.Context, n *node.Node, r issueRequest) (out sentResponse, err error) {
	i := tokens.Issuance{
		About: asset.About{
			Category: command.Or(r.Category, ""), Subcategory: command.Or(r.Subcategory, ""), Name: r.Name,
			URL: command.Or(r.URL, ""), Data: command.Or(r.Data, ""),
		},
		Divisible: command.Or(r.Divisible, true),
	}
	switch r.Kind {
	case "fixed":
		if r.Amount == nil {
			return out, command.Refuse(command.InvalidParams, "amount: a fixed token has one")
		}
		if i.Units, err = amount.ParseTokens(*r.Amount, i.Divisible); err != nil {
			return out, command.Refuse(command.InvalidParams, "amount: %v", err)
		}
	case "managed":
		if r.Amount != nil {
			return out, command.Refuse(command.InvalidParams, "amount: a managed token begins with none: use assetgrant")
		}
		i.Managed = true
	default:
		return out, command.Refuse(command.InvalidParams, "kind: should be fixed or managed, not %q", command.Clip([]byte(r.Kind)))
	}
	switch e := command.Or(r.Ecosystem, "main"); e {
	case "main":
	case "test":
		i.Test = true
	default:
		return out, command.Refuse(command.InvalidParams, "ecosystem: should be main or test, not %q", command.Clip([]byte(e)))
	}
	if i.From, err = ours(n, r.From); err != nil {
		return out, err
	}
	if i.FeePerKw, err = r.FeeRate.Of(ctx, n); err != nil {
		return out, err
	}
	made, err := n.Tokens().Issue(ctx, i)
	return show(made, i.Divisible, err)
}

type sendRequest struct {
	Property    amount.Property  `json:"property_id" doc:"the token's number"`
	Amount      string           `json:"amount" doc:"how many tokens, such as 1000 or 12.5"`
	Destination string           `json:"destination" doc:"the address that gets them: of a kind that can have tokens, as newaddr p2sh-segwit gives"`
	From        *string          `json:"from" doc:"the wallet's address that sends them; the one with most of them when not given"`
	FeeRate     *command.FeeRate `json:"feerate" doc:"a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
}

// order reads what a transaction moves.
func order(ctx context.Context, n *node.Node, id amount.Property, tokensText string, rate *command.FeeRate) (o tokens.Order, p asset.Property, err error) {
	if !n.Tokens().On() {
		return o, p, refusal(tokens.ErrOff)
	}
	p, known, err := n.Store().Asset(ctx, id)
	if err != nil {
		return o, p, err
	}
	if !known {
		return o, p, refusal(tokens.ErrUnknown)
	}
	o.Property = id
	if o.Units, err = amount.ParseTokens(tokensText, p.Divisible); err != nil {
		return o, p, command.Refuse(command.InvalidParams, "amount: %v", err)
	}
	o.FeePerKw, err = rate.Of(ctx, n)
	return o, p, err
}

func send(ctx context.Context, n *node.Node, r sendRequest) (out sentResponse, err error) {
	o, p, err := order(ctx, n, r.Property, r.Amount, r.FeeRate)
	if err != nil {
		return out, err
	}
	if o.To, err = scriptOf(n, "destination", &r.Destination); err != nil {
		return out, err
	}
	if o.From, err = ours(n, r.From); err != nil {
		return out, err
	}
	made, err := n.Tokens().Send(ctx, o)
	return show(made, p.Divisible, err)
}

type grantRequest struct {
	Property    amount.Property  `json:"property_id" doc:"the number of a managed token of which the wallet has the issuer's address"`
	Amount      string           `json:"amount" doc:"how many tokens, such as 1000 or 12.5"`
	Destination *string          `json:"destination" doc:"the address that gets them; the issuer's when not given"`
	FeeRate     *command.FeeRate `json:"feerate" doc:"a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
}

func grant(ctx context.Context, n *node.Node, r grantRequest) (out sentResponse, err error) {
	o, p, err := order(ctx, n, r.Property, r.Amount, r.FeeRate)
	if err != nil {
		return out, err
	}
	if o.To, err = scriptOf(n, "destination", r.Destination); err != nil {
		return out, err
	}
	made, err := n.Tokens().Grant(ctx, o)
	return show(made, p.Divisible, err)
}

// sendErrors are those of all commands that make transactions.
var sendErrors = []command.Code{
	command.AssetsOff, command.AssetRefused, command.FundStillSyncing, command.FundCannotAfford, command.FundBroadcastFail, command.Failed,
}

var sendCommands = []command.Command{
	command.Define(command.Spec{
		Name: "assetissue", Group: "assets", Short: "issue a token",
		Long: "Makes a token of the Omni Layer, by a transaction on-chain. The address that sends it is the issuer, and has the units of a fixed " +
			"token. What would do nothing by the rules of the Omni Layer is refused. Nodes before Bitcoin Core 30 relay at most 52 bytes of texts.",
		Errors:   sendErrors,
		Examples: []string{"assetissue fixed Teacups 1000 false", "assetissue -k kind=managed name=Dollars category=Money url=example.org"},
	}, issue),
	command.Define(command.Spec{
		Name: "assetgrant", Group: "assets", Short: "make units of a managed token",
		Long:     "Makes units of a managed token for an address. The wallet must have the issuer's address, or that of the issuer's delegate.",
		Errors:   append([]command.Code{command.AssetUnknown}, sendErrors...),
		Examples: []string{"assetgrant 3 100.5"},
	}, grant),
	command.Define(command.Spec{
		Name: "assetsend", Group: "assets", Short: "send tokens on-chain",
		Long: "Sends tokens to an address, by a transaction on-chain: it carries a few hundred satoshi for the receiver to move them with. One " +
			"transaction moves tokens of one address of the wallet. What would do nothing by the rules of the Omni Layer (too many, " +
			"a frozen address) is refused. The transaction is on disk before it is broadcast, and is offered again at each block until " +
			"it confirms; the tokens have moved when it has.",
		Errors:   append([]command.Code{command.AssetUnknown, command.AssetTooFew}, sendErrors...),
		Examples: []string{"assetsend 31 12.5 3F2pXMKZJ2LGdbRuyZ4rhkPu6AU2eXiEBD"},
	}, send),
}

package assets

import (
	"context"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

type listRequest struct {
	Property *amount.Property `json:"property_id" doc:"only this one"`
	Start    *amount.Property `json:"start" doc:"list from this number on"`
	Limit    *uint32          `json:"limit" doc:"how many at the most, up to 10000, which it is when not given"`
}

type assetRow struct {
	ID          amount.Property `json:"property_id" doc:"its number"`
	Name        string          `json:"name" doc:"as the issuer says, like all texts"`
	Category    string          `json:"category,omitempty" doc:"of what kind it is"`
	Subcategory string          `json:"subcategory,omitempty" doc:"more exactly"`
	URL         string          `json:"url,omitempty" doc:"where more is said"`
	Data        string          `json:"data,omitempty" doc:"anything"`
	Issuer      string          `json:"issuer,omitempty" doc:"the issuer's address"`
	Delegate    string          `json:"delegate,omitempty" doc:"the address that may grant and freeze instead"`
	Divisible   bool            `json:"divisible" doc:"whether a token has 8 decimals"`
	Fixed       bool            `json:"fixed" doc:"all units were made at the start"`
	Managed     bool            `json:"managed" doc:"the issuer makes units by grants"`
	Freezable   bool            `json:"freezable" doc:"the issuer can freeze what an address has, now or soon"`
	Units       amount.Units    `json:"total_units" doc:"all there are, in the smallest units"`
	Total       string          `json:"total" doc:"the same in tokens"`
	Tainted     string          `json:"tainted,omitempty" doc:"why its balances are not to be relied on"`
	Halted      string          `json:"halted,omitempty" doc:"why nothing moves it any more"`
}

type listResponse struct {
	Height uint32          `json:"blockheight" doc:"of the block up to which the ledger has read"`
	Assets []assetRow      `json:"assets" doc:"by number"`
	Next   amount.Property `json:"next,omitempty" doc:"give it as start to go on: there may be more"`
}

func list(ctx context.Context, n *node.Node, r listRequest) (out listResponse, err error) {
	out.Assets = []assetRow{}
	v, height, err := n.Tokens().View(ctx)
	if err != nil {
		return out, refusal(err)
	}
	out.Height = height
	from, limit := command.Or(r.Start, 0), min(int(command.Or(r.Limit, command.LongestList)), command.LongestList)
	if r.Property != nil {
		from, limit = *r.Property, 1
	}
	rows, err := v.Assets(ctx, from, limit)
	if err != nil {
		return out, err
	}
	for _, p := range rows {
		if r.Property != nil && p.ID != *r.Property {
			return out, refusal(tokens.ErrUnknown)
		}
		total, err := v.AssetTotal(ctx, p.ID)
		if err != nil {
			return out, err
		}
		out.Assets = append(out.Assets, assetRow{
			ID: p.ID, Name: p.Name, Category: p.Category, Subcategory: p.Subcategory, URL: p.URL, Data: p.Data,
			Issuer: p.Issuer, Delegate: p.Delegate, Divisible: p.Divisible, Fixed: p.Fixed, Managed: p.Managed,
			Freezable: len(p.Freezing) > 0, Units: total, Total: total.Tokens(p.Divisible), Tainted: p.Tainted, Halted: p.Halted,
		})
	}
	if r.Property != nil && len(rows) == 0 {
		return out, refusal(tokens.ErrUnknown)
	}
	if r.Property == nil && len(rows) == limit && limit > 0 {
		out.Next = rows[limit-1].ID + 1
	}
	return out, nil
}

type balanceRequest struct {
	Property *amount.Property `json:"property_id" doc:"only this token"`
	Address  *string          `json:"address" doc:"of anyone; the wallet's own when not given"`
}

type balanceRow struct {
	Address  string          `json:"address" doc:"whose it is"`
	Property amount.Property `json:"property_id" doc:"the token's number"`
	Name     string          `json:"name" doc:"its name, as the issuer says"`
	Units    amount.Units    `json:"amount_units" doc:"how much, in the smallest units"`
	Tokens   string          `json:"amount" doc:"the same in tokens"`
	Sending  amount.Units    `json:"sending_units" doc:"of that, what transactions of ours send that are in no block yet"`
	Frozen   bool            `json:"frozen" doc:"the issuer has frozen it: it cannot be sent"`
	Tainted  bool            `json:"tainted" doc:"the balance is not to be relied on: see listassets"`
}

type balanceResponse struct {
	Height   uint32       `json:"blockheight" doc:"of the block up to which the ledger has read"`
	Balances []balanceRow `json:"balances" doc:"by token and address"`
}

func balance(ctx context.Context, n *node.Node, r balanceRequest) (out balanceResponse, err error) {
	out.Balances = []balanceRow{}
	v, height, err := n.Tokens().View(ctx)
	if err != nil {
		return out, refusal(err)
	}
	out.Height = height
	holdings, err := n.Tokens().Holdings(ctx)
	if err != nil {
		return out, refusal(err)
	}
	if r.Address != nil {
		if _, err := command.ScriptOf(n, *r.Address); err != nil {
			return out, command.Refuse(command.InvalidParams, "address: %v", err)
		}
		if holdings, err = held(ctx, n, v, *r.Address, holdings); err != nil {
			return out, err
		}
	}
	known := map[amount.Property]asset.Property{}
	for _, h := range holdings {
		if r.Property != nil && h.Property != *r.Property {
			continue
		}
		p, ok := known[h.Property]
		if !ok {
			if p, _, err = v.Asset(ctx, h.Property); err != nil {
				return out, err
			}
			known[h.Property] = p
		}
		out.Balances = append(out.Balances, balanceRow{
			Address: h.Address, Property: h.Property, Name: p.Name, Units: h.Units, Tokens: h.Units.Tokens(p.Divisible),
			Sending: h.Sending, Frozen: h.Frozen, Tainted: p.Tainted != "",
		})
	}
	return out, nil
}

// held is what one address has, which may be of the wallet.
func held(ctx context.Context, n *node.Node, v ledger.View, address string, own []tokens.Holding) (out []tokens.Holding, err error) {
	if n.Wallet().ScriptOf(address) != nil {
		return slices.DeleteFunc(own, func(h tokens.Holding) bool { return h.Address != address }), nil
	}
	rows, err := v.AssetHoldings(ctx, address)
	for _, h := range rows {
		out = append(out, tokens.Holding{OwnAsset: store.OwnAsset{Holding: h}})
	}
	return out, err
}

type historyRequest struct {
	Address string  `json:"address" doc:"of anyone"`
	Start   *uint64 `json:"start" doc:"as next of an answer before"`
	Limit   *uint32 `json:"limit" doc:"how many at the most, up to 1000, which it is when not given"`
}

type moveRow struct {
	Property amount.Property `json:"property_id" doc:"the token's number"`
	Before   amount.Units    `json:"before_units" doc:"what the address had, in the smallest units"`
	After    amount.Units    `json:"after_units" doc:"what it has then"`
}

type historyRow struct {
	Txid     string          `json:"txid,omitempty" doc:"the transaction; none: a crowdsale that was over"`
	Height   uint32          `json:"blockheight" doc:"of its block"`
	Type     uint16          `json:"type" doc:"the number of its type, such as 0: a simple send"`
	Sender   string          `json:"sender" doc:"the address that sent it"`
	To       string          `json:"reference,omitempty" doc:"the address that it names"`
	Property amount.Property `json:"property_id" doc:"the token that it names or made"`
	Units    amount.Units    `json:"amount_units" doc:"how much it moved, in the smallest units"`
	Moves    []moveRow       `json:"moves" doc:"what it changed of the address's balances, in order"`
}

type historyResponse struct {
	Transactions []historyRow `json:"transactions" doc:"in the order of the chain"`
	Next         uint64       `json:"next,omitempty" doc:"give it as start to go on: there may be more"`
}

// longestHistory bounds an answer.
const longestHistory = 1000

// A place in the chain is one number: the height and, below it, the place in the block.
const indexBits = 24

func history(ctx context.Context, n *node.Node, r historyRequest) (out historyResponse, err error) {
	out.Transactions = []historyRow{}
	v, _, err := n.Tokens().View(ctx)
	if err == nil && v != ledger.View(n.Store()) {
		err = tokens.ErrOff // a server does not tell
	}
	if err != nil {
		return out, refusal(err)
	}
	if _, err := command.ScriptOf(n, r.Address); err != nil {
		return out, command.Refuse(command.InvalidParams, "address: %v", err)
	}
	start, limit := command.Or(r.Start, 0), min(int(command.Or(r.Limit, longestHistory)), longestHistory)
	height := uint32(min(start>>indexBits, 1<<32-1)) //nolint:gosec // bounded
	rows, err := n.Store().AssetHistory(ctx, r.Address, height, uint32(start&(1<<indexBits-1)), limit)
	if err != nil {
		return out, err
	}
	for _, e := range rows {
		out.Transactions = append(out.Transactions, entry(r.Address, e))
	}
	if len(rows) == limit && limit > 0 {
		last := rows[limit-1]
		out.Next = uint64(last.Height)<<indexBits + uint64(last.Index) + 1
	}
	return out, nil
}

func entry(address string, e ledger.Entry) historyRow {
	row := historyRow{
		Height: e.Height, Type: e.Type, Sender: e.Sender, To: e.Reference, Property: e.Property, Units: e.Units, Moves: []moveRow{},
	}
	if e.TxID != [32]byte{} {
		row.Txid = e.TxID.String()
	}
	for _, m := range e.Moves {
		if m.Address == address {
			row.Moves = append(row.Moves, moveRow{m.Property, m.Before, m.After})
		}
	}
	return row
}

// Commands are those of tokens.
var Commands = slices.Concat(sendCommands, rateCommands, offerCommands, channelCommands, []command.Command{
	command.Define(command.Spec{
		Name: "listassets", Group: "assets", Short: "list tokens",
		Long:   "Lists the tokens that were issued, up to the block that the ledger has read.",
		Errors: []command.Code{command.AssetsOff, command.AssetUnknown, command.Failed}, Examples: []string{"listassets", "listassets 31"},
	}, list),
	command.Define(command.Spec{
		Name: "assetbalance", Group: "assets", Short: "show who has tokens",
		Long:   "Shows what the wallet's addresses have of tokens, or another address. Tokens are there when their transaction is in a block.",
		Errors: []command.Code{command.AssetsOff, command.Failed}, Examples: []string{"assetbalance", "assetbalance 31 3F2pXMKZJ2LGdbRuyZ4rhkPu6AU2eXiEBD"},
	}, balance),
	command.Define(command.Spec{
		Name: "listassettransactions", Group: "assets", Short: "list what changed an address's tokens",
		Long:   "Lists the transactions that changed what an address has of tokens, in the order of the chain.",
		Errors: []command.Code{command.AssetsOff, command.Failed}, Examples: []string{"listassettransactions 3F2pXMKZJ2LGdbRuyZ4rhkPu6AU2eXiEBD"},
	}, history),
})

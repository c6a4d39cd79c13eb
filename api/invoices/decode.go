package invoices

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/node"
)

type decodeRequest struct {
	String string `json:"string" doc:"the invoice, or the rune"`
}

type decodedHint struct {
	Pubkey    wire.NodeID         `json:"pubkey" doc:"the node at which a payment enters the channel"`
	SCID      wire.ShortChannelID `json:"short_channel_id" doc:"the channel"`
	FeeBase   uint32              `json:"fee_base_msat" doc:"its fee"`
	FeePPM    uint32              `json:"fee_proportional_millionths" doc:"the part of it that grows with the amount"`
	CLTVDelta uint16              `json:"cltv_expiry_delta" doc:"blocks that it asks for"`
}

type decodedFallback struct {
	Type string `json:"type" doc:"P2PKH, P2SH, P2WPKH, P2WSH, P2TR or the witness version"`
	Addr string `json:"addr" doc:"the address"`
	Hex  string `json:"hex" doc:"its output script in hexadecimal"`
}

func showFallback(f bolt11.Fallback, n bolt11.Network) decodedFallback {
	out := decodedFallback{Type: fmt.Sprintf("witness version %d", f.Version), Addr: f.Address(n), Hex: hex.EncodeToString(f.Script())}
	switch {
	case f.Version == bolt11.PubKeyHash:
		out.Type = "P2PKH"
	case f.Version == bolt11.ScriptHash:
		out.Type = "P2SH"
	case f.Version == 0 && len(f.Program) == 20:
		out.Type = "P2WPKH"
	case f.Version == 0:
		out.Type = "P2WSH"
	case f.Version == 1 && len(f.Program) == 32:
		out.Type = "P2TR"
	}
	return out
}

type decodeResponse struct {
	Type  string `json:"type" doc:"bolt11 invoice, omnibolt invoice (one in an asset), or rune"`
	Valid bool   `json:"valid" doc:"true: an invoice's checksum and signature are right; of a rune, that it can be read"`
	*DecodedInvoice
	*DecodedRune
}

// DecodedInvoice is what an invoice says.
type DecodedInvoice struct {
	Currency        string               `json:"currency" doc:"the network: bc, tb, tbs or bcrt"`
	CreatedAt       uint64               `json:"created_at" doc:"unix seconds"`
	Expiry          uint64               `json:"expiry" doc:"seconds after created_at"`
	Payee           wire.NodeID          `json:"payee" doc:"who signed it"`
	Amount          *amount.MilliSatoshi `json:"amount_msat,omitempty" doc:"what is asked for; absent: any"`
	Property        *amount.Property     `json:"property_id,omitempty" doc:"the asset, an Omni Layer property; 0: bitcoin"`
	Asset           string               `json:"asset,omitempty" doc:"the asset's name, as its issuer says; absent: the ledger of this node does not know it"`
	Units           amount.Units         `json:"amount_units,omitempty" doc:"what is asked for in the asset's smallest unit; absent: any"`
	Tokens          string               `json:"amount,omitempty" doc:"the same in tokens, where the ledger of this node knows the asset"`
	Refundable      bool                 `json:"refundable,omitempty" doc:"true: marked so by the payee"`
	PaymentHash     wire.PaymentHash     `json:"payment_hash" doc:"SHA256 of the preimage"`
	Description     *string              `json:"description,omitempty" doc:"what is paid for"`
	DescriptionHash string               `json:"description_hash,omitempty" doc:"SHA256 of the description"`
	MinFinalCLTV    uint32               `json:"min_final_cltv_expiry" doc:"blocks that the last HTLC must have left"`
	PaymentSecret   string               `json:"payment_secret,omitempty" doc:"to be shown to the payee"`
	Features        string               `json:"features" doc:"feature bits in hexadecimal"`
	Fallbacks       []decodedFallback    `json:"fallbacks,omitempty" doc:"addresses on-chain, most preferred first"`
	Routes          [][]decodedHint      `json:"routes,omitempty" doc:"ways to a payee without announced channels"`
	PaymentMetadata string               `json:"payment_metadata,omitempty" doc:"to be given back to the payee, in hexadecimal"`
	Signature       string               `json:"signature" doc:"the payee's, DER in hexadecimal"`
}

func decodeInvoice(ctx context.Context, n *node.Node, r decodeRequest) (decodeResponse, error) {
	out, err := decodeBill(ctx, n, r.String)
	if err == nil {
		return out, nil
	}
	// A rune may begin as an invoice does, and an invoice with an error in it must not be
	// taken for a rune that cannot be read.
	bill := strings.ToLower(r.String)
	if of, ok := decodeRune(r.String); ok && (of.Valid || !strings.HasPrefix(bill, "ln") && !strings.HasPrefix(bill, "ob")) {
		return of, nil
	}
	return out, err
}

// decodeBill decodes an invoice of BOLT 11's form or of OmniBOLT's.
func decodeBill(ctx context.Context, n *node.Node, s string) (decodeResponse, error) {
	inv, err := obolt.Read(s)
	if err != nil {
		return decodeResponse{}, command.Refuse(command.InvalidParams, "%v", err)
	}
	out, err := decoded(&inv.Invoice)
	if err != nil || !strings.EqualFold(s[:2], "ob") {
		return out, err
	}
	all := command.AssetsOf(ctx, n)
	out.Type, out.Property, out.Units, out.Refundable = "omnibolt invoice", &inv.Property, inv.Units, inv.Refundable
	out.Asset, out.Tokens = all.Show(inv.Property).Name, all.Tokens(inv.Property, inv.Units)
	return out, nil
}

func decoded(inv *bolt11.Invoice) (decodeResponse, error) {
	out := DecodedInvoice{
		Currency: strings.TrimPrefix(string(inv.Network), "ln"), CreatedAt: inv.Timestamp,
		Expiry: inv.Expiry, Payee: inv.Payee, Amount: inv.Amount, PaymentHash: inv.PaymentHash, Description: inv.Description,
		MinFinalCLTV: inv.MinFinalCLTVExpiryDelta,
		Features:     hex.EncodeToString(inv.Features), PaymentMetadata: hex.EncodeToString(inv.Metadata),
	}
	if inv.PaymentSecret != [32]byte{} { // OmniBOLT's may have none
		out.PaymentSecret = hex.EncodeToString(inv.PaymentSecret[:])
	}
	if inv.DescriptionHash != nil {
		out.DescriptionHash = hex.EncodeToString(inv.DescriptionHash[:])
	}
	sig, err := inv.Signature.ECDSA()
	if err != nil {
		return decodeResponse{}, command.Refuse(command.InvalidParams, "%v", err)
	}
	out.Signature = hex.EncodeToString(sig.Serialize())
	for _, f := range inv.Fallbacks {
		out.Fallbacks = append(out.Fallbacks, showFallback(f, inv.Network))
	}
	for _, path := range inv.Hints {
		var hints []decodedHint
		for _, h := range path {
			hints = append(hints, decodedHint{h.NodeID, h.SCID, h.FeeBaseMsat, h.FeeProportionalMillionths, h.CLTVExpiryDelta})
		}
		out.Routes = append(out.Routes, hints)
	}
	return decodeResponse{Type: "bolt11 invoice", Valid: true, DecodedInvoice: &out}, nil
}

package payments

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
)

// paidTokens is what was paid in an asset: its bitcoin only carries it.
type paidTokens struct {
	command.Asset
	Units      amount.Units `json:"amount_units,omitempty" doc:"of a payment in an asset: what arrives, in its smallest units"`
	Tokens     string       `json:"amount,omitempty" doc:"the same in tokens"`
	UnitsSent  amount.Units `json:"amount_sent_units,omitempty" doc:"with fees"`
	TokensSent string       `json:"amount_sent,omitempty" doc:"the same in tokens"`
}

func showTokens(all *command.Assets, property amount.Property, units, sent amount.Units) paidTokens {
	return paidTokens{
		Asset: all.Show(property), Units: units, Tokens: all.Tokens(property, units), UnitsSent: sent, TokensSent: all.Tokens(property, sent),
	}
}

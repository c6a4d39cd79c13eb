package web

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/channels"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// quiet gives the node a command, which the page shows if the node obeys: what a node
// without a ledger refuses is not what a page is about.
func (v *visit) quiet(out any, name string, params ...string) error {
	args := pairs(params)
	err := v.call(v.ctx(), out, name, args...)
	if err == nil {
		v.lines = append(v.lines, v.s.line(name, args))
	}
	return err
}

// held are the tokens that the node has, or has channels for.
func (v *visit) held(rows []channelRow) tokens.Held { return tokens.Read(v.quiet, rows) }

// Held is for the pages of other rooms.
func (v *visit) Held() (tokens.Held, error) {
	rows, err := v.listChannels()
	return v.held(rows), err
}

// token is what a property is like.
func (v *visit) token(id amount.Property) tokens.Asset { return tokens.Look(v.quiet, id) }

// choice is a token that a form offers beside the units of bitcoin.
type choice struct{ Value, Title string }

// choices are the tokens of a form, with one that was chosen before.
func choices(w *words.Words, held *tokens.Held) (out []choice) {
	for _, t := range held.Tokens {
		out = append(out, choice{tokens.Unit(t.ID), t.Title(w)})
	}
	return out
}

// usual is the unit that a form begins with: a token where the channels carry nothing
// else.
func usual(funds channels.Funds, held *tokens.Held) string {
	if funds.Bitcoin == 0 {
		for _, t := range held.Tokens {
			if t.Channels > 0 {
				return tokens.Unit(t.ID)
			}
		}
	}
	return words.AmountUnits[0]
}

package enforce

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// SpendRow is a confirmed transaction that spends a channel's funding output, or an
// output of such a transaction, as [Facts] need it. Key: Channel and the
// transaction's id.
type SpendRow struct {
	Channel wire.ChannelID
	Height  uint32 // of its block
	Tx      *btcwire.MsgTx
}

// Table implements durable.Row.
func (SpendRow) Table() string { return "spends" }

// UnspendRow takes back every [SpendRow] of a block from Height up.
type UnspendRow struct{ Height uint32 }

// Table implements durable.Row.
func (UnspendRow) Table() string { return "spends" }

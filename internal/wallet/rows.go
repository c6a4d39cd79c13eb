package wallet

import (
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
)

// Kind is a kind of address: the purpose of its key's path (BIP 43).
type Kind uint32

// The kinds of address.
const (
	Token  Kind = 49 // BIP 49, P2WPKH in P2SH: for tokens, whose rules take it on every network
	P2WPKH Kind = 84 // BIP 84
	P2TR   Kind = 86 // BIP 86, spent by key
)

// Branches of an account's keys (BIP 44).
const (
	Receive uint32 = iota // addresses that are given to others
	Change                // addresses of the wallet's own change
)

// AddressRow is an address that was given out. Key: Kind, Branch and Index. It
// never changes.
type AddressRow struct {
	Kind          Kind
	Branch, Index uint32
	Script        []byte
	Address       string
}

// Table implements durable.Row.
func (AddressRow) Table() string { return "wallet_addresses" }

// CoinRow is an output that pays one of our addresses. Key: OutPoint. It is
// written whole.
type CoinRow struct {
	OutPoint btcwire.OutPoint
	Value    amount.Satoshi
	Script   []byte
	Coinbase bool
	Height   uint32 // of its block; zero: in none

	SpentBy     chainhash.Hash // of the transaction that spends it; zero: none
	SpentHeight uint32         // of that transaction's block; zero: in none

	ReservedFor   string // what for; empty: not reserved
	ReservedUntil uint32 // height of the last block at which the reservation holds
}

// Table implements durable.Row.
func (CoinRow) Table() string { return "wallet_coins" }

// TxRow is a transaction that we published or are to publish, or one of others in a block
// that moved a coin of ours. Key: Txid. It is written whole.
type TxRow struct {
	Txid      chainhash.Hash
	Number    uint64 // counts transactions from 1 up
	Raw       []byte // as broadcast, with its witnesses
	Label     string // why we made it; empty: others did
	Height    uint32 // of its block; zero: in none
	Place     uint32 // in its block, from 1 up; zero: in none, or not known
	Conflict  uint32 // height of the first block that spends an input of it otherwise; zero: none
	Abandoned bool   // it is not ours to broadcast: it was given up, is only prepared, or others made it
}

// Table implements durable.Row.
func (TxRow) Table() string { return "wallet_txs" }

// TipRow is the last block that was connected. There is one.
type TipRow struct {
	Height  uint32
	Highest uint32 // ever: what is [Depth] below it is settled for good
}

// Table implements durable.Row.
func (TipRow) Table() string { return "wallet_tip" }

// Rows is all that is stored of a wallet. Coins spent and transactions confirmed
// more than [Depth] blocks ago may be missing.
type Rows struct {
	Tip       TipRow
	Addresses []AddressRow
	Coins     []CoinRow
	Txs       []TxRow
	Number    uint64 // of the last transaction, in Txs or not
}

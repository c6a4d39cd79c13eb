// Package wallet keeps the node's coins on-chain: addresses, what was paid to
// them, and transactions that spend it. Coin selection and sizes are txauthor's;
// the coins themselves are rows of ours, so that they change in the same
// transaction as channels do.
//
// Every change is a [durable.Pending]: an address is seen only when its row is
// on disk (else a payment to it would be lost), a transaction only when the
// coins that it spends are reserved there. A funding transaction lives so:
//
//	pending, err := w.Fund(wallet.Request{Outputs: outs, FeePerKw: rate, For: id})
//	funded, err := pending.Commit(ctx, store)   // signed, inputs reserved, txid known
//	...                                         // the peer signs our first commitment
//	both := durable.Join(channel, w.Publish(funded.Tx, "channel "+id))
//	_, err = both.Commit(ctx, store)            // the channel and the spend, as one
//	source.Broadcast(ctx, funded.Tx)            // and each block: w.Unconfirmed()
//
// or ends with w.Release(id). Blocks come in by [Wallet.Connect] and
// [Wallet.Disconnect], in order, reorgs of up to [Depth] blocks included.
//
// Invariant. What the wallet owns is a function of three facts only: the blocks
// connected, the transactions published and not abandoned, and the addresses
// given out. A coin counts when the transaction that made it is in a block, or
// is ours and can still confirm; it is spent when a transaction in a block, or
// one of ours that can still confirm, spends it. A reorg or a double spend
// changes the facts, and all else follows (see settle). Rows are the whole
// truth: [Load] of the rows gives the same wallet.
//
// A wallet that came back without its rows ([Config.Ahead]) looks for addresses beyond
// those that it knows to be given out. A coin gives its address out, with those below,
// in the write that has the coin. An index is given out once by a wallet: what the one
// before the loss gave out and nobody paid may be given out again, so that the next
// address is never further from the last one paid than a restore looks.
//
// Methods may be called from several goroutines.
package wallet

// Package sweep gets what is ours out of closed channels. Package enforce says at
// each block which outputs are to be taken ([enforce.Claim]); this room makes
// transactions of them and sees to it that they confirm in time:
//
//	s := sweep.New(sweep.Config{Wallet: w, Chain: source, Signer: keys, Writer: db, …})
//	go s.Run(ctx)
//	s.Work(sweep.Work{Height: tip, Claims: claims, Parents: commitments}) // at each block
//
// [Next] is the pure half: from the claims, the transactions of ours that are on
// their way and the feerates of the day it tells which transactions to make. What
// may be taken together is taken together, what the other side could hold up alone.
// A claim with a deadline starts at the estimate for the blocks that are left; in
// the last [urgent] of them its feerate rises, block by block, up to what the output
// is worth to us. A transaction is replaced when its claims ask for clearly more
// than it pays, and pays more than what it replaces (BIP 125). When one of its claims
// must stand apart by now, or cannot bear the hurry of the others, it goes on without:
// the rest is taken by the next call. No claim costs more than its budget; what is
// worth less than its fee waits for better days. When coins of the wallet are needed
// and are few, a transaction pays as much as there is; what cannot be paid for at all is
// told to the log once, and shown ([Sweeper.Shorts]).
//
// Nothing is remembered here: what is on its way are the wallet's transactions,
// durable before they are broadcast, offered again at each block, and alive until a
// block has spent their inputs otherwise. A restart and a reorganization are no
// special cases. What claims an output that can never be, of a commitment that has
// lost, is given up: it would hold coins for ever.
//
// What has tokens goes alone: a transaction moves those of its first input's address. They
// go to an address of the wallet's for tokens, and coins of the wallet pay for it; what the
// peer signed whole goes as it is, at the feerate at which it was signed.
//
// A commitment that is in no block pays for itself by the feerate at which it was
// signed. When that is too low a child spends its anchor with coins of the wallet
// and pays for both ([Parent]). Both are offered as a package, again at each block.
// The wallet keeps coins back for it ([wallet.Reserve]).
package sweep

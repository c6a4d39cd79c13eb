// Package tokens runs the ledger of the Omni Layer beside the node, and makes the
// transactions that issue and send tokens on-chain.
//
//	s, err := tokens.Open(ctx, tokens.Config{…})
//	w, err := wallet.Load(wallet.Config{Holds: s.Holds, …}, rows)
//	s.Use(w)
//	go s.Run(ctx)
//	sent, err := s.Send(ctx, tokens.Order{…})
//
// The ledger has a loop of its own over the chain source: it neither waits for the node
// nor keeps it waiting. When something fails it is thrown away and loaded from its rows
// again, with a line in the log.
//
// Tokens belong to addresses, and an address can move them only with a coin. So a coin at
// an address that has tokens is kept apart (wallet.Coin.Apart): payments do not spend it,
// and what sends tokens leaves a coin behind as long as some are left.
//
// A transaction of ours is tried on the ledger before it is signed, behind those of ours
// that no block has yet, by the rules that will judge it in its block: what would do
// nothing is refused.
package tokens

// Package neutrino reads the chain as a light client (BIP 157 and 158): it has
// the headers of all blocks, asks its peers for a filter of each block, and for a
// block only when its filter says that it has what is watched.
//
//	s, err := neutrino.Open(neutrino.Config{Dir: dir, Network: params, Log: log})
//	defer s.Close()
//	err = s.Ready(ctx) // waits until the headers are there
//
// Headers, filters and the peers' addresses are kept in the folder; all of it can
// be had again from the network.
//
// What a light client cannot do: it sees no mempool and no fees but those of the
// blocks that it has read; it learns that a transaction was refused only from
// peers that say so, which bitcoind does not, and believes most of them but no single
// stranger; it notices that an output which it does not watch is spent only where
// that happened lately. What others spend, which a ledger of tokens has to know,
// nobody tells it. Whose output it is asked for, a whole block is read for it: blocks
// of 40 MB in all are kept, so that several outputs of one cost one.
//
// A chain whose last block is older than a day looks unfinished to it: filters are
// asked for once there is a younger block. That happens on a regtest only.
package neutrino

// Package bitcoind reads the chain from a bitcoind, or from anything that answers
// its JSON-RPC, such as the chain of a running demonstration.
//
//	s, err := bitcoind.New(bitcoind.Config{URL: "http://127.0.0.1:8332", Cookie: path, Log: log})
//	network, err := s.Ready(ctx) // waits for a server that is late
//
// New blocks are waited for with waitforblockheight where the server has it, and
// asked for every second where not. A server that is late, starts, restarts,
// downloads the chain or reindexes is waited for, with a line in the log at each
// change: the node goes on with what it knows. Blocks that such a server has not
// yet are not taken for blocks that are gone. A pruned server is asked to get an
// old block from its peers again. The cookie file is read when it is needed, and
// again when the server says that it has changed.
package bitcoind

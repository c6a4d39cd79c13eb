// Package bitcoind reads the chain from a bitcoind, or from anything that answers
// its JSON-RPC, such as the chain of a running demonstration.
//
//	s, err := bitcoind.New(bitcoind.Config{URL: "http://user:password@127.0.0.1:18443", Log: log})
//	err = s.Ready(ctx) // waits for a server that is late
//
// New blocks are waited for with waitforblockheight where the server has it, and
// asked for every second where not. A server that is late, restarts or reindexes
// is waited for, with a line in the log when it goes and when it is back: the node
// goes on with what it knows. The cookie file is read again when the server says
// that it has changed.
package bitcoind

// Package regtest is a bitcoin regtest chain inside the process, made of btcd's
// own block chain, mempool and block template packages: every block and script
// is validated in full, and the mempool refuses what a default node refuses. The
// demonstration and the tests run on it.
//
//	c, err := regtest.Open(dir) // "" keeps nothing
//	defer c.Close()
//	err = c.Mine(101, nil)                  // to the chain's own miner
//	txid, err := c.Send(script, 1_000_000)  // from the miner's coins
//	err = c.Mine(1, nil)
//
// A [Chain] is a [chain.Source]. [Chain.Serve] lets it answer the bitcoind RPCs
// that a node needs, so that another process joins it as it would a bitcoind.
//
// Nothing happens on its own: a block is there when somebody mines one.
package regtest

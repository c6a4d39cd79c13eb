// Package node is a Lightning node as a library: it puts the rooms together,
// starts them in order and stops them.
//
//	n, err := node.Open(ctx, node.Config{Dir: dir, Network: &chaincfg.RegressionNetParams, Source: source})
//	defer n.Close()
//	row, err := n.Receiver().Create(ctx, invoice)
//
// The order of a start: the rows are read; every machine is made from them; then
// the loops begin, those of channels first, then invoices, payments, the chain and
// at last the connections. So what was unfinished is known before anybody can add
// to it.
//
// A write that fails ends the process (Config.Fatal): what is in memory is ahead
// of the disk, and nobody has been told.
package node

package api

import "slices"

// table is every command, in the order of help. It is a function's result because
// help lists the table.
var table []Command

func init() {
	table = slices.Concat(
		invoiceCommands, payCommands, receiptCommands, channelCommands, peerCommands, walletCommands, sendCommands, graphCommands,
		messageCommands, nodeCommands(),
	)
}

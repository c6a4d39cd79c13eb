// Package backing watches whether the tokens of channels are where they should be, and can
// be moved. A funding transaction may leave the chain with a reorganization, however deep it
// was, and what the ledger says of the channel's address or its token may change. Then
// nothing goes over the channel, an alarm is in the log, and lists and payers hear why, until
// the reason is gone.
//
//	j := backing.New(cfg)
//	j.Look(ctx)                        // after each block, and each that the ledger has read
//	err = j.Explain(property, err)     // to who found no way
package backing

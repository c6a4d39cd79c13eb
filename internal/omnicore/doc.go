// Package omnicore asks an Omni Core server for what the ledger would know: balances and
// properties, by the rules in full. It is for mainnet, where rules that Leyden does not
// have move tokens too.
//
//	v := omnicore.New(server) // a bitcoind.Source of the server's RPC
//	held, err := v.AssetHoldings(ctx, address)
//
// Source of the fields: src/omnicore/doc/rpc-api.md and rpc.cpp of Omni Core 0.12.
package omnicore

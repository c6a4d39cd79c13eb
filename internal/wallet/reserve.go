package wallet

import "github.com/leyden-ln/leyden/amount"

// What is kept on-chain for channels with anchors. Such a channel's commitment pays
// by the feerate of the day on which it was signed; on a worse day a child pays the
// rest with coins of the wallet, and an HTLC transaction pays nothing by itself. A
// commitment, its child and one HTLC transaction weigh 2,500 together: 10,000 satoshi
// pay 16 for a virtual byte. Not all channels fail on the same day: ten are enough.
const (
	reservePerChannel amount.Satoshi = 10_000
	reserveMost       amount.Satoshi = 100_000
)

// Reserve is what the wallet keeps back for so many channels: for [Request.Keep].
// Claims ([Wallet.Top]) may spend it.
func Reserve(channels int) amount.Satoshi {
	return min(amount.Satoshi(max(channels, 0))*reservePerChannel, reserveMost) //nolint:gosec // not negative
}

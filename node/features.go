package node

import (
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Features are those of the init of every node, and of its node_announcement beside one:
// exactly those that work (BOLT 9).
func Features() wire.Features {
	return wire.NewFeatures(
		wire.DataLossProtect+1, wire.UpfrontShutdownScript+1, wire.GossipQueries+1, wire.VarOnion,
		wire.GossipQueriesEx+1,
		wire.StaticRemoteKey, wire.PaymentSecret, wire.BasicMPP+1, wire.LargeChannels+1,
		wire.AnchorsZeroFeeHTLC+1, wire.ShutdownAnySegwit+1, wire.ChannelType+1, wire.SCIDAlias+1, wire.ZeroConf+1,
		wire.AttributionData+1, wire.SimpleClose+1, wire.ProvideStorage+1,
	)
}

// announced are the features of our node_announcement: those of our init, and that we
// take payments without an invoice, which bLIP 2 has there only.
func (n *Node) announced() wire.Features { return n.Features().With(wire.Keysend + 1) }

// Features are those of this node's init, and what a peer may require of us: channels with
// tokens are among them where there is a ledger that they can rely on.
func (n *Node) Features() wire.Features {
	if n.tokens.Carries() {
		return Features().With(wire.OptionOmniAsset + 1)
	}
	return Features()
}

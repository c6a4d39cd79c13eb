package graph

import "github.com/leyden-ln/leyden/bolt/wire"

// knownOfNodes are the features of nodes that BOLT 9 defines: who requires one of
// them can be part of a route, whether we have it or not.
var knownOfNodes = wire.NewFeatures(
	wire.DataLossProtect, wire.UpfrontShutdownScript, wire.GossipQueries, wire.VarOnion, wire.GossipQueriesEx,
	wire.StaticRemoteKey, wire.PaymentSecret, wire.BasicMPP, wire.LargeChannels, wire.AnchorsZeroFeeHTLC,
	wire.RouteBlinding, wire.ShutdownAnySegwit, wire.DualFund, wire.Quiescence, wire.AttributionData,
	wire.OnionMessages, wire.ZeroFeeCommitments, wire.ProvideStorage, wire.ChannelType, wire.SCIDAlias,
	wire.PaymentMetadata, wire.ZeroConf, wire.SimpleClose, wire.Splice,
)

// strangeNode says whether a node requires what is not known here.
//
// BOLT 7: "MUST NOT route a payment _through_ the node."
func strangeNode(f wire.Features) bool {
	_, bad := f.UnknownMandatory(knownOfNodes)
	return bad
}

// strangeChannel says the same of a channel, for which BOLT 9 defines no feature.
//
// BOLT 7: "MUST NOT attempt to route messages through the channel."
func strangeChannel(f wire.Features) bool {
	_, bad := f.UnknownMandatory(nil)
	return bad
}

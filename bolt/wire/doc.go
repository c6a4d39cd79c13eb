// Package wire reads and writes the messages of BOLT 1, 2 and 7, and the feature
// bits of BOLT 9.
//
// The fields of a message are declared once, in its fields method, which lists
// them in the order of the specification to a codec. The codec writes them, reads
// them or prints them, so encoding, decoding and traces cannot disagree:
//
//	func (m *UpdateFee) fields(c *codec) {
//		c.channelID("channel_id", &m.ChannelID)
//		c.u32("feerate_per_kw", &m.FeeratePerKw)
//		c.extension(&m.Extra)
//	}
//
// [Decode] takes whatever a peer sends: it never panics, copies what it keeps,
// refuses points that are not on the curve, TLV streams that are not canonical
// and unknown even TLV types. Unknown odd types are kept in a message's Extra and
// written again, so that gossip can be passed on byte for byte. A message of an
// unknown type becomes an [Unknown].
//
// Gossip of channels with tokens, which no BOLT has, is read by [DecodeAsset] once the
// feature is negotiated; to others its messages are [Unknown].
//
// Amounts are those of package amount, numbers are big-endian on the wire.
package wire

package terms

import (
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// A channel has up to three names: its short_channel_id, once it is in a block; the
// alias that we gave the peer, by which the peer asks us to forward over it; and the
// alias that the peer gave us, which goes into our invoices and into the
// channel_update that we send to the peer.

// Hides says whether a channel's short_channel_id is for its two nodes only.
//
// BOLT 2: "if `channel_type` has `option_scid_alias` set: - MUST NOT use the real
// `short_channel_id` in BOLT 11 `r` fields."
func Hides(p channel.ParamsRow) bool { return p.ChannelType.Bit(int(wire.SCIDAlias)) }

// LocalID is the name under which the graph has our terms of a channel, and routes
// begin: that of its announcement, or else the alias that we gave the peer; the
// short_channel_id when there is no alias. Zero: it has none yet.
func LocalID(p channel.ParamsRow, s channel.StatusRow) wire.ShortChannelID {
	if p.LocalAlias != 0 && (!p.Announce || s.SCID == 0) {
		return p.LocalAlias
	}
	return s.SCID
}

// RemoteID is a name that the peer takes for the channel, from us and from those
// who read our invoices. Zero: there is none.
//
// BOLT 7: "MUST set the `short_channel_id` to either an `alias` it has received
// from the peer, or the real channel `short_channel_id`."
func RemoteID(p channel.ParamsRow, s channel.StatusRow) wire.ShortChannelID {
	switch {
	case s.RemoteAlias != 0 && (!p.Announce || s.SCID == 0):
		return s.RemoteAlias
	case Hides(p):
		return 0
	}
	return s.SCID
}

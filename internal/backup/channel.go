package backup

import (
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Of is what is kept of a channel.
func Of(p *channel.ParamsRow, s *channel.StatusRow, addresses []string) Channel {
	return Channel{
		Peer: p.Peer, Addresses: addresses, KeyIndex: p.KeyIndex, Funding: p.Funding, Capacity: p.Capacity,
		LocalIsOpener: p.LocalIsOpener, Announce: p.Announce, Type: p.ChannelType, Format: p.Format, RemoteKeys: p.RemoteKeys,
		LocalDelay: p.LocalLimits.ToSelfDelay, RemoteDelay: p.RemoteLimits.ToSelfDelay,
		LocalScript: p.LocalScript, LocalAlias: p.LocalAlias, SCID: s.SCID,
		Property: p.Property, Tokens: p.Tokens,
	}
}

// Lost is why a channel that comes from a backup has failed, as its peer hears it.
const Lost = "we have lost our database: please broadcast your commitment transaction"

// feePerKw stands for the feerate of commitments that are not known.
const feePerKw = 253

// Rows are those of a channel whose state was lost. The basepoints are ours, of the
// channel's keys.
func (c *Channel) Rows(ours script.Basepoints) channel.Rows {
	id := c.ID()
	return channel.Rows{
		Params: channel.ParamsRow{
			Channel: id, Peer: c.Peer, KeyIndex: c.KeyIndex, LocalIsOpener: c.LocalIsOpener, Announce: c.Announce,
			ChannelType: c.Type, Format: c.Format, Funding: c.Funding, Capacity: c.Capacity,
			// No depth is waited for: a channel that waits for its funding output is
			// forgotten after a while, and this one may have waited before.
			MinimumDepth: 0,
			LocalKeys:    ours, RemoteKeys: c.RemoteKeys,
			LocalLimits:  channel.Limits{ToSelfDelay: c.LocalDelay},
			RemoteLimits: channel.Limits{ToSelfDelay: c.RemoteDelay},
			LocalScript:  append([]byte{}, c.LocalScript...), LocalAlias: c.LocalAlias,
			Property: c.Property, Tokens: c.Tokens,
		},
		State: channel.StateRow{
			Channel: id, FeeIrrevocable: feePerKw,
			// Any point will do: their commitments cannot be built, but their outputs are
			// looked for under points of every number.
			CurrentPoint: c.RemoteKeys.Payment,
		},
		Status:     channel.StatusRow{Channel: id, Status: channel.Lost, Failure: Lost, SCID: c.SCID},
		Commitment: channel.CommitmentRow{Channel: id},
	}
}

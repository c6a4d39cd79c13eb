package pay

import (
	"encoding/binary"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Hop is one HTLC of a route, seen from the node that receives it.
type Hop struct {
	NodeID     wire.NodeID         // the receiving node
	SCID       wire.ShortChannelID // the channel that carries the HTLC to it
	Amount     amount.MilliSatoshi // of the HTLC
	CLTVExpiry uint32              // of the HTLC: a block height
	Units      amount.Units        // of the payment's asset that the HTLC carries; 0: it pays bitcoin
}

// Route is the HTLCs of one attempt in order: the first is offered by us, the
// last arrives at the destination.
type Route []Hop

// Sent is the amount of the HTLC that we offer.
func (r Route) Sent() amount.MilliSatoshi { return r[0].Amount }

// Delivered is the amount that arrives.
func (r Route) Delivered() amount.MilliSatoshi { return r[len(r)-1].Amount }

// SentUnits is what the HTLC that we offer carries, and DeliveredUnits what arrives.
func (r Route) SentUnits() amount.Units { return r[0].Units }

// DeliveredUnits is what arrives.
func (r Route) DeliveredUnits() amount.Units { return r[len(r)-1].Units }

// Exclusion is a node, or one direction of a channel, that a route must not use.
type Exclusion struct {
	Node      wire.NodeID // zero: the channel counts
	SCID      wire.ShortChannelID
	Direction uint8 // 0 or 1, as in channel_update's channel_flags
}

const exclusionSize = 33 + 8 + 1

// appendExclusions appends the compact form of exclusions, and of the amount of which a
// payment is a part; zero: it is all of it.
func appendExclusions(b []byte, list []Exclusion, whole amount.MilliSatoshi) []byte {
	for _, e := range list {
		b = append(b, e.Node[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(e.SCID))
		b = append(b, e.Direction)
	}
	if whole != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(whole))
	}
	return b
}

var errExclusions = errors.New("a stored list of exclusions ends in the middle")

func decodeExclusions(b []byte) (list []Exclusion, whole amount.MilliSatoshi, err error) {
	switch len(b) % exclusionSize {
	case 0:
	case 8:
		whole = amount.MilliSatoshi(binary.BigEndian.Uint64(b[len(b)-8:]))
		b = b[:len(b)-8]
	default:
		return nil, 0, errExclusions
	}
	for ; len(b) > 0; b = b[exclusionSize:] {
		list = append(list, Exclusion{
			Node:      wire.NodeID(b[:33]),
			SCID:      wire.ShortChannelID(binary.BigEndian.Uint64(b[33:])),
			Direction: b[41],
		})
	}
	return list, whole, nil
}

// direction is the bit of channel_flags for the way from one node to the other
// (BOLT 7): 0 from the lesser node id.
func direction(from, to wire.NodeID) uint8 {
	if string(from[:]) < string(to[:]) {
		return 0
	}
	return 1
}

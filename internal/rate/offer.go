package rate

import (
	"encoding/binary"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Offer is a rate of another node, as a payer knows it.
type Offer struct {
	Rate
	Node    wire.NodeID
	Carrier amount.MilliSatoshi // the least that goes on with tokens; zero: not known
}

const offerSize = 33 + 4 + 4*8 + 2*8 + 2 + 8

// Append appends the offer's form on disk.
func (o *Offer) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, o.Node[:]...), uint32(o.Property))
	for _, v := range []uint64{
		uint64(o.Sell.Msat), uint64(o.Sell.Units), uint64(o.Buy.Msat), uint64(o.Buy.Units), uint64(o.Least), uint64(o.Most), uint64(o.Carrier),
	} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return binary.BigEndian.AppendUint16(b, o.Blocks)
}

var errOffer = errors.New("a stored offer ends in the middle")

// ReadOffer reads what [Offer.Append] gave, and gives what follows.
func ReadOffer(b []byte) (o Offer, rest []byte, err error) {
	if len(b) < offerSize {
		return o, nil, errOffer
	}
	o.Node, b = wire.NodeID(b[:33]), b[33:]
	o.Property, b = amount.Property(binary.BigEndian.Uint32(b)), b[4:]
	next := func() (v uint64) {
		v, b = binary.BigEndian.Uint64(b), b[8:]
		return v
	}
	o.Sell = Price{amount.MilliSatoshi(next()), amount.Units(next())}
	o.Buy = Price{amount.MilliSatoshi(next()), amount.Units(next())}
	o.Least, o.Most, o.Carrier = amount.Units(next()), amount.Units(next()), amount.MilliSatoshi(next())
	o.Blocks = binary.BigEndian.Uint16(b)
	return o, b[2:], nil
}

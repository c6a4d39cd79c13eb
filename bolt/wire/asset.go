package wire

import (
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/tlv"
)

// The records of asset channels, all odd and of no BOLT
// (docs/decisions/0009-tokens-in-a-channel.md).
const (
	assetOpen  = 65601 // open_channel, accept_channel
	assetDelay = 65603 // funding_created, funding_signed, commitment_signed
	assetHTLC  = 65605 // update_add_htlc
)

// OptionOmniAsset is the feature of channels that carry tokens of the Omni Layer; of no
// BOLT.
const OptionOmniAsset FeatureBit = 270

func (c *codec) property(p *amount.Property) { c.u32("property_id", (*uint32)(p)) }

func (c *codec) tokens(name string, p *amount.Units) { c.u64(name, (*uint64)(p)) }

// fields are in the order of the record.
func (l *AssetLimits) fields(c *codec) {
	c.tokens("asset_reserve", &l.Reserve)
	c.tokens("htlc_minimum_asset", &l.HTLCMinimum)
	c.tokens("max_asset_in_flight", &l.MaxInFlight)
	c.u8("max_asset_receivers", &l.MaxReceivers)
	c.u8("asset_flags", &l.Flags)
}

// truncated is a tu64 that goes on to the end.
func (c *codec) truncated(name string, p *uint64) {
	switch c.mode {
	case writing:
		c.buf = tlv.AppendTU64(c.buf, *p)
	case reading:
		v, err := tlv.TU64(c.take(name, len(c.buf)))
		if err != nil {
			c.fail(name, err)
			return
		}
		*p = v
	case printing:
		c.print(name, fmt.Sprint(*p))
	}
}

// delaySignatures are as many as there are; none is written as no record.
func delaySignatures(p *[]Signature) record {
	return record{assetDelay, "asset_delay_sigs", len(*p) == 0, func(c *codec) {
		if c.mode == reading {
			*p = make([]Signature, len(c.buf)/len(Signature{}))
			if len(*p) == 0 {
				c.fail("asset_delay_sigs", ErrShort)
			}
		}
		for i := range *p {
			c.signature("asset_delay_sig", &(*p)[i])
		}
	}}
}

package wire

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
)

// Gossip of channels with tokens, of no BOLT (docs/decisions/0010-gossip-of-token-channels.md).
// The numbers are odd and in the range that anybody may use, so another program may mean
// something else by them: [Decode] leaves such a message an [Unknown], and [DecodeAsset]
// reads it where [OptionOmniAsset] is negotiated.
const (
	typeAssetChannelAnnouncement    = 33001
	typeAssetChannelUpdate          = 33003
	typeAssetAnnouncementSignatures = 33005
	typeAssetRate                   = 33009
)

// MaxAssetGossip is how many bytes a message of gossip of channels with tokens may have behind
// its number: more than twice what an announcement of today has. All nodes keep it.
const MaxAssetGossip = 1024

// ErrLong means that a message is longer than it may be.
var ErrLong = errors.New("longer than it may be")

// AssetAnnounce is the bit of asset_flags by which a side wants a channel with tokens to be
// announced.
const AssetAnnounce = 1

// Bits of an asset_channel_update's channel_flags.
const (
	AssetDirection = 1 // of the second node
	AssetDisabled  = 2
)

// AssetAnnouncementSignatures is each side's consent to announce a channel with tokens, and
// its half of the announcement's signatures ([AssetChannelAnnouncement.Digest]).
type AssetAnnouncementSignatures struct {
	ChannelID        ChannelID
	ShortChannelID   ShortChannelID
	NodeSignature    Signature
	BitcoinSignature Signature
	Extra            []byte
}

// AssetChannelAnnouncement proves that a channel with tokens exists between two nodes.
type AssetChannelAnnouncement struct {
	NodeSignature1    Signature
	NodeSignature2    Signature
	BitcoinSignature1 Signature
	BitcoinSignature2 Signature
	Features          Features
	ChainHash         chainhash.Hash
	ShortChannelID    ShortChannelID
	Property          amount.Property
	Capacity          amount.Units // all tokens of the channel
	NodeID1           NodeID       // the lesser one
	NodeID2           NodeID
	BitcoinKey1       Point
	BitcoinKey2       Point
	Extra             []byte // all that follows, as signed
}

// AssetChannelUpdate sets the terms of one direction of a channel with tokens.
type AssetChannelUpdate struct {
	Signature                 Signature
	ChainHash                 chainhash.Hash
	ShortChannelID            ShortChannelID
	Timestamp                 uint32 // unix seconds
	ChannelFlags              byte   // AssetDirection, AssetDisabled
	CLTVExpiryDelta           uint16
	HTLCMinimum, HTLCMaximum  amount.Units
	FeeBaseMsat               uint32 // in bitcoin
	FeeProportionalMillionths uint32 // in tokens
	Carrier                   amount.MilliSatoshi
	Extra                     []byte
}

// AssetRate says at what rate a node exchanges bitcoin and tokens of a property. Without a
// price it takes back what was said before.
type AssetRate struct {
	Signature          Signature
	ChainHash          chainhash.Hash
	NodeID             NodeID
	Property           amount.Property
	Timestamp          uint32 // unix seconds
	Lasts              uint32 // seconds from then, in which it may be believed
	SellMsat           amount.MilliSatoshi
	SellUnits          amount.Units
	BuyMsat            amount.MilliSatoshi
	BuyUnits           amount.Units
	MinUnits, MaxUnits amount.Units // of one HTLC
	MaxDelay           uint16       // blocks that the HTLC which goes on may have left
	Carrier            amount.MilliSatoshi
	Extra              []byte
}

// Type implements [Message], as do the methods below.
func (*AssetAnnouncementSignatures) Type() uint16 { return typeAssetAnnouncementSignatures }
func (*AssetChannelAnnouncement) Type() uint16    { return typeAssetChannelAnnouncement }
func (*AssetChannelUpdate) Type() uint16          { return typeAssetChannelUpdate }
func (*AssetRate) Type() uint16                   { return typeAssetRate }

// assetKinds are the messages by number.
var assetKinds = map[uint16]kind{
	typeAssetChannelAnnouncement: {typeAssetChannelAnnouncement, "asset_channel_announcement", func() fielded { return new(AssetChannelAnnouncement) }},
	typeAssetChannelUpdate:       {typeAssetChannelUpdate, "asset_channel_update", func() fielded { return new(AssetChannelUpdate) }},
	typeAssetAnnouncementSignatures: {typeAssetAnnouncementSignatures, "asset_announcement_signatures", func() fielded {
		return new(AssetAnnouncementSignatures)
	}},
	typeAssetRate: {typeAssetRate, "asset_rate", func() fielded { return new(AssetRate) }},
}

// AssetGossip says whether the message has a number of gossip of channels with tokens.
func (m *Unknown) AssetGossip() bool {
	_, ok := assetKinds[m.MsgType]
	return ok
}

// DecodeAsset reads gossip of channels with tokens. Errors: [ErrShort], [ErrPoint], [ErrLong],
// and that the number is another one.
func DecodeAsset(u *Unknown) (Message, error) {
	k, ok := assetKinds[u.MsgType]
	if !ok {
		return nil, fmt.Errorf("%s is no gossip of channels with tokens", Name(u))
	}
	if len(u.Payload) > MaxAssetGossip {
		return nil, fmt.Errorf("%s of %d bytes: %w", k.name, len(u.Payload), ErrLong)
	}
	m := k.make()
	c := codec{mode: reading, buf: u.Payload}
	m.fields(&c)
	if c.err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, c.err)
	}
	return m, nil
}

func (m *AssetAnnouncementSignatures) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.scid("short_channel_id", &m.ShortChannelID)
	c.signature("node_signature", &m.NodeSignature)
	c.signature("bitcoin_signature", &m.BitcoinSignature)
	c.rest("extra", &m.Extra)
}

func (m *AssetChannelAnnouncement) fields(c *codec) {
	c.signature("node_signature_1", &m.NodeSignature1)
	c.signature("node_signature_2", &m.NodeSignature2)
	c.signature("bitcoin_signature_1", &m.BitcoinSignature1)
	c.signature("bitcoin_signature_2", &m.BitcoinSignature2)
	m.signed(c)
}

func (m *AssetChannelAnnouncement) signed(c *codec) {
	c.features("features", &m.Features)
	c.hash("chain_hash", &m.ChainHash)
	c.scid("short_channel_id", &m.ShortChannelID)
	c.property(&m.Property)
	c.tokens("capacity", &m.Capacity)
	c.point("node_id_1", &m.NodeID1)
	c.point("node_id_2", &m.NodeID2)
	c.point("bitcoin_key_1", &m.BitcoinKey1)
	c.point("bitcoin_key_2", &m.BitcoinKey2)
	c.rest("extra", &m.Extra)
}

func (m *AssetChannelUpdate) fields(c *codec) {
	c.signature("signature", &m.Signature)
	m.signed(c)
}

func (m *AssetChannelUpdate) signed(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.scid("short_channel_id", &m.ShortChannelID)
	c.u32("timestamp", &m.Timestamp)
	c.u8("channel_flags", &m.ChannelFlags)
	c.u16("cltv_expiry_delta", &m.CLTVExpiryDelta)
	c.tokens("htlc_minimum", &m.HTLCMinimum)
	c.tokens("htlc_maximum", &m.HTLCMaximum)
	c.u32("fee_base_msat", &m.FeeBaseMsat)
	c.u32("fee_proportional_millionths", &m.FeeProportionalMillionths)
	c.msat("carrier_msat", &m.Carrier)
	c.rest("extra", &m.Extra)
}

func (m *AssetRate) fields(c *codec) {
	c.signature("signature", &m.Signature)
	m.signed(c)
}

func (m *AssetRate) signed(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.point("node_id", &m.NodeID)
	c.property(&m.Property)
	c.u32("timestamp", &m.Timestamp)
	c.u32("lasts", &m.Lasts)
	c.msat("sell_msat", &m.SellMsat)
	c.tokens("sell_units", &m.SellUnits)
	c.msat("buy_msat", &m.BuyMsat)
	c.tokens("buy_units", &m.BuyUnits)
	c.tokens("min_units", &m.MinUnits)
	c.tokens("max_units", &m.MaxUnits)
	c.u16("maxdelay", &m.MaxDelay)
	c.msat("carrier_msat", &m.Carrier)
	c.rest("extra", &m.Extra)
}

// The tags of what is signed. A signature on one message is none on another, nor on one of
// BOLT 7, which signs double SHA256s, whatever the bytes are.
const (
	tagAssetChannelAnnouncement = "leyden/asset_channel_announcement"
	tagAssetChannelUpdate       = "leyden/asset_channel_update"
	tagAssetRate                = "leyden/asset_rate"
)

// SignedPart is all that follows the signatures.
func (m *AssetChannelAnnouncement) SignedPart() []byte { return signedPart(m.signed) }

// SignedPart is all that follows the signature.
func (m *AssetChannelUpdate) SignedPart() []byte { return signedPart(m.signed) }

// SignedPart is all that follows the signature.
func (m *AssetRate) SignedPart() []byte { return signedPart(m.signed) }

// Digest is what the four signatures sign, and the two of [AssetAnnouncementSignatures],
// which are of them: the tagged hash (as BIP 340's) of [AssetChannelAnnouncement.SignedPart].
func (m *AssetChannelAnnouncement) Digest() [32]byte {
	return *chainhash.TaggedHash([]byte(tagAssetChannelAnnouncement), m.SignedPart())
}

// Digest is what the signature signs: the tagged hash (as BIP 340's) of
// [AssetChannelUpdate.SignedPart].
func (m *AssetChannelUpdate) Digest() [32]byte {
	return *chainhash.TaggedHash([]byte(tagAssetChannelUpdate), m.SignedPart())
}

// Digest is what the signature signs: the tagged hash (as BIP 340's) of
// [AssetRate.SignedPart].
func (m *AssetRate) Digest() [32]byte {
	return *chainhash.TaggedHash([]byte(tagAssetRate), m.SignedPart())
}

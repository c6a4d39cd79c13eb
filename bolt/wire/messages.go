package wire

import (
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
)

// OnionPacketSize is the length of an onion_routing_packet in an
// update_add_htlc (BOLT 4, "Packet Structure").
const OnionPacketSize = 1366

// Message is one Lightning message (BOLT 1, "Lightning Message Format").
type Message interface {
	// Type is the message's number; odd numbers may be ignored by who does not know them.
	Type() uint16
}

// Init is the first message on a connection (BOLT 1).
type Init struct {
	GlobalFeatures Features
	Features       Features
	Networks       []chainhash.Hash // TLV 1; empty: absent
	RemoteAddr     []byte           // TLV 3; nil: absent
	Extra          []byte           // unknown odd TLVs, as they came
}

// Error ends a channel, or all channels with the peer when ChannelID is zero (BOLT 1).
type Error struct {
	ChannelID ChannelID
	Data      []byte
}

// Warning tells of a problem without ending anything (BOLT 1).
type Warning struct {
	ChannelID ChannelID
	Data      []byte
}

// Ping asks for a [Pong] of NumPongBytes (BOLT 1).
type Ping struct {
	NumPongBytes uint16
	Ignored      []byte
}

// Pong answers a [Ping] (BOLT 1).
type Pong struct{ Ignored []byte }

// PeerStorage asks the peer to keep Blob for us (BOLT 1).
type PeerStorage struct{ Blob []byte }

// PeerStorageRetrieval gives back what [PeerStorage] left (BOLT 1).
type PeerStorageRetrieval struct{ Blob []byte }

// OpenChannel proposes a channel (BOLT 2, "The `open_channel` Message").
type OpenChannel struct {
	ChainHash                chainhash.Hash
	TemporaryChannelID       ChannelID
	FundingSatoshis          amount.Satoshi
	PushMsat                 amount.MilliSatoshi
	DustLimitSatoshis        amount.Satoshi
	MaxHTLCValueInFlightMsat amount.MilliSatoshi
	ChannelReserveSatoshis   amount.Satoshi
	HTLCMinimumMsat          amount.MilliSatoshi
	FeeratePerKw             uint32
	ToSelfDelay              uint16
	MaxAcceptedHTLCs         uint16
	FundingPubkey            Point
	RevocationBasepoint      Point
	PaymentBasepoint         Point
	DelayedPaymentBasepoint  Point
	HTLCBasepoint            Point
	FirstPerCommitmentPoint  Point
	ChannelFlags             byte       // bit 0: announce_channel
	UpfrontShutdownScript    []byte     // TLV 0; nil: absent (empty but not nil: present, none given)
	ChannelType              Features   // TLV 1; nil: absent
	Asset                    *OpenAsset // TLV 65601; nil: a channel of bitcoin only
	Extra                    []byte
}

// OpenAsset is what open_channel says of the tokens of an asset channel
// (docs/decisions/0009-tokens-in-a-channel.md).
type OpenAsset struct {
	Property amount.Property
	Funding  amount.Units // that the funding output is to hold
	Push     amount.Units // of them the peer's from the start
	Limits   AssetLimits
}

// AssetLimits are one side's limits on tokens, as BOLT 2 has them on bitcoin: they bind
// the other side.
type AssetLimits struct {
	Reserve      amount.Units // that the other side keeps once it has them
	HTLCMinimum  amount.Units
	MaxInFlight  amount.Units
	MaxReceivers byte // outputs with tokens that a commitment may have
	Flags        byte // none is known
}

// AcceptChannel agrees to an [OpenChannel] (BOLT 2).
type AcceptChannel struct {
	TemporaryChannelID       ChannelID
	DustLimitSatoshis        amount.Satoshi
	MaxHTLCValueInFlightMsat amount.MilliSatoshi
	ChannelReserveSatoshis   amount.Satoshi
	HTLCMinimumMsat          amount.MilliSatoshi
	MinimumDepth             uint32
	ToSelfDelay              uint16
	MaxAcceptedHTLCs         uint16
	FundingPubkey            Point
	RevocationBasepoint      Point
	PaymentBasepoint         Point
	DelayedPaymentBasepoint  Point
	HTLCBasepoint            Point
	FirstPerCommitmentPoint  Point
	UpfrontShutdownScript    []byte
	ChannelType              Features
	Asset                    *AssetLimits // TLV 65601; nil: absent
	Extra                    []byte
}

// FundingCreated names the funding output and signs the acceptor's first
// commitment transaction (BOLT 2).
type FundingCreated struct {
	TemporaryChannelID ChannelID
	FundingTxid        chainhash.Hash
	FundingOutputIndex uint16
	Signature          Signature
	DelaySignatures    []Signature // TLV 65603, of an asset channel
	Extra              []byte
}

// FundingSigned signs the opener's first commitment transaction (BOLT 2).
type FundingSigned struct {
	ChannelID       ChannelID
	Signature       Signature
	DelaySignatures []Signature // TLV 65603, of an asset channel
	Extra           []byte
}

// ChannelReady says that the funding transaction is deep enough (BOLT 2).
type ChannelReady struct {
	ChannelID                ChannelID
	SecondPerCommitmentPoint Point
	Alias                    *ShortChannelID // TLV 1
	Extra                    []byte
}

// Shutdown begins a mutual close (BOLT 2).
type Shutdown struct {
	ChannelID    ChannelID
	ScriptPubkey []byte
	Extra        []byte
}

// FeeRange is what a side accepts in closing_signed (BOLT 2).
type FeeRange struct{ Min, Max amount.Satoshi }

// ClosingSigned negotiates the mutual close's fee (BOLT 2).
type ClosingSigned struct {
	ChannelID   ChannelID
	FeeSatoshis amount.Satoshi
	Signature   Signature
	FeeRange    *FeeRange // TLV 1
	Extra       []byte
}

// ClosingComplete signs, for the side that pays the fee, one or two versions of a
// closing transaction (BOLT 2, "Closing Negotiation: `closing_complete` and
// `closing_sig`").
type ClosingComplete struct {
	ChannelID          ChannelID
	CloserScriptPubkey []byte // of the sender, who pays the fee
	CloseeScriptPubkey []byte
	FeeSatoshis        amount.Satoshi
	Locktime           uint32
	CloserOutputOnly   *Signature // TLV 1
	CloseeOutputOnly   *Signature // TLV 2
	BothOutputs        *Signature // TLV 3, closer_and_closee_outputs
	Extra              []byte
}

// ClosingSig answers a closing_complete: it repeats its fields and signs one of its
// versions (BOLT 2).
type ClosingSig ClosingComplete

// UpdateAddHTLC offers an HTLC (BOLT 2, "Adding an HTLC").
type UpdateAddHTLC struct {
	ChannelID          ChannelID
	ID                 uint64
	AmountMsat         amount.MilliSatoshi
	PaymentHash        PaymentHash
	CLTVExpiry         uint32
	OnionRoutingPacket [OnionPacketSize]byte
	PathKey            *Point     // TLV 0, blinded paths
	Asset              *HTLCAsset // TLV 65605; nil: bitcoin only
	Extra              []byte
}

// HTLCAsset is the tokens of an HTLC. Its amount_msat is what goes with them.
type HTLCAsset struct {
	Property amount.Property
	Tokens   amount.Units
}

// AttributionSize is the length of attribution_data: 20 hold times and 210 HMACs.
const AttributionSize = 4 * (20 + 210)

// Attribution is attribution_data: for how long each hop had an HTLC, and the HMACs
// with which they vouch for it (BOLT 4).
type Attribution [AttributionSize]byte

// MaxAttributedReason is the length of the longest reason that fits in an
// update_fail_htlc together with attribution_data.
const MaxAttributedReason = MaxPayload - (2 + 32 + 8 + 2) - (1 + 3 + AttributionSize)

// UpdateFulfillHTLC removes an HTLC by its preimage (BOLT 2).
type UpdateFulfillHTLC struct {
	ChannelID       ChannelID
	ID              uint64
	PaymentPreimage Preimage
	Attribution     *Attribution // TLV 1
	Extra           []byte
}

// UpdateFailHTLC removes an HTLC with an encrypted reason (BOLT 2, BOLT 4).
type UpdateFailHTLC struct {
	ChannelID   ChannelID
	ID          uint64
	Reason      []byte
	Attribution *Attribution // TLV 1
	Extra       []byte
}

// UpdateFailMalformedHTLC removes an HTLC whose onion could not be read (BOLT 2).
type UpdateFailMalformedHTLC struct {
	ChannelID     ChannelID
	ID            uint64
	SHA256OfOnion [32]byte
	FailureCode   uint16
	Extra         []byte
}

// CommitmentSigned signs the receiver's next commitment transaction and its
// HTLC transactions in output order (BOLT 2).
type CommitmentSigned struct {
	ChannelID      ChannelID
	Signature      Signature
	HTLCSignatures []Signature
	// DelaySignatures is TLV 65603: of an asset channel, the delay transactions of to_local
	// and of each HTLC transaction that is signed, in their order.
	DelaySignatures []Signature
	Extra           []byte
}

// RevokeAndAck revokes the sender's previous commitment transaction (BOLT 2).
type RevokeAndAck struct {
	ChannelID              ChannelID
	PerCommitmentSecret    [32]byte
	NextPerCommitmentPoint Point
	Extra                  []byte
}

// UpdateFee sets feerate_per_kw; only the opener may (BOLT 2).
type UpdateFee struct {
	ChannelID    ChannelID
	FeeratePerKw uint32
	Extra        []byte
}

// ChannelReestablish says where each side stands after a reconnect (BOLT 2,
// "Message Retransmission").
type ChannelReestablish struct {
	ChannelID                ChannelID
	NextCommitmentNumber     uint64
	NextRevocationNumber     uint64
	YourLastCommitmentSecret [32]byte
	MyCurrentCommitmentPoint Point
	Extra                    []byte
}

// AnnouncementSignatures is each side's consent to announce the channel (BOLT 7).
type AnnouncementSignatures struct {
	ChannelID        ChannelID
	ShortChannelID   ShortChannelID
	NodeSignature    Signature
	BitcoinSignature Signature
	Extra            []byte
}

// ChannelAnnouncement proves that a channel exists between two nodes (BOLT 7).
type ChannelAnnouncement struct {
	NodeSignature1    Signature
	NodeSignature2    Signature
	BitcoinSignature1 Signature
	BitcoinSignature2 Signature
	Features          Features
	ChainHash         chainhash.Hash
	ShortChannelID    ShortChannelID
	NodeID1           NodeID
	NodeID2           NodeID
	BitcoinKey1       Point
	BitcoinKey2       Point
	Extra             []byte // all that follows, as signed
}

// NodeAnnouncement tells of a node (BOLT 7).
type NodeAnnouncement struct {
	Signature Signature
	Features  Features
	Timestamp uint32 // seconds since 1970
	NodeID    NodeID
	RGBColor  [3]byte
	Alias     [32]byte
	Addresses []byte // address descriptors, as signed; see ParseAddresses
	Extra     []byte
}

// ChannelUpdate sets one direction's terms of forwarding (BOLT 7).
type ChannelUpdate struct {
	Signature                 Signature
	ChainHash                 chainhash.Hash
	ShortChannelID            ShortChannelID
	Timestamp                 uint32
	MessageFlags              byte // bit 0: must_be_one; bit 1: dont_forward
	ChannelFlags              byte // bit 0: direction; bit 1: disable
	CLTVExpiryDelta           uint16
	HTLCMinimumMsat           amount.MilliSatoshi
	FeeBaseMsat               uint32
	FeeProportionalMillionths uint32
	HTLCMaximumMsat           amount.MilliSatoshi
	Extra                     []byte
}

// QueryShortChannelIDs asks for the gossip of channels (BOLT 7).
type QueryShortChannelIDs struct {
	ChainHash       chainhash.Hash
	EncodedShortIDs []byte
	Extra           []byte
}

// ReplyShortChannelIDsEnd ends the answer to [QueryShortChannelIDs] (BOLT 7).
type ReplyShortChannelIDsEnd struct {
	ChainHash       chainhash.Hash
	FullInformation bool
	Extra           []byte
}

// QueryChannelRange asks which channels were opened in some blocks (BOLT 7).
type QueryChannelRange struct {
	ChainHash      chainhash.Hash
	FirstBlocknum  uint32
	NumberOfBlocks uint32
	Extra          []byte
}

// ReplyChannelRange answers [QueryChannelRange] (BOLT 7).
type ReplyChannelRange struct {
	ChainHash       chainhash.Hash
	FirstBlocknum   uint32
	NumberOfBlocks  uint32
	SyncComplete    bool
	EncodedShortIDs []byte
	Extra           []byte
}

// GossipTimestampFilter asks for gossip of a time span (BOLT 7).
type GossipTimestampFilter struct {
	ChainHash      chainhash.Hash
	FirstTimestamp uint32
	TimestampRange uint32
	Extra          []byte
}

// Unknown is a message of a type that this package does not know.
type Unknown struct {
	MsgType uint16
	Payload []byte
}

// The messages of commando, which no BOLT has: Core Lightning's way to give a node
// commands. Each has a number of the request and a part of its JSON.
const (
	CommandoPart      = 0x4c4d // more follows
	CommandoLast      = 0x4c4f
	CommandoReplyPart = 0x594b // more follows
	CommandoReplyLast = 0x594d
)

// Custom says whether somebody may want the message though no BOLT has it.
func (m *Unknown) Custom() bool {
	return m.MsgType == CommandoPart || m.MsgType == CommandoLast || m.AssetGossip()
}

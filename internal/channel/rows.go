package channel

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// Limits is what one side announced in open_channel or accept_channel. They
// bind the other side, but for DustLimit, which is about the side's own
// commitment transactions.
type Limits struct {
	DustLimit            amount.Satoshi      // dust_limit_satoshis
	MaxHTLCValueInFlight amount.MilliSatoshi // max_htlc_value_in_flight_msat
	ChannelReserve       amount.Satoshi      // channel_reserve_satoshis, which the other side keeps
	HTLCMinimum          amount.MilliSatoshi // htlc_minimum_msat
	ToSelfDelay          uint16              // blocks that the other side waits for its to_local
	MaxAcceptedHTLCs     uint16              // 1 to 483
	Tokens               tally.TokenLimits   // zero: bitcoin only
}

// ParamsRow is what never changes in the life of a channel. Key: Channel.
type ParamsRow struct {
	Channel  wire.ChannelID
	Peer     wire.NodeID
	KeyIndex uint32 // of the channel's keys in the key ring

	LocalIsOpener bool // we sent open_channel, so we pay the commitments' fee
	Announce      bool // announce_channel
	ChannelType   wire.Features
	Format        script.Format
	Funding       btcwire.OutPoint
	Capacity      amount.Satoshi
	Pushed        amount.MilliSatoshi // push_msat: what the opener gave away at the start
	MinimumDepth  uint32              // confirmations that we wait for before channel_ready; 0: none

	LocalKeys, RemoteKeys     script.Basepoints
	LocalLimits, RemoteLimits Limits // as the side announced them
	MaxDustExposure           amount.MilliSatoshi

	LocalScript   []byte              // where our money goes in a mutual close, unless Shutdown names another
	LocalUpfront  bool                // LocalScript was sent as upfront_shutdown_script: it cannot change
	RemoteUpfront []byte              // theirs; nil: none
	AnySegwit     bool                // option_shutdown_anysegwit was negotiated
	LocalAlias    wire.ShortChannelID // our alias in channel_ready; zero: none

	Property amount.Property // that the channel carries beside bitcoin; zero: none
	Tokens   amount.Units    // of it in the whole channel
}

// Table implements durable.Row.
func (ParamsRow) Table() string { return "channels" }

// StateRow is what changes with each commitment. Key: Channel. It is written
// whole.
type StateRow struct {
	Channel wire.ChannelID

	Received    uint64 // number of our latest commitment; how many revocations we sent
	Signed      uint64 // number of their latest commitment that we signed
	SignedAfter uint64 // how many revocations we had sent when we signed it
	Revoked     uint64 // how many revocations they sent; Signed or Signed-1

	CurrentPoint wire.Point // their per-commitment point number Revoked
	NextPoint    wire.Point // number Revoked+1; zero before their channel_ready

	ToLocal       amount.MilliSatoshi // our balance as if no HTLC row that is not done existed
	TokensToLocal amount.Units        // likewise

	// update_fee by its stage (see the table in the package comment), in satoshi
	// per 1000 weight; zero: none at this stage. FeeIrrevocable is never zero.
	FeeCommitted, FeeRevoked, FeeAckCommitted, FeeIrrevocable uint32

	NextLocalID, NextRemoteID uint64 // ids of the next HTLC of each side
}

// Table implements durable.Row.
func (StateRow) Table() string { return "channels" }

// StatusRow is what changes a few times in the life of a channel. Key: Channel.
// It is written whole.
type StatusRow struct {
	Channel wire.ChannelID
	Status  Status
	Failure string // why Status is Failed or Lost, as told to the peer

	SCID        wire.ShortChannelID // zero until the funding output is MinimumDepth deep
	RemoteAlias wire.ShortChannelID // theirs in channel_ready; zero: none
	ReadySent   bool                // our channel_ready may be sent, and sent again

	LocalShutdown  []byte       // our script, once a mutual close was begun; nil: not begun
	RemoteShutdown []byte       // theirs, once their shutdown came
	CloseFees      closing.Fees // that we wish for the closing transaction; Aim is zero: it is the peer who closes

	Closing *Agreement // the closing transaction that both sides signed; nil: none yet
}

// Agreement is a closing transaction that only our signature is missing from, and
// the peer's. Of several that were signed it is the one with the highest fee.
type Agreement struct {
	Tx        []byte // without signatures
	Signature wire.Signature
}

// Table implements durable.Row.
func (StatusRow) Table() string { return "channels" }

// Status is how far a channel has come towards its end.
type Status uint8

// The statuses, in the order in which they may follow each other.
const (
	Open   Status = iota // works, or is being closed by agreement
	Failed               // must be closed by our latest commitment
	Lost                 // we lost state: never broadcast, wait for theirs
	Spent                // the funding output is spent on-chain
	Closed               // nothing is left to do: the channel need not be loaded again
)

// CommitmentRow is the peer's signatures on our latest commitment. Key: Channel:
// it replaces the one before. What the commitment contains follows from the
// other rows.
type CommitmentRow struct {
	Channel wire.ChannelID
	Number  uint64
	Signatures
}

// Signatures are one side's on a commitment of the other one.
type Signatures struct {
	Signature       wire.Signature
	HTLCSignatures  []wire.Signature // in the order of script.Commitment.HTLCs
	DelaySignatures []wire.Signature // in the order of script.Commitment.Delays
}

// Table implements durable.Row.
func (CommitmentRow) Table() string { return "commitments" }

// SecretRow is one bucket of the peer's per-commitment secrets. Key: Channel
// and Bucket.
type SecretRow struct {
	Channel wire.ChannelID
	Bucket  int // 0 to 48
	Number  uint64
	Secret  [32]byte
}

// Table implements durable.Row.
func (SecretRow) Table() string { return "secrets" }

// HTLCRow is an HTLC. Key: Channel, Incoming and ID. It is inserted once; what
// changes later is written as an [HTLCStateRow], and a row that is read has it
// applied.
type HTLCRow struct {
	Channel  wire.ChannelID
	Incoming bool // offered by the peer
	ID       uint64

	Amount      amount.MilliSatoshi
	Tokens      amount.Units // that Amount goes with; zero: bitcoin only
	PaymentHash wire.PaymentHash
	CLTVExpiry  uint32                      // block height
	Onion       *[wire.OnionPacketSize]byte // nil once done
	PathKey     *wire.Point                 // nil: none
	Origin      Origin                      // of an outgoing one
	OverExposed bool                        // an incoming one above our dust exposure: must be failed

	HTLCState
}

// Table implements durable.Row.
func (HTLCRow) Table() string { return "htlcs" }

// HTLCStateRow changes an HTLC's row: all of its [HTLCState] is replaced. When
// Done it also removes the onion and the path key from the row.
type HTLCStateRow struct {
	Channel  wire.ChannelID
	Incoming bool
	ID       uint64
	HTLCState
}

// Table implements durable.Row.
func (HTLCStateRow) Table() string { return "htlcs" }

// HTLCState is the part of an HTLC's row that changes.
//
// The HTLC stood in the peer's commitments Added[Remote] to
// Removed[Remote]-1: what to punish in a revoked one is a query over that range.
type HTLCState struct {
	Added   dance.Numbers
	Removed dance.Numbers // both zero: no removal is signed

	Removal   RemovalKind
	Preimage  *wire.Preimage // known, perhaps before any removal is signed
	Reason    []byte         // when Removal is RemovedByFailure
	Malformed *Malformed     // when Removal is RemovedAsMalformed

	Done bool // the removal is irrevocable; Preimage, Reason and Malformed are no longer kept
}

// RemovalKind is how an HTLC is removed.
type RemovalKind uint8

// The ways to remove an HTLC.
const (
	NotRemoved         RemovalKind = iota
	RemovedByPreimage              // update_fulfill_htlc
	RemovedByFailure               // update_fail_htlc
	RemovedAsMalformed             // update_fail_malformed_htlc
	RemovedOnChain                 // by no message: the chain says that no preimage will come
)

// Malformed is what update_fail_malformed_htlc says of an onion.
type Malformed struct {
	SHA256OfOnion [32]byte
	Code          uint16 // has the BADONION bit, 0x8000
}

// SettlementRow is how an outgoing HTLC ended for its origin: one of Preimage,
// Reason and Malformed is set, or none when it ended on-chain without a preimage. It is written with the event
// [Resolved], once an HTLC. Key: HTLC.
type SettlementRow struct {
	HTLC      Ref
	Origin    Origin
	Amount    amount.MilliSatoshi
	Preimage  *wire.Preimage
	Reason    []byte
	Malformed *Malformed
}

// Table implements durable.Row.
func (SettlementRow) Table() string { return "settlements" }

// Rows is all that is stored of a channel and that a machine needs: of HTLCs
// those that are not done.
type Rows struct {
	Params     ParamsRow
	State      StateRow
	Status     StatusRow
	Commitment CommitmentRow
	Secrets    []SecretRow
	HTLCs      []HTLCRow
}

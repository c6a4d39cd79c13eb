package channel

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Ref names an HTLC. Whether the peer or we offered it follows from where the
// Ref stands.
type Ref struct {
	Channel wire.ChannelID
	ID      uint64
}

// Origin says why we offered an HTLC: exactly one of the two is set.
type Origin struct {
	In      *Ref   // the incoming HTLC that it forwards
	Attempt uint64 // the attempt of a payment of ours, from 1 up
}

// Add is an HTLC to offer.
type Add struct {
	Amount      amount.MilliSatoshi
	Tokens      amount.Units // that Amount goes with; zero in a channel of bitcoin only
	PaymentHash wire.PaymentHash
	CLTVExpiry  uint32 // block height, below 500000000
	Onion       [wire.OnionPacketSize]byte
	PathKey     *wire.Point // nil: none
	Origin      Origin
}

// Visible is what the world may see of an outcome once its rows are durable.
type Visible struct {
	Send       []wire.Message // to the peer, in this order
	Raise      []Event        // in this order
	Disconnect bool           // close the connection after sending
}

// Event is something that rooms above have to know.
type Event interface{ isEvent() }

// Incoming is an HTLC of the peer that is irrevocable in both commitments: it
// waits for [Channel.Fulfill], [Channel.Fail] or [Channel.FailMalformed].
type Incoming struct {
	Ref         Ref
	Amount      amount.MilliSatoshi
	Property    amount.Property // of the channel; zero: bitcoin only
	Tokens      amount.Units    // of it, that Amount goes with
	PaymentHash wire.PaymentHash
	CLTVExpiry  uint32
	Onion       *[wire.OnionPacketSize]byte
	PathKey     *wire.Point // nil: none
	OverExposed bool        // dust above our exposure: must be failed, with temporary_channel_failure
}

// Resolved is the end of an HTLC of ours, as in [SettlementRow]. A fulfil is
// raised as soon as the preimage is known, a failure when the HTLC's removal is
// irrevocable.
type Resolved struct {
	Out         Ref
	Origin      Origin
	Amount      amount.MilliSatoshi
	Tokens      amount.Units
	Preimage    *wire.Preimage
	Reason      []byte
	Malformed   *Malformed
	Attribution *wire.Attribution // that came with it; nil: none, or we have been restarted since
}

// Unsent is an HTLC of ours that was proposed, never signed, and forgotten with
// the connection. It may be offered again, here or elsewhere.
type Unsent struct{ Add Add }

// Settled is an incoming HTLC whose removal is irrevocable.
type Settled struct{ Ref Ref }

// Ready says that both sides sent channel_ready: the channel can carry HTLCs.
type Ready struct {
	SCID        wire.ShortChannelID // zero before the funding transaction is confirmed
	RemoteAlias wire.ShortChannelID // zero: none
}

// ShutdownStarted says that a mutual close has begun.
type ShutdownStarted struct{ ByPeer bool }

// ClosedMutually says that both sides signed a closing transaction, which must be
// broadcast. The best one takes the place of those before it; another one can
// confirm all the same.
type ClosedMutually struct {
	Tx   *btcwire.MsgTx
	Best bool
}

// Failure says that the channel must be closed by our latest commitment (see
// [Channel.OurCommitment]).
type Failure struct {
	Why    string
	ByPeer bool // the peer sent an error
}

// Blamed says that the peer failed the channel and has not sent channel_reestablish
// since our rows were loaded: they may be of an older day. The channel stays open until
// it does, an HTLC needs the chain, or a day has passed.
type Blamed struct{ Why string }

// DataLoss says that the peer proved that we lost state. Our commitment must
// never be broadcast; the peer was asked to broadcast its own.
type DataLoss struct{ Why string }

func (Incoming) isEvent()        {}
func (Resolved) isEvent()        {}
func (Unsent) isEvent()          {}
func (Settled) isEvent()         {}
func (Ready) isEvent()           {}
func (ShutdownStarted) isEvent() {}
func (ClosedMutually) isEvent()  {}
func (Failure) isEvent()         {}
func (Blamed) isEvent()          {}
func (DataLoss) isEvent()        {}

// ViolationKind is how a broken rule is answered.
type ViolationKind uint8

// The two answers of BOLT 2.
const (
	Warn ViolationKind = iota // send a warning and close the connection
	Fail                      // send an error and fail the channel
)

// Violation is a rule that the peer broke. The answer is in the next outcome;
// what the peer sends after it on the same connection is ignored.
type Violation struct {
	Kind ViolationKind
	Text string // as told to the peer
}

// Error gives the text.
func (v *Violation) Error() string { return v.Text }

// Package babble makes messages that nobody should send, and that make sense nearly.
package babble

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Known is what the liar knows.
type Known struct {
	Channel wire.ChannelID
	Funding chainhash.Hash
	Point   func(number uint64) wire.Point
	Invoice func() (wire.PaymentHash, wire.Preimage) // one that somebody may be paying
	Script  []byte
	Height  uint32
	Asset   amount.Property // of the channel; zero: bitcoin only
}

// Anything is some message about a channel.
func Anything(rng *rand.Rand, k Known) wire.Message {
	id, few := k.Channel, uint64(rng.IntN(12)) //nolint:gosec // small
	point := k.Point(few)
	var sig wire.Signature
	for i := range sig {
		sig[i] = byte(rng.Uint32())
	}
	hash, preimage := k.Invoice()
	switch rng.IntN(19) {
	case 0:
		add := &wire.UpdateAddHTLC{ChannelID: id, ID: few, AmountMsat: amount.MilliSatoshi(rng.Int64N(1 << 32)), PaymentHash: hash, CLTVExpiry: k.Height + uint32(few)*20} //nolint:gosec // positive, small
		if k.Asset != 0 {                                                                                                                                                  // or another property, or none of it
			add.Asset = &wire.HTLCAsset{Property: k.Asset + amount.Property(rng.IntN(5)/4), Tokens: amount.Units(rng.Uint64() >> rng.IntN(65))} //nolint:gosec // small
		}
		return add
	case 1, 2:
		return &wire.UpdateFulfillHTLC{ChannelID: id, ID: few, PaymentPreimage: preimage}
	case 3, 4:
		return &wire.UpdateFailHTLC{ChannelID: id, ID: few, Reason: sig[:]}
	case 5:
		return &wire.UpdateFailMalformedHTLC{ChannelID: id, ID: few, FailureCode: 0x8000 | uint16(few)} //nolint:gosec // small
	case 6:
		signed := &wire.CommitmentSigned{ChannelID: id, Signature: sig}
		if k.Asset != 0 {
			signed.DelaySignatures = append(signed.DelaySignatures, sig)
		}
		return signed
	case 7:
		return &wire.RevokeAndAck{ChannelID: id, PerCommitmentSecret: bytes32(rng), NextPerCommitmentPoint: point}
	case 8:
		return &wire.UpdateFee{ChannelID: id, FeeratePerKw: rng.Uint32N(1 << 14)}
	case 9:
		return &wire.Shutdown{ChannelID: id, ScriptPubkey: k.Script}
	case 10:
		return &wire.ClosingSigned{ChannelID: id, FeeSatoshis: amount.Satoshi(few * 100), Signature: sig}
	case 11:
		return &wire.ChannelReestablish{ChannelID: id, NextCommitmentNumber: few, NextRevocationNumber: few, MyCurrentCommitmentPoint: point}
	case 12:
		return &wire.ChannelReady{ChannelID: id, SecondPerCommitmentPoint: point}
	case 13:
		return &wire.Warning{ChannelID: id, Data: []byte("beware")}
	case 14:
		return &wire.FundingCreated{TemporaryChannelID: id, FundingTxid: k.Funding, Signature: sig}
	case 15:
		return &wire.FundingSigned{ChannelID: id, Signature: sig}
	case 16:
		return &wire.AcceptChannel{TemporaryChannelID: id, ToSelfDelay: uint16(few), FundingPubkey: point} //nolint:gosec // small
	case 17: // a funding output that is not there
		m := &wire.OpenChannel{
			ChainHash: *chaincfg.RegressionNetParams.GenesisHash, TemporaryChannelID: bytes32(rng), FundingSatoshis: 50_000, DustLimitSatoshis: 354,
			MaxHTLCValueInFlightMsat: 50_000_000, ChannelReserveSatoshis: 1000, HTLCMinimumMsat: 1, FeeratePerKw: 300, ToSelfDelay: 20,
			MaxAcceptedHTLCs: 483, FundingPubkey: point, RevocationBasepoint: point, PaymentBasepoint: point,
			DelayedPaymentBasepoint: point, HTLCBasepoint: point, FirstPerCommitmentPoint: point,
		}
		return m
	}
	return &wire.Error{ChannelID: id, Data: script.P2WSH(sig[:])}
}

// bytes32 draws 32 bytes.
func bytes32(rng *rand.Rand) (b [32]byte) {
	for i := range 4 {
		binary.LittleEndian.PutUint64(b[8*i:], rng.Uint64())
	}
	return b
}

// Lie is a message in the place of another: an earlier one of those said, the same with
// a byte changed, or none that means anything.
func Lie(rng *rand.Rand, said [][]byte, b []byte) []byte {
	lie := append([]byte(nil), b...)
	switch rng.IntN(4) {
	case 0:
		return said[rng.IntN(len(said))]
	case 1:
		return wire.Encode(&wire.Ping{})
	}
	lie[rng.IntN(len(lie))] ^= 1 << rng.IntN(8)
	return lie
}

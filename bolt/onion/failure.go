package onion

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Code is a failure_code (BOLT 4, "Failure Messages").
type Code uint16

// Flags in a code's top byte.
const (
	BadOnion Code = 0x8000 // the onion could not be parsed by the sending peer
	Perm     Code = 0x4000 // permanent; otherwise transient
	Node     Code = 0x2000 // about the node; otherwise a channel
	Update   Code = 0x1000 // a parameter of the channel's forwarding was violated
)

// The codes of BOLT 4.
const (
	CodeTemporaryNodeFailure                  = Node | 2
	CodePermanentNodeFailure                  = Perm | Node | 2
	CodeRequiredNodeFeatureMissing            = Perm | Node | 3
	CodeInvalidOnionVersion                   = BadOnion | Perm | 4
	CodeInvalidOnionHMAC                      = BadOnion | Perm | 5
	CodeInvalidOnionKey                       = BadOnion | Perm | 6
	CodeTemporaryChannelFailure               = Update | 7
	CodePermanentChannelFailure               = Perm | 8
	CodeRequiredChannelFeatureMissing         = Perm | 9
	CodeUnknownNextPeer                       = Perm | 10
	CodeAmountBelowMinimum                    = Update | 11
	CodeFeeInsufficient                       = Update | 12
	CodeIncorrectCLTVExpiry                   = Update | 13
	CodeExpiryTooSoon                         = Update | 14
	CodeIncorrectOrUnknownPaymentDetails      = Perm | 15
	CodeFinalIncorrectCLTVExpiry         Code = 18
	CodeFinalIncorrectHTLCAmount         Code = 19
	CodeChannelDisabled                       = Update | 20
	CodeExpiryTooFar                     Code = 21
	CodeInvalidOnionPayload                   = Perm | 22
	CodeMPPTimeout                       Code = 23
	CodeInvalidOnionBlinding                  = BadOnion | Perm | 24
)

// ErrFailureData means that a failure message ends before its data does.
var ErrFailureData = errors.New("failure message ends too early")

// Failure is why a hop failed an HTLC: a code and the data that belongs to it.
// Fields that the code does not have are zero.
type Failure struct {
	Code          Code
	SHA256OfOnion [32]byte            // codes with BADONION
	HTLCMsat      amount.MilliSatoshi // amount_below_minimum, fee_insufficient, incorrect_or_unknown_payment_details, final_incorrect_htlc_amount
	CLTVExpiry    uint32              // incorrect_cltv_expiry, final_incorrect_cltv_expiry: block height
	Height        uint32              // incorrect_or_unknown_payment_details: the last hop's block height
	DisabledFlags uint16              // channel_disabled
	ChannelUpdate []byte              // codes with UPDATE; see [Failure.Channel]; nil: none was given
	Type          uint64              // invalid_onion_payload
	Offset        uint16              // invalid_onion_payload
	Extra         []byte              // what follows; all the data of an unknown code
}

// layout is a code's name and its data, in order.
type layout struct {
	name   string
	fields []func(*codec, *Failure)
}

var layouts = map[Code]layout{
	CodeTemporaryNodeFailure:             {"temporary_node_failure", nil},
	CodePermanentNodeFailure:             {"permanent_node_failure", nil},
	CodeRequiredNodeFeatureMissing:       {"required_node_feature_missing", nil},
	CodeInvalidOnionVersion:              {"invalid_onion_version", fields(sha256OfOnion)},
	CodeInvalidOnionHMAC:                 {"invalid_onion_hmac", fields(sha256OfOnion)},
	CodeInvalidOnionKey:                  {"invalid_onion_key", fields(sha256OfOnion)},
	CodeTemporaryChannelFailure:          {"temporary_channel_failure", fields(channelUpdate)},
	CodePermanentChannelFailure:          {"permanent_channel_failure", nil},
	CodeRequiredChannelFeatureMissing:    {"required_channel_feature_missing", nil},
	CodeUnknownNextPeer:                  {"unknown_next_peer", nil},
	CodeAmountBelowMinimum:               {"amount_below_minimum", fields(htlcMsat, channelUpdate)},
	CodeFeeInsufficient:                  {"fee_insufficient", fields(htlcMsat, channelUpdate)},
	CodeIncorrectCLTVExpiry:              {"incorrect_cltv_expiry", fields(cltvExpiry, channelUpdate)},
	CodeExpiryTooSoon:                    {"expiry_too_soon", fields(channelUpdate)},
	CodeIncorrectOrUnknownPaymentDetails: {"incorrect_or_unknown_payment_details", fields(htlcMsat, height)},
	CodeFinalIncorrectCLTVExpiry:         {"final_incorrect_cltv_expiry", fields(cltvExpiry)},
	CodeFinalIncorrectHTLCAmount:         {"final_incorrect_htlc_amount", fields(htlcMsat)},
	CodeChannelDisabled:                  {"channel_disabled", fields(disabledFlags, channelUpdate)},
	CodeExpiryTooFar:                     {"expiry_too_far", nil},
	CodeInvalidOnionPayload:              {"invalid_onion_payload", fields(payloadType, payloadOffset)},
	CodeMPPTimeout:                       {"mpp_timeout", nil},
	CodeInvalidOnionBlinding:             {"invalid_onion_blinding", fields(sha256OfOnion)},
}

func fields(f ...func(*codec, *Failure)) []func(*codec, *Failure) { return f }

func sha256OfOnion(c *codec, f *Failure) { c.bytes(f.SHA256OfOnion[:]) }
func htlcMsat(c *codec, f *Failure)      { f.HTLCMsat = amount.MilliSatoshi(c.uint(8, uint64(f.HTLCMsat))) }
func cltvExpiry(c *codec, f *Failure)    { f.CLTVExpiry = uint32(c.uint(4, uint64(f.CLTVExpiry))) } //nolint:gosec // four bytes
func height(c *codec, f *Failure)        { f.Height = uint32(c.uint(4, uint64(f.Height))) }         //nolint:gosec // four bytes
func disabledFlags(c *codec, f *Failure) {
	f.DisabledFlags = uint16(c.uint(2, uint64(f.DisabledFlags)))
}                                        //nolint:gosec // two bytes
func payloadOffset(c *codec, f *Failure) { f.Offset = uint16(c.uint(2, uint64(f.Offset))) } //nolint:gosec // two bytes
func payloadType(c *codec, f *Failure)   { f.Type = c.bigSize(f.Type) }
func channelUpdate(c *codec, f *Failure) { f.ChannelUpdate = c.prefixed(f.ChannelUpdate) }

// String is the code's name in BOLT 4.
func (c Code) String() string {
	if l, ok := layouts[c]; ok {
		return l.name
	}
	return fmt.Sprintf("unknown failure code 0x%04x", uint16(c))
}

// WireName is the code's name as Core Lightning writes it; empty: it has none.
func (c Code) WireName() string {
	if l, ok := layouts[c]; ok {
		return "WIRE_" + strings.ToUpper(l.name)
	}
	return ""
}

// String is the code's name in BOLT 4.
func (f Failure) String() string { return f.Code.String() }

// Encode writes the code and its data. A ChannelUpdate above 65535 bytes cannot
// be written and is left out.
func (f Failure) Encode() []byte {
	if len(f.ChannelUpdate) > math.MaxUint16 {
		f.ChannelUpdate = nil
	}
	c := codec{writing: true, buf: binary.BigEndian.AppendUint16(nil, uint16(f.Code))}
	for _, field := range layouts[f.Code].fields {
		field(&c, &f)
	}
	return append(c.buf, f.Extra...)
}

// DecodeFailure reads a failuremsg. When the data is cut or malformed the error
// is [ErrFailureData], or tlv's for a type; the code is then there all the same if
// there were two bytes of it.
//
// BOLT 4: "MUST ignore any extra bytes in `failuremsg`."
func DecodeFailure(b []byte) (Failure, error) {
	if len(b) < 2 {
		return Failure{}, ErrFailureData
	}
	f := Failure{Code: Code(binary.BigEndian.Uint16(b))}
	c := codec{buf: b[2:]}
	for _, field := range layouts[f.Code].fields {
		field(&c, &f)
	}
	if c.err != nil {
		return Failure{Code: f.Code}, fmt.Errorf("%v: %w", f.Code, c.err)
	}
	f.Extra = append([]byte(nil), c.buf...)
	return f, nil
}

// Channel is the channel_update that came with the failure, which some nodes
// write with its message type and some without. It may serve to retry this
// payment and for nothing else, or the sender gives itself away.
//
// BOLT 4: "MUST NOT expose the `channel_update` to third-parties in any other
// context, including applying the `channel_update` to the local network graph,
// send the `channel_update` to peers as gossip, etc."
func (f Failure) Channel() (*wire.ChannelUpdate, bool) {
	typ := binary.BigEndian.AppendUint16(nil, (&wire.ChannelUpdate{}).Type())
	for _, b := range [][]byte{f.ChannelUpdate, append(typ, f.ChannelUpdate...)} {
		if m, err := wire.Decode(b); err == nil {
			if u, ok := m.(*wire.ChannelUpdate); ok {
				return u, true
			}
		}
	}
	return nil, false
}

// codec writes a failure's fields, or reads them; it stops at the first error.
type codec struct {
	writing bool
	buf     []byte // written so far, or left to read
	err     error
}

func (c *codec) take(n int) []byte {
	if c.err == nil && n > len(c.buf) {
		c.err = ErrFailureData
	}
	if c.err != nil {
		return nil
	}
	b := c.buf[:n]
	c.buf = c.buf[n:]
	return b
}

func (c *codec) bytes(p []byte) {
	if c.writing {
		c.buf = append(c.buf, p...)
		return
	}
	copy(p, c.take(len(p)))
}

func (c *codec) uint(size int, v uint64) uint64 {
	if c.writing {
		b := binary.BigEndian.AppendUint64(nil, v)
		c.buf = append(c.buf, b[8-size:]...)
		return v
	}
	v = 0
	for _, x := range c.take(size) {
		v = v<<8 | uint64(x)
	}
	return v
}

func (c *codec) bigSize(v uint64) uint64 {
	if c.writing {
		c.buf = tlv.AppendBigSize(c.buf, v)
		return v
	}
	if c.err != nil {
		return 0
	}
	v, rest, err := tlv.BigSize(c.buf)
	c.buf, c.err = rest, err
	return v
}

// prefixed has its length in two bytes before it; none is nil.
func (c *codec) prefixed(b []byte) []byte {
	n := c.uint(2, uint64(len(b)))
	if c.writing {
		c.bytes(b)
		return b
	}
	return append([]byte(nil), c.take(int(n))...) //nolint:gosec // two bytes
}

// encoded is a channel_update as it goes in a failure: with its type, or nothing.
//
// BOLT 4: "Nodes which do not provide a `channel_update` are expected to set the
// `channel_update` `len` field to zero."
func encoded(u *wire.ChannelUpdate) []byte {
	if u == nil {
		return nil
	}
	return wire.Encode(u)
}

// TemporaryNodeFailure is a transient error of the whole node.
func TemporaryNodeFailure() Failure { return Failure{Code: CodeTemporaryNodeFailure} }

// PermanentNodeFailure is a lasting error of the whole node.
func PermanentNodeFailure() Failure { return Failure{Code: CodePermanentNodeFailure} }

// TemporaryChannelFailure is an outgoing channel that cannot take this HTLC now.
// Update may be nil, here and below.
func TemporaryChannelFailure(update *wire.ChannelUpdate) Failure {
	return Failure{Code: CodeTemporaryChannelFailure, ChannelUpdate: encoded(update)}
}

// PermanentChannelFailure is an outgoing channel that is gone.
func PermanentChannelFailure() Failure { return Failure{Code: CodePermanentChannelFailure} }

// UnknownNextPeer is a short_channel_id that leads nowhere.
func UnknownNextPeer() Failure { return Failure{Code: CodeUnknownNextPeer} }

// AmountBelowMinimum is an outgoing HTLC below the channel's htlc_minimum_msat.
func AmountBelowMinimum(outgoing amount.MilliSatoshi, update *wire.ChannelUpdate) Failure {
	return Failure{Code: CodeAmountBelowMinimum, HTLCMsat: outgoing, ChannelUpdate: encoded(update)}
}

// FeeInsufficient is an incoming HTLC that pays less than the channel's fee.
func FeeInsufficient(incoming amount.MilliSatoshi, update *wire.ChannelUpdate) Failure {
	return Failure{Code: CodeFeeInsufficient, HTLCMsat: incoming, ChannelUpdate: encoded(update)}
}

// IncorrectCLTVExpiry leaves the channel less than its cltv_expiry_delta; expiry
// is the outgoing HTLC's.
func IncorrectCLTVExpiry(expiry uint32, update *wire.ChannelUpdate) Failure {
	return Failure{Code: CodeIncorrectCLTVExpiry, CLTVExpiry: expiry, ChannelUpdate: encoded(update)}
}

// ExpiryTooSoon is an expiry too near for a safe forward.
func ExpiryTooSoon(update *wire.ChannelUpdate) Failure {
	return Failure{Code: CodeExpiryTooSoon, ChannelUpdate: encoded(update)}
}

// ExpiryTooFar is an expiry that would bind the money for too long.
func ExpiryTooFar() Failure { return Failure{Code: CodeExpiryTooFar} }

// ChannelDisabled is an outgoing channel that is disabled.
func ChannelDisabled(update *wire.ChannelUpdate) Failure {
	return Failure{Code: CodeChannelDisabled, ChannelUpdate: encoded(update)}
}

// IncorrectOrUnknownPaymentDetails is the last hop's answer to all that it does
// not expect; it tells nothing of what it does.
func IncorrectOrUnknownPaymentDetails(htlc amount.MilliSatoshi, height uint32) Failure {
	return Failure{Code: CodeIncorrectOrUnknownPaymentDetails, HTLCMsat: htlc, Height: height}
}

// FinalIncorrectCLTVExpiry is an HTLC that expires before the onion says; expiry
// is the HTLC's.
func FinalIncorrectCLTVExpiry(expiry uint32) Failure {
	return Failure{Code: CodeFinalIncorrectCLTVExpiry, CLTVExpiry: expiry}
}

// FinalIncorrectHTLCAmount is an HTLC of less than the onion says; htlc is what came.
func FinalIncorrectHTLCAmount(htlc amount.MilliSatoshi) Failure {
	return Failure{Code: CodeFinalIncorrectHTLCAmount, HTLCMsat: htlc}
}

// InvalidOnionPayload names the record that was not understood, and its byte.
func InvalidOnionPayload(typ uint64, offset uint16) Failure {
	return Failure{Code: CodeInvalidOnionPayload, Type: typ, Offset: offset}
}

// MPPTimeout is a payment whose other parts did not come in time.
func MPPTimeout() Failure { return Failure{Code: CodeMPPTimeout} }

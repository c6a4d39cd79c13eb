package channels

import (
	"encoding/hex"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

type channelType struct {
	Bits  []int    `json:"bits" doc:"feature bits"`
	Names []string `json:"names" doc:"their names, such as anchors/even"`
}

// kinds are the features that make a channel's type, under Core Lightning's names.
var kinds = map[wire.FeatureBit]string{
	wire.StaticRemoteKey: "static_remotekey", wire.AnchorsZeroFeeHTLC: "anchors", wire.SCIDAlias: "scid_alias", wire.ZeroConf: "zeroconf",
}

func typeOf(f wire.Features) channelType {
	out := channelType{Bits: f.Bits(), Names: []string{}}
	for _, bit := range out.Bits {
		if name, known := kinds[wire.FeatureBit(bit)]; known { //nolint:gosec // a bit of a few bytes
			out.Names = append(out.Names, name+"/even")
		}
	}
	return out
}

// featureName is a name, where sql would take text for bytes in hexadecimal.
type featureName string

// MarshalText implements [encoding.TextMarshaler].
func (f featureName) MarshalText() ([]byte, error) { return []byte(f), nil }

// Words implements [command.Worded].
func (featureName) Words() string { return "a string" }

func featuresOf(f wire.Features) []featureName {
	out := []featureName{}
	for _, bit := range f.Bits() {
		if name, known := kinds[wire.FeatureBit(bit)]; known { //nolint:gosec // a bit of a few bytes
			out = append(out, featureName("option_"+name))
		}
	}
	return out
}

// channelID is BOLT 2's id, as a parameter.
type channelID wire.ChannelID

// Words implements [command.Worded].
func (channelID) Words() string { return "64 hexadecimal digits" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *channelID) UnmarshalText(b []byte) error {
	if len(b) != 2*len(c) {
		return errors.New("should be 64 hexadecimal digits")
	}
	_, err := hex.Decode(c[:], b)
	return err
}

// updates are the terms at which each side forwards.
type updates struct {
	Local  *said `json:"local,omitempty" doc:"ours"`
	Remote *said `json:"remote,omitempty" doc:"the peer's, when one has come"`
}

type said struct {
	HTLCMin   amount.MilliSatoshi `json:"htlc_minimum_msat" doc:"the smallest HTLC"`
	HTLCMax   amount.MilliSatoshi `json:"htlc_maximum_msat" doc:"the largest"`
	CLTVDelta uint16              `json:"cltv_expiry_delta" doc:"blocks between the HTLC that comes in and the one that goes out"`
	FeeBase   uint32              `json:"fee_base_msat" doc:"the fee"`
	FeePPM    uint32              `json:"fee_proportional_millionths" doc:"the part of it that grows with the amount"`
}

func saidBy(u *wire.ChannelUpdate) *said {
	if u == nil {
		return nil
	}
	return &said{u.HTLCMinimumMsat, u.HTLCMaximumMsat, u.CLTVExpiryDelta, u.FeeBaseMsat, u.FeeProportionalMillionths}
}

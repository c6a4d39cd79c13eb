package terms

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

func TestEachChannelHasTheNamesThatItMayHave(t *testing.T) {
	hidden := wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.SCIDAlias)
	for name, c := range map[string]struct {
		announce             bool
		kind                 wire.Features
		ours, theirs, scid   wire.ShortChannelID
		wantLocal, wantTheir wire.ShortChannelID
	}{
		"announced":                      {true, nil, 1, 2, 3, 3, 3},
		"announced, in no block":         {true, nil, 1, 2, 0, 1, 2},
		"announced, without aliases":     {true, nil, 0, 0, 3, 3, 3},
		"announced, without any":         {true, nil, 0, 0, 0, 0, 0},
		"private":                        {false, nil, 1, 2, 3, 1, 2},
		"private, without aliases":       {false, nil, 0, 0, 3, 3, 3},
		"private, the peer gave none":    {false, nil, 1, 0, 3, 1, 3},
		"hidden":                         {false, hidden, 1, 2, 3, 1, 2},
		"hidden, in no block":            {false, hidden, 1, 2, 0, 1, 2},
		"hidden, and the peer gave none": {false, hidden, 1, 0, 3, 1, 0},
	} {
		p := channel.ParamsRow{Announce: c.announce, ChannelType: c.kind, LocalAlias: c.ours}
		s := channel.StatusRow{RemoteAlias: c.theirs, SCID: c.scid}
		if local, remote := LocalID(p, s), RemoteID(p, s); local != c.wantLocal || remote != c.wantTheir {
			t.Errorf("%s: %d here and %d there, want %d and %d", name, local, remote, c.wantLocal, c.wantTheir)
		}
	}
}

package compact

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"

	"modernc.org/sqlite"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// The functions with which a migration brings what was written in full into these forms.
func init() {
	for name, f := range map[string]func(args []driver.Value) driver.Value{
		"leyden_route": func(args []driver.Value) driver.Value {
			hops, err := wholeHops(bytesOf(args[0]))
			if err != nil {
				return err
			}
			sent, _ := args[1].(int64)
			return Route([]byte{}, amount.MilliSatoshi(sent), hops, func(wire.NodeID) uint64 { return 0 }) //nolint:gosec // written from unsigned
		},
		"leyden_text": func(args []driver.Value) driver.Value {
			known := bolt11.Known{Description: string(bytesOf(args[3]))}
			copy(known.PaymentHash[:], bytesOf(args[1]))
			copy(known.PaymentSecret[:], bytesOf(args[2]))
			return bolt11.Pack(string(bytesOf(args[0])), known)
		},
		"leyden_word": func(args []driver.Value) driver.Value { return short(string(bytesOf(args[0]))) },
		"leyden_key": func(args []driver.Value) driver.Value {
			return []byte(key(string(bytesOf(args[0])), string(bytesOf(args[1]))))
		},
		"leyden_data": func(args []driver.Value) driver.Value {
			if args[1] == nil {
				return nil
			}
			return data(string(bytesOf(args[0])), bytesOf(args[1]))
		},
	} {
		args := map[string]int32{"leyden_route": 2, "leyden_text": 4, "leyden_word": 1, "leyden_key": 2, "leyden_data": 2}[name]
		sqlite.MustRegisterDeterministicScalarFunction(name, args, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			v := f(args)
			if err, failed := v.(error); failed {
				return nil, err
			}
			return v, nil
		})
	}
}

func bytesOf(v driver.Value) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	return nil
}

// wholeHop is the size of a hop as it was written before: node id, channel, amount and
// expiry, big-endian.
const wholeHop = 33 + 8 + 8 + 4

func wholeHops(b []byte) (hops []pay.Hop, err error) {
	if len(b)%wholeHop != 0 {
		return nil, fmt.Errorf("%w: a route ends in the middle of a hop", ErrDamaged)
	}
	for ; len(b) > 0; b = b[wholeHop:] {
		hops = append(hops, pay.Hop{
			NodeID:     wire.NodeID(b[:33]),
			SCID:       wire.ShortChannelID(binary.BigEndian.Uint64(b[33:])),
			Amount:     amount.MilliSatoshi(binary.BigEndian.Uint64(b[41:])),
			CLTVExpiry: binary.BigEndian.Uint32(b[49:]),
		})
	}
	return hops, nil
}

package compact

import (
	"encoding/json"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// failure is the form of a routing failure, in JSON.
type failure struct {
	Index     int                 `json:"i"`
	Node      []byte              `json:"n,omitempty"`
	Channel   wire.ShortChannelID `json:"c,omitempty"`
	Direction uint8               `json:"d,omitempty"`
	Code      uint16              `json:"f,omitempty"`
	Message   []byte              `json:"m,omitempty"`
	Text      string              `json:"t,omitempty"`
}

// Failure is the form of why an attempt failed.
func Failure(f *pay.Failure) ([]byte, error) {
	out := failure{
		Index: f.ErringIndex, Channel: f.ErringChannel, Direction: f.ErringDirection, Code: f.FailCode, Message: f.Message, Text: f.Text,
	}
	if f.ErringNode != (wire.NodeID{}) {
		out.Node = f.ErringNode[:]
	}
	return json.Marshal(out)
}

// ReadFailure is the reverse of [Failure].
func ReadFailure(b []byte) (*pay.Failure, error) {
	var f failure
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	out := &pay.Failure{
		ErringIndex: f.Index, ErringChannel: f.Channel, ErringDirection: f.Direction, FailCode: f.Code, Message: f.Message, Text: f.Text,
	}
	copy(out.ErringNode[:], f.Node)
	return out, nil
}

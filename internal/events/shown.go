package events

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kinds are the kinds of events.
var Kinds = []string{"invoice", "payment", "forward", "channel"}

// ParseKinds reads kinds with commas between them; nothing: nil, which is all.
func ParseKinds(text string) (kinds []string, err error) {
	if text == "" {
		return nil, nil
	}
	for k := range strings.SplitSeq(text, ",") {
		if k = strings.TrimSpace(k); !slices.Contains(Kinds, k) {
			return nil, fmt.Errorf("there are no events of kind %q", k)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// Data is a JSON object.
type Data json.RawMessage

// Words says what it is, for the pages of commands.
func (Data) Words() string { return "an object" }

// MarshalJSON implements [json.Marshaler].
func (d Data) MarshalJSON() ([]byte, error) { return d, nil }

// Shown is an entry as clients see it.
type Shown struct {
	Index uint64 `json:"index" doc:"its place in the log"`
	Time  int64  `json:"time" doc:"unix seconds at which it was written"`
	Kind  string `json:"kind" doc:"invoice, payment, forward or channel"`
	Key   string `json:"key" doc:"which: the label of an invoice, the hash of a payment, the incoming channel's id, / and the HTLC's number there, the id of a channel"`
	State string `json:"state" doc:"how it is from then on"`
	Data  Data   `json:"data,omitempty" doc:"of a forward: the fields of Core Lightning's forward_event, as listforwards has them, and payment_hash"`
}

// Show is the entry as clients see it.
func (e Entry) Show() Shown { return Shown{e.Index, e.Time, e.Kind, e.Key, e.State, e.Data} }

package events

import (
	"fmt"
	"slices"
	"strings"
)

// Kinds are the kinds of events.
var Kinds = []string{"invoice", "payment", "channel"}

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

// Shown is an entry as clients see it.
type Shown struct {
	Index uint64 `json:"index" doc:"its place in the log"`
	Time  int64  `json:"time" doc:"unix seconds at which it was written"`
	Kind  string `json:"kind" doc:"invoice, payment or channel"`
	Key   string `json:"key" doc:"which: the label of an invoice, the hash of a payment, the id of a channel"`
	State string `json:"state" doc:"how it is from then on"`
}

// Show is the entry as clients see it.
func (e Entry) Show() Shown { return Shown{e.Index, e.Time, e.Kind, e.Key, e.State} }

package events

import (
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Step is the part of a payment's life that a message carries, under the names
// by which users know them.
type Step string

// The steps of a payment over one channel, in their order. HTLCSigned and the
// two last ones take a commitment_signed and a revoke_and_ack in each direction.
const (
	FindPath        Step = "find path"
	AddHTLC         Step = "add HTLC"
	HTLCSigned      Step = "HTLC signed"
	ForwardR        Step = "forward R"
	SignR           Step = "sign R"
	CloseHTLC       Step = "close HTLC"
	CloseHTLCSigned Step = "close HTLC signed"
	FailHTLC        Step = "fail HTLC"
)

// Direction says whether we sent a message or received it.
type Direction string

// The directions of a message.
const (
	Sent     Direction = "sent"
	Received Direction = "received"
)

// Trace is one message in the life of a payment, as this node saw it.
type Trace struct {
	Time        time.Time
	Step        Step
	PaymentHash wire.PaymentHash
	Channel     wire.ChannelID // zero for FindPath
	ShortID     wire.ShortChannelID
	Peer        wire.NodeID
	Direction   Direction
	Message     string              // such as "update_add_htlc"
	HTLC        uint64              // the HTLC's id in its channel
	Offered     bool                // by us
	Amount      amount.MilliSatoshi // of the HTLC
	Property    amount.Property     // whose tokens it carries; 0: it pays bitcoin
	Units       amount.Units        // of Property
	Local       uint64              // our commitment number after the message
	Remote      uint64              // the peer's commitment number after the message
	Balances    *Balances           // of a commitment_signed
	Note        string              // more in words; empty for most
}

// Balance is what each side of a channel has in a commitment without what is in HTLCs,
// before fees.
type Balance struct {
	Ours, Peers           amount.MilliSatoshi
	OursUnits, PeersUnits amount.Units // of the channel's tokens
}

// Balances are those of the commitment that a commitment_signed replaces, and of the one
// that it makes.
type Balances struct {
	Remote        bool // it is the peer's commitment
	Before, After Balance
}

// keep is how many traces stay in memory.
const keep = 4096

// Traces is the bounded memory of traces with its followers. It is safe for
// concurrent use; the zero value is ready.
type Traces struct {
	mu      sync.Mutex
	first   uint64 // index of ring[0]
	ring    []Trace
	changed chan struct{}
}

// Emit keeps traces and shows them to followers.
func (t *Traces) Emit(traces ...Trace) {
	if len(traces) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring = append(t.ring, traces...)
	if over := len(t.ring) - keep; over > keep/4 {
		t.ring = append(t.ring[:0], t.ring[over:]...)
		t.first += uint64(over)
	}
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// After returns the traces from index on, the index to go on from, and a channel
// that is closed when there are more. A reader that fell behind the memory gets
// what is still kept.
func (t *Traces) After(index uint64) ([]Trace, uint64, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	index = max(index, t.first)
	next := t.first + uint64(len(t.ring))
	if index > next {
		index = next
	}
	out := make([]Trace, next-index)
	copy(out, t.ring[index-t.first:])
	return out, next, t.changed
}

// Of returns what is kept of one payment, oldest first.
func (t *Traces) Of(hash wire.PaymentHash) []Trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Trace
	for _, tr := range t.ring {
		if tr.PaymentHash == hash {
			out = append(out, tr)
		}
	}
	return out
}

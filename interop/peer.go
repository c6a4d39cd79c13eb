package interop

import (
	"context"
	"fmt"
)

// Peer is a Lightning node of any kind in a process of its own.
type Peer interface {
	Name() string
	ID() string   // of the node, in hexadecimal
	Addr() string // where it listens for others
	Log() string

	Start(ctx context.Context) error // again, after Kill or Stop
	Kill() error                     // as a power cut would
	Stop() error

	Height(ctx context.Context) (uint32, error) // to which it has processed the chain
	NewAddress(ctx context.Context) (string, error)
	OnChain(ctx context.Context) (sat uint64, err error) // confirmed, and free to spend

	Connect(ctx context.Context, to Peer) error
	Disconnect(ctx context.Context, from Peer) error // though there are channels
	Connected(ctx context.Context) ([]string, error) // ids
	Open(ctx context.Context, to Peer, o Open) error // returns when the funding transaction was broadcast
	Channels(ctx context.Context) ([]Channel, error) // that are not closed for good
	Close(ctx context.Context, c Channel, force bool) (txid string, err error)

	Invoice(ctx context.Context, i Ask) (Invoice, error)
	Paid(ctx context.Context, hash string) (msat uint64, err error) // what an invoice got; 0: nothing
	Forget(ctx context.Context, i Invoice) error                    // take it back
	Pay(ctx context.Context, p Pay) (Receipt, error)                // error: a *Refused when it has failed for good

	// Outcome is how a payment has ended: with a receipt, with a *Refused, or with any
	// other error while that is open. One that the node has never heard of is a Refused.
	Outcome(ctx context.Context, hash string) (Receipt, error)

	// PayAnyway sends one HTLC for an invoice, whatever the invoice says.
	PayAnyway(ctx context.Context, to Peer, i Invoice, a Anyway) (Receipt, error)

	Graph(ctx context.Context) (Graph, error)
}

// Chain is what the nodes of a network read, in a process of its own.
type Chain interface {
	Kill() error
	Mine(ctx context.Context, blocks int) error
	Height(ctx context.Context) (uint32, error)
	Send(ctx context.Context, address string, sat uint64) error // pays on-chain
	AwaitTx(ctx context.Context, count int) error               // until so many transactions wait for a block

	forLeyden() []string // arguments that make a node read it
	forLND() []string
}

// Open says which channel to open.
type Open struct {
	Sat, Push uint64
	Private   bool // by aliases only
	ZeroConf  bool // private, and used before it confirms
}

// Channel is a channel as one side sees it.
type Channel struct {
	Point    string // funding transaction and output: txid:n
	SCID     string // blockxtransactionxoutput; empty: not confirmed
	Peer     string
	Capacity uint64 // satoshi
	ToUs     uint64 // millisatoshi; lnd tells satoshi only
	HTLCs    int
	Ready    bool // carries payments now
	Private  bool
	State    string // in the node's own words
	Lacks    string // what it waits for when it is not ready, where the node tells
}

// Ask says which invoice to make.
type Ask struct {
	Msat    uint64 // 0: any amount
	Expiry  uint64 // seconds; 0: the node's default
	Private bool   // name unannounced channels in the invoice
}

// Invoice is what a payee gives to a payer.
type Invoice struct {
	Bolt11, Hash string
	Secret       string // of the payment, in hexadecimal
	label        string // its name at the payee
}

// Pay says what to pay.
type Pay struct {
	Bolt11  string
	Msat    uint64 // when the invoice leaves it open
	MaxFee  uint64 // millisatoshi; 0: 5 per cent
	Seconds uint64 // to go on trying; 0: 30
}

// Anyway says what to send where the invoice does not count.
type Anyway struct {
	Msat        uint64 // that arrive
	LessFee     uint64 // millisatoshi that the first hop is not given
	FewerBlocks uint32 // that it is not given
}

// Receipt is what a payer got for a payment.
type Receipt struct {
	Preimage string
	Fee      uint64 // millisatoshi
	Parts    int
}

// Refused is the error of a payment that has failed for good.
type Refused struct {
	Why  string // in the node's words
	Code uint16 // of BOLT 4, of the last failure that came back; 0: none did
	From int    // how many hops away it was made
}

func (r *Refused) Error() string {
	if r.Code == 0 {
		return r.Why
	}
	return fmt.Sprintf("%s (failure %#x from hop %d)", r.Why, r.Code, r.From)
}

// Graph is what a node knows of the network.
type Graph struct {
	Channels map[string]Policy // by short channel id/direction, as 103x1x0/1
	Nodes    map[string]string // the alias of each that announced itself
}

// Policy are a node's terms for forwarding.
type Policy struct {
	FeeBase, FeePPM  uint64
	Delta            uint32
	HTLCMin, HTLCMax uint64
	Disabled         bool
}

// scid is a short channel id as everybody but lnd writes it.
func scid(n uint64) string { return fmt.Sprintf("%dx%dx%d", n>>40, n>>16&0xffffff, n&0xffff) }

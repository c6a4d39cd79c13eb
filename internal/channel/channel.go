package channel

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// Opened is what the opening conversation ends in: both sides hold the other's
// signature on their commitment number 0.
type Opened struct {
	Params      ParamsRow
	ToLocal     amount.MilliSatoshi // our balance at the start
	Tokens      amount.Units        // that are ours at the start
	FeePerKw    uint32              // feerate_per_kw of open_channel
	RemotePoint wire.Point          // their first_per_commitment_point
	Signatures                      // theirs, on our commitment number 0
	SimpleClose bool                // option_simple_close was negotiated on this connection
}

// Channel is one channel's state machine. It is not safe for concurrent use.
type Channel struct {
	// What belongs to the channel.
	params ParamsRow
	rules  tally.Rules
	status StatusRow

	// What is in flight.
	steps   dance.Steps
	fees    dance.Feerates
	htlcs   [2][]*htlc // by who offered them, in order of id
	nextID  [2]uint64  // of the next HTLC that a side offers
	points  [2]wire.Point
	secrets *script.Secrets

	// What belongs to a funding transaction: one today, more with splicing.
	fundings []funding

	conn    connection
	pending outcome
	limits  tallies // derived, see limits.go
	height  uint32  // of the last block that was seen
	grace   uint32  // see Grace
	woke    uint32  // see Woke
	bounds  FeeBounds
	state   string // as the log of events has it

	agreed bool   // since the rows were loaded the peer has said by its numbers that they are not old
	blamed string // an error that the peer sent before that; empty: none
	since  uint32 // height at which it was there

	forwarded map[Ref]uint32 // see Grace
}

// The two points of theirs that we know: of their commitment number
// revoked[Remote] and of the one after it.
const (
	current = iota
	following
)

// htlc is an HTLC that is not done: its row, and what is at stage 0.
type htlc struct {
	HTLCRow
	proposed removal // a removal at stage 0; its Kind is NotRemoved when there is none
	// attribution goes with the removal, on its way to the peer or from it. It is no
	// row: after a restart the hops of the route are not told apart.
	attribution *wire.Attribution
	inserted    bool // the row is in the table
	changed     bool // the row must be written
}

// removal is what an update_fulfill_htlc, update_fail_htlc or
// update_fail_malformed_htlc says.
type removal struct {
	Kind      RemovalKind
	Preimage  *wire.Preimage
	Reason    []byte
	Malformed *Malformed
}

func (h *htlc) by() dance.Side {
	if h.Incoming {
		return dance.Remote
	}
	return dance.Local
}

func (h *htlc) ref() Ref { return Ref{h.Channel, h.ID} }

// removing tells whether there is a removal, at whatever stage.
func (h *htlc) removing() bool { return h.Removal != NotRemoved || h.proposed.Kind != NotRemoved }

// fulfilled tells whether the removal, at whatever stage, is by preimage.
func (h *htlc) fulfilled() bool {
	return h.Removal == RemovedByPreimage || h.proposed.Kind == RemovedByPreimage
}

// funding is one funding transaction with the newest commitments that spend it.
type funding struct {
	sides   [2]script.Params // by the commitment's broadcaster
	toLocal tally.Load
	ours    CommitmentRow
}

// connection is what ends with a connection.
type connection struct {
	points        Points // nil: not connected
	established   bool   // channel_reestablish has gone both ways
	dead          bool   // a rule was broken: nothing more is listened to
	shutdownSent  bool
	shutdownTheir bool
	begun         bool // the closing transaction is being negotiated
	negotiation   *closing.Negotiation
	terms         closing.Terms
	simple        bool              // option_simple_close was negotiated
	waiting       *closing.Complete // our closing_complete that has no closing_sig yet; nil: none
	offered       *closing.Complete // the last one; nil: none
	asked         uint32            // height at which it was sent
}

// FeeBounds is what we take from the opener's update_fee, in satoshi per 1000
// weight.
type FeeBounds struct{ Low, High uint32 }

// minFeePerKw is the feerate below which nodes do not relay: 1 satoshi for a
// virtual byte, rounded as they do.
const minFeePerKw = 253

// defaultBounds hold until [Channel.SetFeeBounds] says better. With anchors the
// feerate matters little to who does not pay it.
var defaultBounds = FeeBounds{Low: minFeePerKw, High: 1_000_000}

// New begins a channel at its first commitments, on the connection on which it
// was opened. The first [Channel.Take] writes its rows; it must be committed
// before funding_signed is sent, by the opener before the funding transaction is
// broadcast. The signer must know of nothing signed but commitment 0.
func New(o Opened, p Points) *Channel {
	c := empty(o.Params)
	c.fees[dance.Irrevocable] = o.FeePerKw
	c.points[current] = o.RemotePoint
	c.fundings[0].toLocal = tally.Load{Msat: o.ToLocal, Tokens: o.Tokens}
	c.fundings[0].ours = CommitmentRow{Channel: o.Params.Channel, Signatures: o.Signatures}
	c.status = StatusRow{Channel: o.Params.Channel}
	c.conn = connection{points: p, established: true, simple: o.SimpleClose}
	c.agreed = true
	c.pending.params, c.pending.state, c.pending.status, c.pending.commitment = true, true, true, true
	if o.Params.MinimumDepth == 0 {
		c.ready()
	}
	return c
}

func empty(p ParamsRow) *Channel {
	side := func(s dance.Side) script.Params {
		mine, other, limits, theirs := p.LocalKeys, p.RemoteKeys, p.LocalLimits, p.RemoteLimits
		if s == dance.Remote {
			mine, other, limits, theirs = other, mine, theirs, limits
		}
		return script.Params{
			Format: p.Format, Funding: p.Funding, Capacity: p.Capacity,
			Broadcaster: mine, Countersignatory: other,
			BroadcasterIsOpener: p.LocalIsOpener == (s == dance.Local),
			ToSelfDelay:         theirs.ToSelfDelay,
			DustLimit:           limits.DustLimit,
			Property:            p.Property, Tokens: p.Tokens,
		}
	}
	opener := dance.Remote
	if p.LocalIsOpener {
		opener = dance.Local
	}
	return &Channel{
		params: p,
		rules: tally.Rules{
			Format: p.Format, Opener: opener, DustLimit: [2]amount.Satoshi{p.LocalLimits.DustLimit, p.RemoteLimits.DustLimit},
			HTLCs: int(p.LocalLimits.MaxAcceptedHTLCs) + int(p.RemoteLimits.MaxAcceptedHTLCs),
		},
		secrets:  &script.Secrets{},
		fundings: []funding{{sides: [2]script.Params{side(dance.Local), side(dance.Remote)}}},
		bounds:   defaultBounds,
	}
}

// errRows means that stored rows contradict each other.
var errRows = errors.New("stored channel contradicts itself")

// Load rebuilds the machine from its rows; it is not connected.
func Load(r Rows) (*Channel, error) {
	c := empty(r.Params)
	s := r.State
	c.status = r.Status
	c.steps.Signed = dance.Numbers{dance.Local: s.Received, dance.Remote: s.Signed}
	c.steps.Revoked = dance.Numbers{dance.Local: s.Received, dance.Remote: s.Revoked}
	c.steps.SignedAfter = s.SignedAfter
	c.fees = dance.Feerates{dance.Committed: s.FeeCommitted, dance.Revoked: s.FeeRevoked, dance.AckCommitted: s.FeeAckCommitted, dance.Irrevocable: s.FeeIrrevocable}
	c.points = [2]wire.Point{s.CurrentPoint, s.NextPoint}
	c.nextID = [2]uint64{dance.Local: s.NextLocalID, dance.Remote: s.NextRemoteID}
	c.fundings[0].toLocal = tally.Load{Msat: s.ToLocal, Tokens: s.TokensToLocal}
	c.fundings[0].ours = r.Commitment
	buckets := make([]script.Bucket, len(r.Secrets))
	for i, b := range r.Secrets {
		buckets[i] = script.Bucket{Bucket: b.Bucket, Number: b.Number, Secret: b.Secret}
	}
	var err error
	if c.secrets, err = script.LoadSecrets(buckets); err != nil {
		return nil, fmt.Errorf("%w: %w", errRows, err)
	}
	for _, row := range r.HTLCs {
		if row.Done {
			continue
		}
		h := &htlc{HTLCRow: row, inserted: true}
		c.htlcs[h.by()] = append(c.htlcs[h.by()], h)
	}
	for side := range c.htlcs {
		slices.SortFunc(c.htlcs[side], func(a, b *htlc) int { return cmp.Compare(a.ID, b.ID) })
	}
	switch {
	case s.Signed != s.Revoked && s.Signed != s.Revoked+1:
		err = fmt.Errorf("%d commitments signed and %d revoked", s.Signed, s.Revoked)
	case c.secrets.Next() != s.Revoked:
		err = fmt.Errorf("%d secrets of %d revocations", c.secrets.Next(), s.Revoked)
	case r.Commitment.Number != s.Received:
		err = fmt.Errorf("commitment %d is stored, %d was received", r.Commitment.Number, s.Received)
	case s.FeeIrrevocable == 0 || s.Channel != r.Params.Channel || s.ToLocal > r.Params.Capacity.Msat(),
		s.TokensToLocal > r.Params.Tokens, (r.Params.Tokens > 0) != (r.Params.Format == script.Tokens):
		err = fmt.Errorf("state of channel %s", s.Channel)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRows, err)
	}
	c.state = c.State()
	return c, nil
}

// ID is the channel's id.
func (c *Channel) ID() wire.ChannelID { return c.params.Channel }

// Params is what never changes.
func (c *Channel) Params() ParamsRow { return c.params }

// Status is what changes rarely.
func (c *Channel) Status() StatusRow { return c.status }

// opener is the side that pays the fees.
func (c *Channel) opener() dance.Side { return c.rules.Opener }

// announced are the limits that a side announced: they bind the other one.
func (c *Channel) announced(s dance.Side) *Limits {
	if s == dance.Local {
		return &c.params.LocalLimits
	}
	return &c.params.RemoteLimits
}

// Online tells whether messages may be sent: channel_reestablish has gone both ways,
// and the channel is open.
func (c *Channel) Online() bool {
	return c.conn.established && !c.conn.dead && c.status.Status == Open
}

// theyAreReady tells whether their channel_ready has come.
func (c *Channel) theyAreReady() bool { return c.points[following] != wire.Point{} }

// usable tells whether both sides have sent channel_ready.
func (c *Channel) usable() bool { return c.status.ReadySent && c.theyAreReady() }

// shuttingDown tells whether a mutual close has begun.
func (c *Channel) shuttingDown() bool {
	return c.status.LocalShutdown != nil || c.status.RemoteShutdown != nil
}

// find gives the HTLC of an id that is not done; nil: there is none.
func (c *Channel) find(by dance.Side, id uint64) *htlc {
	i, found := slices.BinarySearchFunc(c.htlcs[by], id, func(h *htlc, id uint64) int { return cmp.Compare(h.ID, id) })
	if !found {
		return nil
	}
	return c.htlcs[by][i]
}

// each visits every HTLC that is not done: ours by id, then theirs.
func (c *Channel) each(visit func(*htlc)) {
	for _, list := range c.htlcs {
		for _, h := range list {
			visit(h)
		}
	}
}

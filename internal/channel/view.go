package channel

import (
	"errors"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// State is the channel's state by the names of Core Lightning.
func (c *Channel) State() string {
	switch s := c.status; {
	case s.Status == Closed:
		return "CLOSED"
	case s.Status == Spent:
		return "FUNDING_SPEND_SEEN"
	case s.Status == Failed, s.Status == Lost:
		return "AWAITING_UNILATERAL"
	case s.Closing != nil:
		return "CLOSINGD_COMPLETE"
	case s.LocalShutdown != nil && s.RemoteShutdown != nil && c.drained():
		return "CLOSINGD_SIGEXCHANGE"
	case c.shuttingDown():
		return "CHANNELD_SHUTTING_DOWN"
	case !c.usable():
		return "CHANNELD_AWAITING_LOCKIN"
	}
	return "CHANNELD_NORMAL"
}

// View is what lists show of a channel. It is made from a machine or, for those
// who read rows, from a machine that was just loaded.
type View struct {
	State               string
	Connected           bool                // channel_reestablish has gone both ways
	ToLocal, ToRemote   amount.MilliSatoshi // balances without what is in HTLCs, before fees
	Spendable           amount.MilliSatoshi // the largest HTLC that can be offered now, or could once connected
	Receivable          amount.MilliSatoshi // the largest HTLC that the peer can offer
	ReserveLocal        amount.Satoshi      // what we must keep
	ReserveRemote       amount.Satoshi      // what the peer must keep
	FeePerKw            uint32              // of our latest commitment
	LastFee             amount.Satoshi      // fee that our latest commitment takes from the opener, anchors not included
	HTLCs               []HTLCView          // in flight: ours by id, then theirs
	NumberOfCommitments [2]uint64           // numbers of the latest commitments, by side
	Blamed              string              // see [Blamed]; in no row

	// Of a channel with tokens; Spendable and Receivable are zero there.
	TokensToLocal, TokensToRemote         amount.Units        // balances without what is in HTLCs
	TokensSpendable, TokensReceivable     amount.Units        // the most that an HTLC can have now, with enough satoshi
	Carrier                               amount.MilliSatoshi // the least that goes with them
	TokenReserveLocal, TokenReserveRemote amount.Units        // what each side keeps
}

// HTLCView is an HTLC in flight.
type HTLCView struct {
	Incoming     bool
	ID           uint64
	Amount       amount.MilliSatoshi
	Tokens       amount.Units
	PaymentHash  wire.PaymentHash
	CLTVExpiry   uint32
	Added        dance.Stage
	Removing     bool
	Removed      dance.Stage // when Removing
	Fulfilled    bool        // by its preimage, when Removing
	LocalTrimmed bool        // has no output in our commitment
}

// View shows the channel.
func (c *Channel) View() View {
	t := c.tallied()
	fee := c.fees.Signed(dance.Local, c.opener())
	ours, theirs := t.full[dance.Local].Balance[dance.Local].Load(), t.full[dance.Local].Balance[dance.Remote].Load()
	v := View{
		State: c.State(), Connected: c.Online(),
		ToLocal: ours.Msat, ToRemote: theirs.Msat, TokensToLocal: ours.Tokens, TokensToRemote: theirs.Tokens,
		TokensSpendable: c.TokensSpendable(), TokensReceivable: c.mostTokens(dance.Remote, func(tally.Load) bool { return true }),
		Carrier: c.Carrier(), TokenReserveLocal: c.params.RemoteLimits.Tokens.Reserve, TokenReserveRemote: c.params.LocalLimits.Tokens.Reserve,
		Spendable: c.Spendable(), Receivable: c.receivable(),
		ReserveLocal:        c.params.RemoteLimits.ChannelReserve,
		ReserveRemote:       c.params.LocalLimits.ChannelReserve,
		FeePerKw:            fee,
		LastFee:             script.CommitFee(c.params.Format, fee, t.full[dance.Local].Untrimmed),
		NumberOfCommitments: c.steps.Signed, Blamed: c.blamed,
	}
	c.each(func(h *htlc) {
		v.HTLCs = append(v.HTLCs, HTLCView{
			Incoming: h.Incoming, ID: h.ID, Amount: h.Amount, Tokens: h.Tokens, PaymentHash: h.PaymentHash, CLTVExpiry: h.CLTVExpiry,
			Added: c.steps.Stage(h.by(), h.Added), Removing: h.removing(), Removed: c.steps.Stage(h.by().Other(), h.Removed),
			Fulfilled:    h.fulfilled(),
			LocalTrimmed: c.rules.Trimmed(dance.Local, h.by(), h.Amount, fee),
		})
	})
	return v
}

// Spendable is the largest amount that [Channel.Offer] takes now, or would take
// if the peer were connected; zero when it takes none.
func (c *Channel) Spendable() amount.MilliSatoshi {
	return c.largest(dance.Local, func(a amount.MilliSatoshi) bool { return c.mayOffer(tally.Load{Msat: a}) == nil })
}

// receivable is the largest amount that the peer can offer, as far as we can
// tell: its own reserve for a rise of the feerate is its own affair.
func (c *Channel) receivable() amount.MilliSatoshi {
	return c.largest(dance.Remote, func(amount.MilliSatoshi) bool { return true })
}

// largest is the largest amount that a side may add and that is also ok. Both
// conditions hold up to some amount, with one jump where HTLCs begin to have an
// output, which costs a fee, and one where they stop to be dust.
func (c *Channel) largest(by dance.Side, ok func(amount.MilliSatoshi) bool) amount.MilliSatoshi {
	if c.status.Status != Open || !c.usable() || c.shuttingDown() || c.rules.Rides() {
		return 0
	}
	may := func(a amount.MilliSatoshi) bool { return c.mayAdd(by, tally.Load{Msat: a}, 0) == nil && ok(a) }
	dust := (max(c.params.LocalLimits.DustLimit, c.params.RemoteLimits.DustLimit) +
		script.HTLCFee(c.params.Format, false, c.spiked())).Msat()
	low := c.announced(by.Other()).HTLCMinimum
	if high := c.params.Capacity.Msat(); high >= dust && may(max(dust, low, 1)) {
		return tally.Search(max(dust, low, 1), high, may)
	}
	if low = max(low, 1); low < dust && may(low) {
		return tally.Search(low, dust-1, may)
	}
	return 0
}

// ErrLost is the refusal to broadcast a commitment after a loss of state.
var ErrLost = errors.New("state was lost: our commitment may be revoked and must never be broadcast")

// OurCommitment is our latest commitment, to be broadcast when the channel has
// failed, with the peer's signatures on its HTLC transactions. Errors: [ErrLost]
// and the signer's.
func (c *Channel) OurCommitment(s Signer) (*script.Commitment, *btcwire.MsgTx, []wire.Signature, error) {
	if c.status.Status == Lost {
		return nil, nil, nil, ErrLost
	}
	commitment, htlcs, err := c.Ours(s)
	if err != nil {
		return nil, nil, nil, err
	}
	sig, err := s.SignOurs(commitment)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("channel %s: commitment %d: %w", c.params.Channel, commitment.Number, err)
	}
	return commitment, commitment.Signed(sig, c.fundings[0].ours.Signature), htlcs, nil
}

// TheirCommitments are the peer's commitments that are not revoked and that it
// may broadcast: the one that it holds for sure, and the one that we signed
// after it, if its revocation is still awaited.
func (c *Channel) TheirCommitments() ([]*script.Commitment, error) {
	f := &c.fundings[0]
	n := c.steps.Revoked[dance.Remote]
	held, err := c.build(f, dance.Remote, n, c.points[current], c.fees.Held(dance.Remote, c.opener()),
		func(_ dance.Side, u dance.Numbers) bool { return dance.At(dance.Remote, n, u) })
	if err != nil || !c.steps.Awaiting() {
		return []*script.Commitment{held}, err
	}
	latest, err := c.buildLatest(f, dance.Remote, c.points[following])
	return []*script.Commitment{held, latest}, err
}

// Secret is the secret of a commitment that the peer has revoked.
func (c *Channel) Secret(number uint64) ([32]byte, bool) { return c.secrets.Get(number) }

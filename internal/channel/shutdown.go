package channel

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Refusals of [Channel.Shutdown].
var (
	ErrUpfrontScript = errors.New("channel was opened with a fixed closing script: leave the destination out")
	ErrClosing       = errors.New("channel is being closed to another script already")
)

// Shutdown begins a mutual close: our money goes to script, or to the script of
// the parameters when it is nil. feePerKw is the feerate to aim at, in satoshi
// per 1000 weight; zero means that of the commitments. The wish is remembered
// until it is granted. It may be repeated to change the feerate; with
// option_simple_close, to raise it, also when a transaction was signed. Errors:
// [ErrClosed], [ErrUpfrontScript], [ErrClosing] and closing.ErrScript.
func (c *Channel) Shutdown(scriptPubKey []byte, feePerKw uint32) error {
	return c.ShutdownWithin(scriptPubKey, closing.Fees{Aim: feePerKw})
}

// ShutdownWithin is Shutdown with limits for the feerate. Where it is the peer who pays
// for the closing transaction, it may pay more.
func (c *Channel) ShutdownWithin(scriptPubKey []byte, fees closing.Fees) error {
	if c.status.Status != Open {
		return ErrClosed
	}
	begun := c.status.LocalShutdown
	if scriptPubKey == nil {
		scriptPubKey = c.params.LocalScript
		if begun != nil {
			scriptPubKey = begun
		}
	}
	// BOLT 2: "if it sent a non-zero-length `shutdown_scriptpubkey` in
	// `open_channel` or `accept_channel`: - MUST send the same value in
	// `scriptpubkey`."
	if c.params.LocalUpfront && !bytes.Equal(scriptPubKey, c.params.LocalScript) {
		return ErrUpfrontScript
	}
	if begun != nil && !bytes.Equal(scriptPubKey, begun) {
		return ErrClosing
	}
	if err := closing.CheckOurs(scriptPubKey, c.forms()); err != nil {
		return err
	}
	if fees.Aim == 0 {
		fees.Aim = c.fees[dance.Irrevocable]
	}
	c.status.CloseFees = fees.Within()
	c.pending.status = true
	if begun == nil {
		c.status.LocalShutdown = bytes.Clone(scriptPubKey)
		c.raise(ShutdownStarted{})
	}
	return nil
}

func (c *Channel) forms() closing.Forms {
	return closing.Forms{AnySegwit: c.params.AnySegwit || c.conn.simple, SimpleClose: c.conn.simple, Tokens: c.rules.Rides()}
}

func (c *Channel) receiveShutdown(m *wire.Shutdown) *Violation {
	switch {
	case c.conn.shutdownTheir:
		return warnf("shutdown twice on one connection")
	// BOLT 2: "if there are updates pending on the receiving node's commitment
	// transaction: - MUST NOT send a `shutdown`."
	case c.uncommitted(dance.Remote):
		return warnf("shutdown with updates that are not committed")
	case closing.CheckTheirs(m.ScriptPubkey, c.forms()) != nil:
		return warnf("shutdown: %v", closing.ErrScript)
	// BOLT 2: "if both nodes advertised the `option_upfront_shutdown_script`
	// feature, and the receiving node received a non-zero-length
	// `shutdown_scriptpubkey` in `open_channel` or `accept_channel`, and that
	// `shutdown_scriptpubkey` is not equal to `scriptpubkey`: - MAY send a
	// `warning`. - MUST fail the connection."
	case len(c.params.RemoteUpfront) > 0 && !bytes.Equal(m.ScriptPubkey, c.params.RemoteUpfront):
		return warnf("shutdown to another script than upfront_shutdown_script")
	case c.status.RemoteShutdown != nil && !c.conn.simple && !bytes.Equal(m.ScriptPubkey, c.status.RemoteShutdown):
		return warnf("shutdown to another script than before")
	}
	c.conn.shutdownTheir = true
	if !bytes.Equal(m.ScriptPubkey, c.status.RemoteShutdown) {
		c.status.RemoteShutdown = bytes.Clone(m.ScriptPubkey)
		c.pending.status = true
	}
	if c.status.LocalShutdown == nil {
		c.status.LocalShutdown = c.params.LocalScript
		c.raise(ShutdownStarted{ByPeer: true})
	}
	return nil
}

// uncommitted tells whether a side has an update at stage 0.
func (c *Channel) uncommitted(by dance.Side) bool {
	if c.opener() == by && c.fees[dance.Proposed] != 0 {
		return true
	}
	if n := len(c.htlcs[by]); n > 0 && c.steps.Stage(by, c.htlcs[by][n-1].Added) == dance.Proposed {
		return true
	}
	for _, h := range c.htlcs[by.Other()] {
		if h.proposed.Kind != NotRemoved {
			return true
		}
	}
	return false
}

// clean tells whether no HTLC is left and no update is on its way; then no
// revocation is owed either, since every commitment that is signed moves an
// update.
func (c *Channel) clean() bool {
	return len(c.htlcs[dance.Local])+len(c.htlcs[dance.Remote]) == 0 && c.fees == dance.Feerates{dance.Irrevocable: c.fees[dance.Irrevocable]}
}

// drained is clean by the rows, which have nothing of stage 0.
func (c *Channel) drained() bool {
	return !c.some(func(h *htlc) bool { return h.Added != (dance.Numbers{}) }) &&
		c.fees == dance.Feerates{dance.Proposed: c.fees[dance.Proposed], dance.Irrevocable: c.fees[dance.Irrevocable]}
}

// emptying tells whether every HTLC is being removed, so that the peer may see a
// clean channel before we do.
//
// BOLT 2: "if no HTLCs remain in either commitment transaction (including dust
// HTLCs) and neither side has a pending `revoke_and_ack` to send: - MUST NOT send
// any `update` message after that point."
func (c *Channel) emptying() bool { return !c.some(func(h *htlc) bool { return !h.removing() }) }

func (c *Channel) some(are func(h *htlc) bool) bool {
	return slices.ContainsFunc(c.htlcs[dance.Local], are) || slices.ContainsFunc(c.htlcs[dance.Remote], are)
}

// closing tells whether only the fee of the closing transaction is open.
func (c *Channel) closing() bool {
	return c.conn.shutdownSent && c.conn.shutdownTheir && c.clean()
}

// shutdown sends our shutdown as soon as it may be sent, and begins to negotiate
// as soon as that may begin.
func (c *Channel) shutdown() {
	if !c.Online() || c.status.LocalShutdown == nil {
		return
	}
	// BOLT 2: "if it has sent a previous `shutdown`: - MUST retransmit `shutdown`."
	if !c.conn.shutdownSent && !c.uncommitted(dance.Local) {
		c.conn.shutdownSent = true
		c.send(&wire.Shutdown{ChannelID: c.params.Channel, ScriptPubkey: c.status.LocalShutdown})
	}
	if c.conn.simple {
		if c.closing() {
			c.complete()
		}
		return
	}
	// BOLT 2: "after `shutdown` has been received, AND no HTLCs remain in either
	// commitment transaction: - SHOULD send a `closing_signed` message."
	if c.params.LocalIsOpener && c.closing() && c.conn.negotiation == nil {
		c.negotiate()
	}
}

// negotiate begins the negotiation of the closing transaction's fee.
//
// BOLT 2: "SHOULD set `fee_range` according to the minimum and maximum fees it
// is prepared to pay for a close transaction."
func (c *Channel) negotiate() {
	fees := c.status.CloseFees
	if fees.Aim == 0 {
		fees.Aim = c.fees[dance.Irrevocable]
	}
	us, peer := c.share(dance.Local, c.status.LocalShutdown), c.share(dance.Remote, c.status.RemoteShutdown)
	us.DustLimit, peer.DustLimit = c.params.LocalLimits.DustLimit, c.params.RemoteLimits.DustLimit
	terms := closing.Terms{Local: us, Remote: peer, LocalIsOpener: c.params.LocalIsOpener}
	terms.Min, terms.Ideal, terms.Max = fees.Range(minFeePerKw, closing.WeightBetween(us, peer))
	if !terms.LocalIsOpener && fees.Most == 0 {
		terms.Max = max(terms.Max, c.params.Capacity) // it is not we who pay
	}
	n, offer := closing.Start(terms)
	c.conn.negotiation, c.conn.terms, c.conn.begun = &n, terms, true
	if offer != nil {
		if outs, err := terms.Offered(offer.Fee); err == nil {
			c.sendClosing(*offer, outs)
		} else {
			c.ForceClose(fmt.Sprintf("no closing transaction: %v", err))
		}
	}
}

func (c *Channel) sendClosing(o closing.Offer, outs closing.Outputs) {
	m := &wire.ClosingSigned{ChannelID: c.params.Channel, FeeSatoshis: o.Fee, FeeRange: o.Range}
	tx := c.conn.terms.Tx(&c.fundings[0].sides[dance.Local], outs)
	c.sendWith(m, func(s Signer) (err error) {
		m.Signature, err = s.SignClosing(tx, c.params.Capacity, c.fundingScript())
		return err
	})
}

func (c *Channel) fundingScript() []byte {
	witnessScript, _ := script.FundingScript(c.params.LocalKeys.Funding, c.params.RemoteKeys.Funding)
	return witnessScript
}

func (c *Channel) receiveClosing(m *wire.ClosingSigned, v Verifier) *Violation {
	if c.conn.simple {
		return warnf("closing_signed with option_simple_close")
	}
	if !c.closing() {
		return warnf("closing_signed before both shutdown, or with updates on their way")
	}
	if c.conn.negotiation == nil {
		c.negotiate()
	}
	if c.status.Status != Open {
		return nil // there is no closing transaction
	}
	outs, ok := c.signedOutputs(m, v)
	// BOLT 2: "if the `signature` is not valid for either variant of closing
	// transaction specified in [BOLT #3](03-transactions.md#closing-transaction)
	// OR non-compliant with LOW-S-standard rule"
	if !ok {
		return failf("closing_signed with an invalid signature")
	}
	next, step, err := c.conn.negotiation.Receive(closing.Offer{Fee: m.FeeSatoshis, Range: m.FeeRange})
	if err != nil {
		var b *closing.Breach
		if errors.As(err, &b) && !b.Fail {
			return warnf("closing_signed: %s", b.Text)
		}
		return failf("closing_signed: %v", err)
	}
	c.conn.negotiation = &next
	if step.Send != nil {
		if !step.Agreed {
			if outs, err = c.conn.terms.Offered(step.Send.Fee); err != nil {
				return failf("no closing transaction: %v", err)
			}
		}
		c.sendClosing(*step.Send, outs)
	}
	if step.Agreed {
		tx := c.conn.terms.Tx(&c.fundings[0].sides[dance.Local], outs)
		c.status.Closing = &Agreement{Tx: closing.Serialize(tx), Signature: m.Signature}
		c.pending.status, c.pending.agreed = true, append(c.pending.agreed, signedClosing{tx, m.Signature, true})
	}
	return nil
}

// signedOutputs finds out which transaction the peer signed.
func (c *Channel) signedOutputs(m *wire.ClosingSigned, v Verifier) (closing.Outputs, bool) {
	for _, outs := range c.conn.terms.Acceptable(m.FeeSatoshis) {
		if c.validClosing(c.conn.terms.Tx(&c.fundings[0].sides[dance.Local], outs), m.Signature, v) {
			return outs, true
		}
	}
	return closing.Outputs{}, false
}

// ClosingTx is the closing transaction that both sides agreed on, fully signed,
// to be broadcast again; nil when there is none. Errors are the signer's.
func (c *Channel) ClosingTx(s Signer) (*btcwire.MsgTx, error) {
	a := c.status.Closing
	if a == nil {
		return nil, nil
	}
	tx, err := a.parse()
	if err != nil {
		return nil, err
	}
	return c.signClosing(s, tx, a.Signature)
}

// signClosing adds our signature to the peer's.
func (c *Channel) signClosing(s Signer, tx *btcwire.MsgTx, theirs wire.Signature) (*btcwire.MsgTx, error) {
	sig, err := s.SignClosing(tx, c.params.Capacity, c.fundingScript())
	if err != nil {
		return nil, fmt.Errorf("channel %s: closing transaction: %w", c.params.Channel, err)
	}
	return script.SignedClosing(tx, c.params.LocalKeys.Funding, c.params.RemoteKeys.Funding, sig, theirs), nil
}

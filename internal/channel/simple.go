package channel

import (
	"bytes"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// What follows is the close of option_simple_close: each side offers a transaction
// that it pays for, as often as it likes, and the other one signs it.

// signedClosing is a closing transaction with the peer's signature.
type signedClosing struct {
	tx   *btcwire.MsgTx
	sig  wire.Signature
	best bool // it is to be broadcast again, until it confirms
}

// side is our or the peer's share, for a closing transaction of this connection.
func (c *Channel) share(of dance.Side, pkScript []byte) closing.Side {
	has := c.fundings[0].toLocal
	if of == dance.Remote {
		has = c.whole().Sub(has)
	}
	return closing.Side{Balance: has.Msat, Tokens: has.Tokens, Script: pkScript}
}

// complete sends our closing_complete: the first of a connection, or one that pays
// more.
//
// BOLT 2: "After a `shutdown` has been sent and received, AND no HTLCs remain in either commitment transaction: - SHOULD send a `closing_complete` message."
//
// BOLT 2: "MUST wait until it has received `closing_sig` first."
func (c *Channel) complete() {
	if c.conn.waiting != nil {
		return
	}
	us, peer := c.share(dance.Local, c.status.LocalShutdown), c.share(dance.Remote, c.status.RemoteShutdown)
	least := max(minFeePerKw, c.status.CloseFees.Least)
	p, ok := closing.Propose(us, peer, c.status.CloseFees.Offer(us, peer, c.fees[dance.Irrevocable], minFeePerKw), least)
	if last := c.conn.offered; last != nil {
		if p.Fee <= last.Fee {
			return
		}
		// What replaces a transaction pays for its own relay too.
		p.Fee = max(p.Fee, last.Fee+closing.Fee(minFeePerKw, closing.WeightBetween(p.Closer, p.Closee)))
		ok = p.Relayed(least)
		ok = ok && !c.status.CloseFees.Beyond(p.Fee, closing.WeightBetween(p.Closer, p.Closee))
	}
	if !ok {
		return // we have too little, and the peer pays
	}
	versions := p.Offered()
	c.conn.waiting, c.conn.offered, c.conn.begun, c.conn.asked = &p, &p, true, c.height
	m := &wire.ClosingComplete{
		ChannelID: c.params.Channel, CloserScriptPubkey: p.Closer.Script, CloseeScriptPubkey: p.Closee.Script, FeeSatoshis: p.Fee, Locktime: p.LockTime,
	}
	c.sendWith(m, func(s Signer) error {
		for _, v := range versions {
			sig, err := s.SignClosing(p.Tx(&c.fundings[0].sides[dance.Local], v), c.params.Capacity, c.fundingScript())
			if err != nil {
				return err
			}
			*closing.Slot(m, v) = &sig
		}
		return nil
	})
}

// patience is for how many blocks we wait for closing_sig.
const patience = 2

// nag ends a connection on which the peer does not answer our closing_complete.
//
// BOLT 2: "SHOULD close the connection if it doesn't receive `closing_sig`."
func (c *Channel) nag() {
	if c.conn.waiting != nil && c.height >= c.conn.asked+patience {
		c.pending.disconnect = true
	}
}

// Offering tells whether the peer has not answered our last closing_complete yet.
func (c *Channel) Offering() bool { return c.conn.waiting != nil }

// receiveComplete signs the transaction that the peer pays for.
func (c *Channel) receiveComplete(m *wire.ClosingComplete, v Verifier) *Violation {
	p := closing.Complete{
		Closer: c.share(dance.Remote, m.CloserScriptPubkey), Closee: c.share(dance.Local, m.CloseeScriptPubkey), Fee: m.FeeSatoshis, LockTime: m.Locktime,
	}
	switch {
	case !c.conn.simple:
		return warnf("closing_complete without option_simple_close")
	case !c.closing():
		return warnf("closing_complete before both shutdown, or with updates on their way")
	// BOLT 2: "If `fee_satoshis` is greater than the closer's outstanding balance: - MUST either send a `warning` and close the connection, or send an `error` and fail the channel."
	case !p.Payable():
		return warnf("closing_complete with a fee of %v, which is more than the closer has", m.FeeSatoshis)
	// BOLT 2: "If `closee_scriptpubkey` does not match the last script it sent (from `closing_complete` or from the initial `shutdown`): - SHOULD ignore `closing_complete`. - SHOULD send a `warning`. - SHOULD close the connection."
	case !bytes.Equal(m.CloseeScriptPubkey, c.status.LocalShutdown):
		return warnf("closing_complete does not pay to the script that we sent")
	// BOLT 2: "If `closer_scriptpubkey` is invalid (as detailed in the [`shutdown` requirements](#closing-initiation-shutdown)): - SHOULD ignore `closing_complete`. - SHOULD send a `warning`. - SHOULD close the connection."
	case closing.CheckTheirs(m.CloserScriptPubkey, c.forms()) != nil:
		return warnf("closing_complete: %v", closing.ErrScript)
	case len(c.params.RemoteUpfront) > 0 && !bytes.Equal(m.CloserScriptPubkey, c.params.RemoteUpfront):
		return warnf("closing_complete to another script than upfront_shutdown_script")
	}
	chosen := p.Chosen(func(v closing.Version) bool { return *closing.Slot(m, v) != nil })
	theirs := *closing.Slot(m, chosen)
	// BOLT 2: "If the selected signature field does not exist: - MUST either send a `warning` and close the connection, or send an `error` and fail the channel."
	if theirs == nil {
		return warnf("closing_complete without the signature that we need, of TLV %d", chosen)
	}
	if p.Strands(chosen) {
		return warnf("closing_complete would leave tokens without an output")
	}
	tx := p.Tx(&c.fundings[0].sides[dance.Local], chosen)
	if !c.validClosing(tx, *theirs, v) {
		return warnf("closing_complete with an invalid signature")
	}
	// BOLT 2: "MUST use `closer_scriptpubkey` for its own future `closing_complete` messages."
	if !bytes.Equal(m.CloserScriptPubkey, c.status.RemoteShutdown) {
		c.status.RemoteShutdown = bytes.Clone(m.CloserScriptPubkey)
		c.pending.status = true
	}
	c.conn.begun = true
	answer := &wire.ClosingSig{
		ChannelID: m.ChannelID, CloserScriptPubkey: m.CloserScriptPubkey, CloseeScriptPubkey: m.CloseeScriptPubkey, FeeSatoshis: m.FeeSatoshis, Locktime: m.Locktime,
	}
	c.sendWith(answer, func(s Signer) error {
		sig, err := s.SignClosing(tx, c.params.Capacity, c.fundingScript())
		*closing.Slot((*wire.ClosingComplete)(answer), chosen) = &sig
		return err
	})
	c.agree(tx, *theirs)
	return nil
}

// receiveSig takes the peer's signature on a transaction of ours.
func (c *Channel) receiveSig(m *wire.ClosingSig, v Verifier) *Violation {
	p := c.conn.waiting
	// BOLT 2: "If `closer_scriptpubkey`, `closee_scriptpubkey`, `fee_satoshis` or `locktime` don't match what was sent in `closing_complete`: - MUST either send a `warning` and close the connection, or send an `error` and fail the channel."
	if p == nil || m.FeeSatoshis != p.Fee || m.Locktime != p.LockTime ||
		!bytes.Equal(m.CloserScriptPubkey, p.Closer.Script) || !bytes.Equal(m.CloseeScriptPubkey, p.Closee.Script) {
		return warnf("closing_sig is of no closing_complete of ours")
	}
	var theirs *wire.Signature
	var signed closing.Version
	for _, version := range []closing.Version{closing.CloserOnly, closing.CloseeOnly, closing.Both} {
		if sig := *closing.Slot((*wire.ClosingComplete)(m), version); sig != nil {
			// BOLT 2: "If `tlvs` does not contain exactly one signature: - MUST either send a `warning` and close the connection, or send an `error` and fail the channel."
			if theirs != nil {
				return warnf("closing_sig with more than one signature")
			}
			theirs, signed = sig, version
		}
	}
	if theirs == nil {
		return warnf("closing_sig without a signature")
	}
	offered := false
	for _, version := range p.Offered() {
		offered = offered || version == signed
	}
	// BOLT 2: "If `tlvs` does not contain one of the TLV fields sent in `closing_complete`: - MUST either send a `warning` and close the connection, or send an `error` and fail the channel."
	if !offered {
		return warnf("closing_sig of a transaction that we did not sign")
	}
	tx := p.Tx(&c.fundings[0].sides[dance.Local], signed)
	if !c.validClosing(tx, *theirs, v) {
		return warnf("closing_sig with an invalid signature")
	}
	c.conn.waiting = nil
	c.agree(tx, *theirs)
	return nil
}

// validClosing checks the peer's signature on a closing transaction.
func (c *Channel) validClosing(tx *btcwire.MsgTx, sig wire.Signature, v Verifier) bool {
	hash := script.ClosingSigHash(tx, c.fundingScript(), c.params.Capacity)
	return v.Verify([]Check{{Key: c.params.RemoteKeys.Funding, Hash: hash, Sig: sig}})
}

// agree notes a closing transaction that both sides have signed. All of them are
// broadcast; the one with the highest fee is kept.
func (c *Channel) agree(tx *btcwire.MsgTx, sig wire.Signature) {
	best := c.better(tx)
	if best {
		c.status.Closing = &Agreement{Tx: closing.Serialize(tx), Signature: sig}
		c.pending.status = true
	}
	c.pending.agreed = append(c.pending.agreed, signedClosing{tx, sig, best})
}

// ahead is how many blocks the peer's chain may be ahead of ours.
const ahead = 6

// better tells whether a transaction is worth keeping instead of the one that we
// have: it can be mined now and is relayed, and its fee is higher. The one that we
// have is told of again: we may have died when it was told of first.
func (c *Channel) better(tx *btcwire.MsgTx) bool {
	fee := c.closingFee(tx)
	if closing.PerKw(fee, closing.WeightOf(tx)) < minFeePerKw || c.height != 0 && tx.LockTime > c.height+ahead {
		return false
	}
	if a := c.status.Closing; a != nil {
		kept, err := a.parse()
		return err != nil || fee > c.closingFee(kept) || tx.TxHash() == kept.TxHash()
	}
	return true
}

func (c *Channel) closingFee(tx *btcwire.MsgTx) amount.Satoshi {
	fee := c.params.Capacity
	for _, out := range tx.TxOut {
		fee -= amount.Satoshi(out.Value) //nolint:gosec // of ours, and their sum is below the capacity
	}
	return fee
}

// parse reads the transaction, which is not signed.
func (a *Agreement) parse() (*btcwire.MsgTx, error) {
	tx := btcwire.NewMsgTx(2)
	if err := tx.DeserializeNoWitness(bytes.NewReader(a.Tx)); err != nil {
		return nil, fmt.Errorf("%w: closing transaction: %w", errRows, err)
	}
	return tx, nil
}

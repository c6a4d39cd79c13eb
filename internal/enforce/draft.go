package enforce

import (
	"errors"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// ErrTogether means that claims cannot be in one transaction.
var ErrTogether = errors.New("claims cannot be in one transaction")

// Draft is a transaction that takes claims. Its first inputs are those of Claims,
// in that order; its first outputs are those that the peer signed beside them, or those
// that carry tokens. Inputs and outputs may be added behind; then [Draft.Sign].
type Draft struct {
	Tx     *btcwire.MsgTx
	Claims []Claim
	In     amount.Satoshi // what the claims are worth
	Out    amount.Satoshi // what the outputs that the peer signed, or that carry tokens, are worth
}

// Assemble makes claims into a transaction without outputs of its own and without
// a fee. Error: [ErrTogether], for claims that must stand apart, that are the same
// or that the peer signed for another locktime.
func Assemble(claims ...Claim) (*Draft, error) {
	if len(claims) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrTogether)
	}
	if w := claims[0].Whole; w != nil && len(claims) == 1 {
		d := &Draft{Tx: w.Tx.Copy(), Claims: claims, In: claims[0].Value}
		for _, o := range d.Tx.TxOut {
			d.Out += value(o)
		}
		return d, nil
	}
	d := &Draft{Tx: btcwire.NewMsgTx(2), Claims: make([]Claim, 0, len(claims))}
	seen := make(map[btcwire.OutPoint]bool, len(claims))
	// What the peer signed has its output at the place of its input.
	for _, presigned := range [...]bool{true, false} {
		for i := range claims {
			c := &claims[i]
			if (c.Presigned != nil) != presigned {
				continue
			}
			if (c.Apart || c.Tokens > 0 || c.Whole != nil) && len(claims) > 1 {
				return nil, fmt.Errorf("%w: %s of %s must stand apart", ErrTogether, c.Kind, c.OutPoint)
			}
			if seen[c.OutPoint] {
				return nil, fmt.Errorf("%w: %s is claimed twice", ErrTogether, c.OutPoint)
			}
			seen[c.OutPoint] = true
			d.add(c)
		}
	}
	for i := range d.Claims {
		if c := &d.Claims[i]; c.Presigned != nil && c.LockTime != d.Tx.LockTime {
			return nil, fmt.Errorf("%w: the peer signed %s for locktime %d, another one wants %d", ErrTogether, c.OutPoint, c.LockTime, d.Tx.LockTime)
		}
	}
	return d, nil
}

func (d *Draft) add(c *Claim) {
	d.Claims = append(d.Claims, *c)
	d.Tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: c.OutPoint, Sequence: c.Sequence, SignatureScript: c.sigScript()})
	d.Tx.LockTime = max(d.Tx.LockTime, c.LockTime)
	d.In += c.Value
	if c.Presigned != nil {
		o := *c.Presigned.Output
		d.Tx.AddTxOut(&o)
		d.Out += amount.Satoshi(o.Value) //nolint:gosec // not negative
	}
}

// Carrier is what an output for tokens of ours holds: no kind of address takes it for dust.
const Carrier amount.Satoshi = 546

// Carry gives a draft that takes tokens its outputs: the payload, which gives them to
// output 1 and to no other, and that. Error: units that there cannot be.
func (d *Draft) Carry(to []byte) error {
	c := &d.Claims[0]
	payload, err := omni.SendToMany(c.Property, omni.Entry{Output: 1, Units: c.Tokens})
	if err != nil {
		return err
	}
	d.Tx.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
	d.Tx.AddTxOut(btcwire.NewTxOut(int64(Carrier), to))
	d.Out += Carrier
	return nil
}

// Weight is the most that the transaction weighs once its claims are signed. The
// witnesses of other inputs count as they are.
func (d *Draft) Weight() uint64 {
	const segwit = 2                                          // marker and flag
	weight := 4*uint64(d.Tx.SerializeSizeStripped()) + segwit //nolint:gosec // not negative
	for i, in := range d.Tx.TxIn {
		if i < len(d.Claims) {
			weight += d.Claims[i].witnessWeight()
		} else {
			weight += uint64(in.Witness.SerializeSize()) //nolint:gosec // not negative
		}
	}
	return weight
}

// Sign makes the witnesses of the claims. Every input and output must be there;
// what is changed afterwards, but for witnesses, invalidates them. Errors are the
// signers'.
func (d *Draft) Sign(signer func(wire.ChannelID) (Signer, error)) error {
	for i := range d.Claims {
		c := &d.Claims[i]
		s, err := signer(c.Channel)
		if err == nil {
			err = c.sign(s, d.Tx, i)
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", c.Kind, c.OutPoint, err)
		}
	}
	return nil
}

package channel

import (
	"fmt"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
)

// outcome gathers what the next Take gives.
type outcome struct {
	params, state, status, commitment bool // which rows to write

	secrets     []SecretRow
	htlcs       []*htlc // that changed
	settlements []SettlementRow
	out         []outgoing
	raise       []Event
	disconnect  bool
	agreed      []signedClosing
}

// outgoing is a message to send and how to sign it; sign is nil when it needs
// no signer.
type outgoing struct {
	m    wire.Message
	sign func(Signer) error
}

func (c *Channel) send(m wire.Message) { c.sendWith(m, nil) }

func (c *Channel) sendWith(m wire.Message, sign func(Signer) error) {
	c.pending.out = append(c.pending.out, outgoing{m, sign})
}

func (c *Channel) raise(e Event) { c.pending.raise = append(c.pending.raise, e) }

// write notes that an HTLC's row must be written.
func (c *Channel) write(h *htlc) {
	if !h.changed {
		h.changed = true
		c.pending.htlcs = append(c.pending.htlcs, h)
	}
}

// Take gives the outcome of all that has happened since the last one. It signs
// at most one commitment for the peer, with everything that has gathered. An
// error means that the signer refused: like a failed write, it must end the
// process.
func (c *Channel) Take(s Signer) (durable.Pending[Visible], error) {
	if c.maySign() {
		if err := c.sign(); err != nil {
			return durable.Pending[Visible]{}, fmt.Errorf("channel %s: %w", c.params.Channel, err)
		}
	}
	c.shutdown()
	p := c.pending
	c.pending = outcome{}

	visible := Visible{Raise: p.raise, Disconnect: p.disconnect}
	signed := p.params
	for _, o := range p.out {
		if o.sign != nil {
			signed = true
			if err := o.sign(s); err != nil {
				return durable.Pending[Visible]{}, fmt.Errorf("channel %s: %s: %w", c.params.Channel, wire.Name(o.m), err)
			}
		}
		visible.Send = append(visible.Send, o.m)
	}
	for _, a := range p.agreed {
		tx, err := c.signClosing(s, a.tx, a.sig)
		if err != nil {
			return durable.Pending[Visible]{}, err
		}
		visible.Raise = append(visible.Raise, ClosedMutually{Tx: tx, Best: a.best})
	}
	rows := c.rows(&p)
	if signed {
		if m := s.Memory(); m != nil {
			rows = append(rows, m)
		}
	}
	return durable.Hold(visible, rows...), nil
}

// rows are the rows that changed.
func (c *Channel) rows(p *outcome) []durable.Row {
	rows := make([]durable.Row, 0, 6+len(p.secrets)+len(p.htlcs)+len(p.settlements))
	if p.params {
		rows = append(rows, c.params)
	}
	if p.state {
		rows = append(rows, c.stateRow())
	}
	if p.status {
		rows = append(rows, c.status)
	}
	if p.commitment {
		rows = append(rows, c.fundings[0].ours)
	}
	for _, r := range p.secrets {
		rows = append(rows, r)
	}
	for _, h := range p.htlcs {
		h.changed = false
		if h.inserted {
			rows = append(rows, HTLCStateRow{h.Channel, h.Incoming, h.ID, h.HTLCState})
		} else {
			h.inserted = true
			rows = append(rows, h.HTLCRow)
		}
	}
	for _, r := range p.settlements {
		rows = append(rows, r)
	}
	if state := c.State(); state != c.state {
		c.state = state
		rows = append(rows, durable.Event{Kind: "channel", Key: c.params.Channel.String(), State: state})
	}
	return rows
}

// stateRow is the row without what is at stage 0.
func (c *Channel) stateRow() StateRow {
	next := c.nextID
	for by, list := range c.htlcs {
		for i := len(list) - 1; i >= 0 && list[i].Added == (dance.Numbers{}); i-- {
			next[by]--
		}
	}
	return StateRow{
		Channel: c.params.Channel, Received: c.steps.Signed[dance.Local], Signed: c.steps.Signed[dance.Remote],
		SignedAfter: c.steps.SignedAfter, Revoked: c.steps.Revoked[dance.Remote], CurrentPoint: c.points[current], NextPoint: c.points[following],
		ToLocal: c.fundings[0].toLocal.Msat, TokensToLocal: c.fundings[0].toLocal.Tokens,
		FeeCommitted: c.fees[dance.Committed], FeeRevoked: c.fees[dance.Revoked], FeeAckCommitted: c.fees[dance.AckCommitted], FeeIrrevocable: c.fees[dance.Irrevocable],
		NextLocalID: next[dance.Local], NextRemoteID: next[dance.Remote],
	}
}

package pay

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Manual is one sendpay: an attempt over the caller's route.
type Manual struct {
	PaymentHash wire.PaymentHash
	Route       Route
	Total       amount.MilliSatoshi // of all parts together
	Part        uint64              // partid; zero: the only part
	Group       uint64              // groupid
	Secret      *[32]byte           // payment_secret; nil: none
	Metadata    []byte
	Bolt11      string
	Label       string
	Description string
}

// NewManual begins a payment by sendpay with its first part; [Payment.Attempt]
// adds more. Errors are of type [*Error].
func NewManual(m Manual, us wire.NodeID, now uint64, mint func() Minted) (*Payment, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	p := &Payment{us: us, row: PaymentRow{
		PaymentHash: m.PaymentHash,
		Manual:      true,
		Destination: m.destination(),
		Amount:      m.Total,
		Bolt11:      m.Bolt11,
		Label:       m.Label,
		Description: m.Description,
		Group:       m.Group,
		CreatedAt:   now,
		Result:      PaymentResultRow{Status: Pending},
	}}
	p.begin(now)
	return p, p.Attempt(now, m, mint)
}

func (m Manual) destination() wire.NodeID { return m.Route[len(m.Route)-1].NodeID }

// Check finds what is wrong with the request itself. The error is of type
// [*Error], with [CodeInvalid].
func (m Manual) Check() error {
	if len(m.Route) == 0 {
		return refuse(CodeInvalid, "Self-payment: the route is empty")
	}
	if m.Route.Delivered() == 0 || m.Route.Sent() < m.Route.Delivered() || m.Route.Sent() > amount.Max {
		return refuse(CodeInvalid, "the amounts of the route do not fall from hop to hop, or are zero")
	}
	if m.Part == 0 && m.Total > m.Route.Delivered() {
		return refuse(CodeInvalid, "a part of %s needs a partid", m.Total)
	}
	if m.Part != 0 && m.Secret == nil {
		return refuse(CodeInvalid, "a part needs the payment_secret")
	}
	return nil
}

// Attempt adds a part. Errors are of type [*Error]: [CodeInvalid],
// [CodeAlreadyPaid] and [CodeInProgress], when it would pay more than the whole
// or the same part twice.
func (p *Payment) Attempt(now uint64, m Manual, mint func() Minted) error {
	if err := m.Check(); err != nil {
		return err
	}
	if !p.row.Manual || p.row.Group != m.Group {
		return refuse(CodeInProgress, "the payment is in progress in group %d", p.row.Group)
	}
	if err := p.row.Same(m.Total, m.destination()); err != nil {
		return err
	}
	if p.ended() {
		return refuse(CodeInProgress, "the payment has ended: its last parts are on their way")
	}
	for _, i := range p.pending() {
		if a := p.attempts[i]; a.Part == m.Part || a.Part == 0 || m.Part == 0 {
			return refuse(CodeInProgress, "part %d of the payment is in progress", a.Part)
		}
	}
	if p.remaining() == 0 {
		return refuse(CodeInProgress, "all of %s is in progress already", p.row.Amount)
	}
	p.terms.metadata = m.Metadata
	p.attempt(now, m.Part, m.Route, mint(), m.Secret)
	return nil
}

// manualFailed ends a payment by sendpay when its last pending part has failed.
func (p *Payment) manualFailed(now uint64, a *AttemptRow) {
	if !p.ended() && !p.anyPending() {
		p.fail(now, a.Err())
	}
}

package pay

import (
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Manual is one sendpay: an attempt over the caller's route.
type Manual struct {
	PaymentHash wire.PaymentHash
	Route       Route
	Total       amount.MilliSatoshi // of all parts together, when bitcoin arrives
	Property    amount.Property     // whose tokens hops of the route carry; 0: none does
	TotalUnits  amount.Units        // of all parts together, when tokens arrive
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
		Amount:      m.Ask().Amount,
		Property:    m.Property,
		Units:       m.TotalUnits,
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

// Ask is what all parts together are for. When tokens are sent and bitcoin arrives it has
// the property, and no units.
func (m Manual) Ask() Ask {
	if m.TotalUnits != 0 {
		return Ask{Property: m.Property, Units: m.TotalUnits}
	}
	return Ask{Amount: m.Total, Property: m.Property}
}

func (m Manual) destination() wire.NodeID { return m.Route[len(m.Route)-1].NodeID }

// Check finds what is wrong with the request itself. The error is of type
// [*Error], with [CodeInvalid].
func (m Manual) Check() error {
	if len(m.Route) == 0 {
		return refuse(CodeInvalid, "Self-payment: the route is empty")
	}
	if !m.falls() {
		return refuse(CodeInvalid, "the amounts of the route do not fall from hop to hop, or are zero")
	}
	if (m.Property != 0) != slices.ContainsFunc(m.Route, func(h Hop) bool { return h.Units != 0 }) {
		return refuse(CodeInvalid, "hops that carry tokens need their property, and it needs such hops")
	}
	if (m.TotalUnits != 0) != (m.Route.DeliveredUnits() != 0) {
		return refuse(CodeInvalid, "tokens arrive that are not asked for, or the other way round")
	}
	if m.Part == 0 && (m.TotalUnits > m.Route.DeliveredUnits() || m.TotalUnits == 0 && m.Total > m.Route.Delivered()) {
		return refuse(CodeInvalid, "a part of %s needs a partid", m.Ask())
	}
	if m.Part != 0 && m.Secret == nil {
		return refuse(CodeInvalid, "a part needs the payment_secret")
	}
	return nil
}

// falls says whether what the route carries falls from hop to hop, in bitcoin and in
// tokens. Where the one is exchanged for the other, once at the most, there is nothing to
// compare: what it costs is what the caller says.
func (m Manual) falls() bool {
	exchanged := false
	for i, h := range m.Route {
		switch {
		case h.Amount == 0 || h.Amount > amount.Max || h.Units > amount.MaxUnits:
			return false
		case i == 0:
		case (h.Units != 0) != (m.Route[i-1].Units != 0):
			if exchanged {
				return false
			}
			exchanged = true
		case h.Amount > m.Route[i-1].Amount || h.Units > m.Route[i-1].Units:
			return false
		}
	}
	return true
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
	if err := p.row.SameAs(m.Ask(), m.destination()); err != nil {
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
	if p.remaining() == 0 && p.remainingUnits() == 0 {
		return refuse(CodeInProgress, "all of %s is in progress already", p.row.Ask())
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

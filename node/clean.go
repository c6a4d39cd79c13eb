package node

import (
	"time"

	"github.com/leyden-ln/leyden/internal/clean"
)

// Clean says what of the past is deleted by itself, and at what age; zero, or negative:
// never.
type Clean struct {
	Every            time.Duration // zero: an hour
	Expired          time.Duration // since an invoice expired that nobody paid; zero: DefaultCleanExpired
	Paid             time.Duration // since an invoice was paid
	Settled, Refused time.Duration // since a forward was settled, or failed
	Complete, Failed time.Duration // since a payment was complete, or failed
}

// DefaultCleanExpired is how long invoices that nobody paid are kept.
const DefaultCleanExpired = 30 * 24 * time.Hour

// newCleaner makes what deletes as the owner said.
func (n *Node) newCleaner() *clean.Cleaner {
	c := n.cfg.Clean
	if c.Expired == 0 {
		c.Expired = DefaultCleanExpired
	}
	return clean.New(clean.Config{
		Every: c.Every, Receiver: n.receiver, Sender: n.sender, Store: n.store, Log: n.log,
		Ages: map[clean.Kind]time.Duration{
			clean.ExpiredInvoices: c.Expired, clean.PaidInvoices: c.Paid, clean.SucceededForwards: c.Settled, clean.FailedForwards: c.Refused,
			clean.SucceededPays: c.Complete, clean.FailedPays: c.Failed,
		},
	})
}

// Cleaner deletes what is old.
func (n *Node) Cleaner() *clean.Cleaner { return n.cleaner }

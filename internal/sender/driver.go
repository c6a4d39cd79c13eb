package sender

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/pay"
)

// driver is the loop of one payment.
type driver struct {
	s      *Sender
	hash   wire.PaymentHash
	manual bool
	ask    pay.Ask

	// Of run's goroutine.
	p    *pay.Payment
	hope <-chan struct{} // closed when the search that found nothing is worth another try

	mu      sync.Mutex
	inbox   []func(p *pay.Payment)
	closed  bool
	changed chan struct{} // closed after the next write

	wake chan struct{} // holds a token when the inbox is not empty

	ended chan struct{} // closed once row and err are set
	row   pay.PaymentRow
	err   error
}

func newDriver(s *Sender, hash wire.PaymentHash, manual bool, ask pay.Ask) *driver {
	return &driver{
		s: s, hash: hash, manual: manual, ask: ask,
		changed: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

// put hands the loop an input; false: the loop has ended.
func (d *driver) put(f func(p *pay.Payment)) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.inbox = append(d.inbox, f)
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return true
}

// apply feeds the machine all that has gathered. When nothing has and the machine
// is done, it closes the inbox.
func (d *driver) apply() (fed, open bool) {
	d.mu.Lock()
	inputs := d.inbox
	d.inbox = nil
	d.closed = len(inputs) == 0 && d.p.Done()
	open = !d.closed
	d.mu.Unlock()
	for _, f := range inputs {
		f(d.p)
	}
	return len(inputs) > 0, open
}

// written tells the readers of rows to look again.
func (d *driver) written() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *driver) change() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// end answers whoever waits for the payment. The first answer counts.
func (d *driver) end(row pay.PaymentRow, err error) {
	select {
	case <-d.ended:
	default:
		d.row, d.err = row, err
		close(d.ended)
	}
}

// wait waits for the end of the payment. When ctx ends first the payment goes on.
func (d *driver) wait(ctx context.Context) (pay.PaymentRow, error) {
	select {
	case <-d.ended:
		return d.row, d.err
	case <-ctx.Done():
		return pay.PaymentRow{}, ctx.Err()
	}
}

func (d *driver) run() {
	var failed *pay.End
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		todo, err := d.p.Take().Commit(d.s.ctx, d.s.Writer)
		if err == nil {
			d.written()
			err = d.act(todo)
		}
		if err != nil {
			d.abort(err)
			return
		}
		if end := todo.End; end != nil && end.Err == nil {
			d.end(end.Row, nil) // other parts may still be on their way
		} else if end != nil {
			failed = end
		}
		fed, open := d.apply()
		if !open {
			d.s.remove(d) // from now on a new payment of the hash may begin
			if failed != nil {
				d.end(failed.Row, failed.Err)
			}
			return
		}
		if fed {
			continue
		}
		if at, ok := d.p.Deadline(); ok {
			timer.Reset(time.Until(time.Unix(int64(min(at, 1<<34)), 0))) //nolint:gosec // bounded
		} else {
			timer.Stop()
		}
		select {
		case <-d.wake:
		case <-timer.C:
			d.p.Tick(unixNow())
		case <-d.hope:
			d.hope = nil
			d.p.Again(unixNow())
		case <-d.s.ctx.Done():
			d.abort(ErrStopped)
			return
		}
		d.apply()
	}
}

// abort ends the loop in the middle: the node stops, by its wish or by a fault.
func (d *driver) abort(err error) {
	d.mu.Lock()
	d.closed, d.inbox = true, nil
	d.mu.Unlock()
	stopping := d.s.ctx.Err() != nil
	if stopping {
		err = ErrStopped
	}
	d.s.remove(d)
	defer d.end(pay.PaymentRow{}, err) // nobody hears of a fault before the process ends of it
	if !stopping {
		d.s.Fatal(fmt.Errorf("payment %s: %w", d.hash, err))
	}
}

// act does what the machine asked for, now that it is durable.
func (d *driver) act(todo pay.Todo) error {
	if len(todo.Learn) > 0 {
		d.s.Network.Learn(todo.Learn)
	}
	for _, send := range todo.Send {
		d.s.register(send.Attempt, d)
		add, err := HTLC(send)
		if err == nil {
			err = d.s.Links.Offer(send.Hops[0].SCID, add)
		}
		if err != nil {
			d.s.Refused(send.Attempt, err)
		}
	}
	if todo.Find == nil {
		return nil
	}
	d.s.Steps.Wait(d.s.ctx, events.Trace{
		Time: time.Now(), Step: events.FindPath, PaymentHash: d.hash, Amount: todo.Find.Amount, Property: todo.Find.Property, Units: todo.Find.Units,
	})
	var routes []pay.Route
	height, hope, err := d.s.Network.Height()
	if err == nil {
		hope = d.s.Network.Hope() // before the search, so that no change is missed
		routes, err = d.s.Network.Routes(height, todo.Find)
	}
	if err != nil {
		var why *pay.Error
		if !errors.As(err, &why) {
			why = &pay.Error{Code: pay.CodeRouteNotFound, Message: err.Error()}
		}
		if why.Code == pay.CodeRouteNotFound && hope != nil {
			d.hope = hope
			d.put(func(p *pay.Payment) { p.NoRouteYet(unixNow(), why) })
			return nil
		}
		d.put(func(p *pay.Payment) { p.NoRoute(unixNow(), why) })
		return nil
	}
	minted := make([]pay.Minted, len(routes))
	for i := range minted {
		if minted[i], err = d.s.mint(); err != nil {
			return err
		}
	}
	d.put(func(p *pay.Payment) {
		p.Routes(unixNow(), height, routes, func() (m pay.Minted) {
			m, minted = minted[0], minted[1:]
			return m
		})
	})
	return nil
}

// HTLC is the HTLC of an attempt, with its onion.
func HTLC(send pay.Send) (channel.Add, error) {
	hops := make([]onion.Hop, len(send.Hops))
	for i, h := range send.Hops {
		hops[i].NodeID = h.NodeID
		p := &hops[i].Payload
		if i+1 < len(send.Hops) {
			next := send.Hops[i+1]
			p.AmtToForward, p.OutgoingCLTV, p.ShortChannelID = next.Amount, next.CLTVExpiry, &next.SCID
			p.Tokens = tokens(send.Property, next.Units)
			continue
		}
		p.AmtToForward, p.OutgoingCLTV = h.Amount, h.CLTVExpiry
		p.PaymentMetadata, p.Custom = send.Metadata, send.Records
		if send.Secret != nil {
			p.PaymentSecret, p.TotalMsat = send.Secret, send.Total
		}
		if p.Tokens = tokens(send.Property, h.Units); p.Tokens != nil {
			// What carries the tokens is each part's own business.
			p.TotalMsat, p.TotalTokens = h.Amount, send.TotalUnits
		}
	}
	packet, err := onion.Build(session(send.Session), hops, send.PaymentHash)
	return channel.Add{
		Amount:      send.Hops[0].Amount,
		Tokens:      send.Hops[0].Units,
		PaymentHash: send.PaymentHash,
		CLTVExpiry:  send.Hops[0].CLTVExpiry,
		Onion:       packet,
		Origin:      channel.Origin{Attempt: send.Attempt},
	}, err
}

// tokens is what a hop is told of them; nil: it passes on bitcoin.
func tokens(property amount.Property, units amount.Units) *onion.Tokens {
	if units == 0 {
		return nil
	}
	return &onion.Tokens{Property: property, Units: units}
}

func session(b [32]byte) *btcec.PrivateKey {
	var key btcec.PrivateKey
	key.Key.SetBytes(&b)
	return &key
}

// ErrOnChain is why an attempt failed of which nothing came back.
var ErrOnChain = errors.New("the channel was closed and the HTLC timed out on-chain")

// Resolve feeds a payment the end of the HTLC of one of its attempts.
func Resolve(p *pay.Payment, now uint64, r channel.Resolved) {
	a, ok := p.Attempted(r.Origin.Attempt)
	if !ok {
		return
	}
	if res, ok := Result(a, r); ok {
		p.Resolved(now, a.ID, res)
	} else {
		p.Refused(now, a.ID, ErrOnChain)
	}
}

// Result reads what came back; false: nothing did, the HTLC ended on-chain.
func Result(a pay.AttemptRow, r channel.Resolved) (pay.Result, bool) {
	switch {
	case r.Preimage != nil:
		return pay.Result{Preimage: r.Preimage}, true
	case r.Malformed != nil:
		f := onion.Failure{Code: onion.Code(r.Malformed.Code), SHA256OfOnion: r.Malformed.SHA256OfOnion}
		return pay.Result{Hop: 0, Code: f.Code, Message: f.Encode()}, true
	case len(r.Reason) == 0:
		return pay.Result{}, false
	}
	nodes := make([]wire.NodeID, len(a.Hops))
	for i, h := range a.Hops {
		nodes[i] = h.NodeID
	}
	secrets := onion.Secrets(session(a.Session), nodes)
	held := onion.Attributed(secrets, r.Reason, r.Attribution)
	hop, f, _ := onion.DecodeReason(secrets, r.Reason)
	switch {
	case hop < 0:
		return pay.Result{Hop: -1, Message: r.Reason, Held: held}, true
	case f.Code == 0: // an authentic reason without a code: the node is broken, nobody else
		f.Code = onion.CodeTemporaryNodeFailure
	}
	res := pay.Result{Hop: hop, Code: f.Code, Message: f.Encode(), Height: f.Height, Held: held}
	res.Update, _ = f.Channel()
	return res, true
}

// Package disk is a disk in memory for the simulation: it keeps a node's rows with the
// unique keys and refusals of the store, and refuses besides what no node may ever
// write.
package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/sender"
	"github.com/leyden-ln/leyden/internal/sim/draw"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Disk keeps a node's rows as the store does, with the store's unique keys and
// refusals. What is not written when the node dies is lost.
type Disk struct {
	Tip      any    // the last block that the node has worked through
	Back     uint32 // height at which the node was back after it was away for long
	Channels map[wire.ChannelID]*Channel
	Order    []wire.ChannelID
	Signers  map[uint32]keys.SignerRow

	Decisions   map[channel.Ref]relay.DecisionRow
	Settlements []channel.SettlementRow // in the order of writing
	forwards    map[channel.Ref]channel.Ref

	Invoices map[wire.PaymentHash]*invoice.Row
	Hashes   []wire.PaymentHash // of invoices, in order
	Payments map[wire.PaymentHash]*pay.PaymentRow
	paying   []wire.PaymentHash // of payments, in order
	Attempts map[uint64]*pay.AttemptRow
	Last     uint64 // attempt

	addresses []wallet.AddressRow
	coins     map[btcwire.OutPoint]wallet.CoinRow
	txs       map[chainhash.Hash]wallet.TxRow
	height    wallet.TipRow

	Ledger Ledger // of tokens

	Audit Audit
	Hook  func(durable.Row) // called for each row that is written; nil: nothing is
}

// Audit is what no node keeps, for the judge.
type Audit struct {
	settled map[channel.Ref]channel.SettlementRow // each that was ever written
	failed  map[channel.Ref]bool                  // incoming HTLCs with a failure signed
	risked  map[channel.Ref]bool                  // outgoing HTLCs whose incoming one may be failed: see Risk
	Earned  int64                                 // by forwards, in millisatoshi
	Units   amount.Units                          // likewise, of tokens
}

// Channel is a channel's rows.
type Channel struct {
	Rows    channel.Rows // without secrets and HTLCs
	secrets map[int]channel.SecretRow
	HTLCs   map[Key]*channel.HTLCRow
	Keys    []Key // in the order of writing
}

// Key names an HTLC of a channel.
type Key struct {
	Incoming bool
	ID       uint64
}

// New makes an empty disk.
func New() *Disk {
	return &Disk{
		Channels: map[wire.ChannelID]*Channel{}, Signers: map[uint32]keys.SignerRow{},
		Decisions: map[channel.Ref]relay.DecisionRow{}, forwards: map[channel.Ref]channel.Ref{},
		Invoices: map[wire.PaymentHash]*invoice.Row{}, Payments: map[wire.PaymentHash]*pay.PaymentRow{},
		Attempts: map[uint64]*pay.AttemptRow{},
		coins:    map[btcwire.OutPoint]wallet.CoinRow{}, txs: map[chainhash.Hash]wallet.TxRow{},
		Ledger: newLedger(),
		Audit:  Audit{settled: map[channel.Ref]channel.SettlementRow{}, failed: map[channel.Ref]bool{}, risked: map[channel.Ref]bool{}},
	}
}

// TipRow is the last block that the node has worked through.
type TipRow struct{ Tip any }

// Table implements [durable.Row].
func (TipRow) Table() string { return "facts" }

// Write implements [durable.Writer]. An error is a row that the store would refuse,
// or that no node may ever write.
func (d *Disk) Write(_ context.Context, rows ...durable.Row) error {
	for _, r := range rows {
		if err := d.write(r); err != nil {
			return fmt.Errorf("row of %s: %w", r.Table(), err)
		}
		if d.Hook != nil {
			d.Hook(r)
		}
	}
	return nil
}

func (d *Disk) write(r durable.Row) error {
	switch r := r.(type) {
	case TipRow:
		d.Tip = r.Tip
	case durable.Event:
	case channel.ParamsRow:
		if d.Channels[r.Channel] != nil {
			return fmt.Errorf("channel %s: %w", r.Channel, store.ErrExists)
		}
		d.Channels[r.Channel] = &Channel{Rows: channel.Rows{Params: r}, secrets: map[int]channel.SecretRow{}, HTLCs: map[Key]*channel.HTLCRow{}}
		d.Order = append(d.Order, r.Channel)
	case channel.StateRow:
		d.Channels[r.Channel].Rows.State = r
	case channel.StatusRow:
		d.Channels[r.Channel].Rows.Status = r
	case channel.CommitmentRow:
		d.Channels[r.Channel].Rows.Commitment = r
	case channel.SecretRow:
		d.Channels[r.Channel].secrets[r.Bucket] = r
	case keys.SignerRow:
		return d.signer(r)
	case channel.HTLCRow:
		return d.htlc(r)
	case channel.HTLCStateRow:
		return d.htlcState(r)
	case channel.SettlementRow:
		return d.settlement(r)
	case relay.DecisionRow:
		if _, ok := d.Decisions[r.In]; !ok {
			d.Decisions[r.In] = r
		}
	case invoice.Row:
		if d.Invoices[r.PaymentHash] != nil {
			return fmt.Errorf("a second invoice of %s", r.PaymentHash)
		}
		d.Invoices[r.PaymentHash] = &r
		d.Hashes = append(d.Hashes, r.PaymentHash)
	case invoice.PaidRow:
		row := d.Invoices[r.PaymentHash]
		if row == nil || row.Status != invoice.Unpaid {
			return fmt.Errorf("invoice %s is paid though it is not unpaid", r.PaymentHash)
		}
		row.Status, row.Received, row.Got, row.PaidAt = invoice.Paid, r.Received, r.Got, r.PaidAt
	case invoice.ExpiredRow:
		row := d.Invoices[r.PaymentHash]
		if row == nil || row.Status != invoice.Unpaid {
			return fmt.Errorf("invoice %s expires though it is not unpaid", r.PaymentHash)
		}
		row.Status = invoice.Expired
	default:
		return d.payment(r)
	}
	return nil
}

func (d *Disk) signer(r keys.SignerRow) error {
	if old := d.Signers[r.KeyIndex]; r.Signed < old.Signed || r.Revoked < old.Revoked {
		return fmt.Errorf("signer %d went back from %d, %d to %d, %d", r.KeyIndex, old.Signed, old.Revoked, r.Signed, r.Revoked)
	}
	d.Signers[r.KeyIndex] = r
	return nil
}

func (d *Disk) htlc(r channel.HTLCRow) error {
	s, k := d.Channels[r.Channel], Key{r.Incoming, r.ID}
	if s.HTLCs[k] != nil {
		return fmt.Errorf("HTLC %v is there already", k)
	}
	s.HTLCs[k] = &r
	s.Keys = append(s.Keys, k)
	if in := r.Origin.In; in != nil {
		if other, ok := d.forwards[*in]; ok {
			return fmt.Errorf("HTLC %d of %s is forwarded as %d and as %d", in.ID, in.Channel, other.ID, r.ID)
		}
		d.forwards[*in] = channel.Ref{Channel: r.Channel, ID: r.ID}
		if up := d.Find(*in, true); up == nil || up.Done || up.Removal != channel.NotRemoved || up.Amount < r.Amount || up.Tokens < r.Tokens || up.PaymentHash != r.PaymentHash {
			return fmt.Errorf("HTLC %d forwards what is not there: %+v", r.ID, up)
		}
	}
	return nil
}

func (d *Disk) Find(ref channel.Ref, incoming bool) *channel.HTLCRow {
	if s := d.Channels[ref.Channel]; s != nil {
		return s.HTLCs[Key{incoming, ref.ID}]
	}
	return nil
}

func (d *Disk) htlcState(r channel.HTLCStateRow) error {
	ref := channel.Ref{Channel: r.Channel, ID: r.ID}
	h := d.Find(ref, r.Incoming)
	if h == nil || h.Done {
		return fmt.Errorf("HTLC %d is changed though it is not there", r.ID)
	}
	if h.Preimage != nil && r.Preimage == nil && !r.Done {
		return fmt.Errorf("the preimage of HTLC %d is forgotten", r.ID)
	}
	h.HTLCState = r.HTLCState
	if r.Incoming && (r.Removal == channel.RemovedByFailure || r.Removal == channel.RemovedAsMalformed) {
		d.Audit.failed[ref] = true
		// What the forwarded one may still be claimed by must not be given up.
		if out, ok := d.forwards[ref]; ok && !d.Audit.risked[out] {
			if s, ended := d.Audit.settled[out]; !ended || s.Preimage != nil {
				return fmt.Errorf("incoming HTLC %d is failed, the one that forwards it has not failed: %+v", r.ID, s)
			}
		}
	}
	if !r.Done {
		return nil
	}
	h.Onion, h.PathKey = nil, nil
	if r.Incoming {
		delete(d.Decisions, ref)
		d.Settlements = slices.DeleteFunc(d.Settlements, func(s channel.SettlementRow) bool {
			return s.Origin.In != nil && *s.Origin.In == ref
		})
	}
	return nil
}

// Risk says that the incoming HTLC of one that is dust is failed though its peer may
// still fulfil it.
func (d *Disk) Risk(out channel.Ref) { d.Audit.risked[out] = true }

func (d *Disk) settlement(r channel.SettlementRow) error {
	if _, ok := d.Audit.settled[r.HTLC]; ok {
		return fmt.Errorf("HTLC %d of %s is settled twice", r.HTLC.ID, r.HTLC.Channel)
	}
	d.Audit.settled[r.HTLC] = r
	if in := r.Origin.In; in == nil || !d.done(*in) { // else nobody would ever take it away
		d.Settlements = append(d.Settlements, r)
	}
	if in := r.Origin.In; in != nil && r.Preimage != nil {
		if d.Audit.failed[*in] && d.Audit.risked[r.HTLC] {
			return nil
		}
		if d.Audit.failed[*in] {
			return fmt.Errorf("HTLC %d is paid out after the incoming one was failed", r.HTLC.ID)
		}
		if up := d.Find(*in, true); up != nil {
			d.Audit.Earned += int64(up.Amount) - int64(r.Amount) //nolint:gosec // below 2^63
			if out := d.Find(r.HTLC, false); out != nil {
				d.Audit.Units += up.Tokens - out.Tokens
			}
		}
	}
	return nil
}

// done tells whether an incoming HTLC has ended.
func (d *Disk) done(in channel.Ref) bool {
	h := d.Find(in, true)
	return h != nil && h.Done
}

func (d *Disk) payment(r durable.Row) error {
	switch r := r.(type) {
	case pay.PaymentRow:
		if old := d.Payments[r.PaymentHash]; old != nil && old.Result.Status != pay.Failed {
			return fmt.Errorf("payment %s is begun twice", r.PaymentHash)
		} else if old == nil {
			d.paying = append(d.paying, r.PaymentHash)
		}
		d.Payments[r.PaymentHash] = &r
	case pay.PaymentResultRow:
		p := d.Payments[r.PaymentHash]
		if p == nil || p.Result.Status == pay.Complete {
			return fmt.Errorf("payment %s ends again, as %s", r.PaymentHash, r.Status)
		}
		p.Result = r
	case pay.AttemptRow:
		if d.Attempts[r.ID] != nil {
			return fmt.Errorf("attempt %d is made twice", r.ID)
		}
		d.Attempts[r.ID] = &r
		d.Last = max(d.Last, r.ID)
	case pay.AttemptResultRow:
		a := d.Attempts[r.ID]
		if a == nil || a.Result.Status != pay.Pending {
			return fmt.Errorf("attempt %d ends twice", r.ID)
		}
		a.Result = r
		d.Settlements = slices.DeleteFunc(d.Settlements, func(s channel.SettlementRow) bool { return s.Origin.Attempt == r.ID })
	default:
		return d.wallet(r)
	}
	return nil
}

func (d *Disk) wallet(r durable.Row) error {
	switch r := r.(type) {
	case wallet.AddressRow:
		d.addresses = append(d.addresses, r)
	case wallet.CoinRow:
		d.coins[r.OutPoint] = r
	case wallet.TxRow:
		d.txs[r.Txid] = r
	case wallet.TipRow:
		d.height = r
	default:
		return d.Ledger.write(r)
	}
	return nil
}

// Wallet gathers the wallet's rows.
func (d *Disk) Wallet() wallet.Rows {
	r := wallet.Rows{Tip: d.height, Addresses: slices.Clone(d.addresses)}
	for _, c := range d.coins {
		r.Coins = append(r.Coins, c)
	}
	for _, t := range d.txs {
		r.Txs = append(r.Txs, t)
	}
	return r
}

// NextKey is the first index for a channel's keys that no stored channel has.
func (d *Disk) NextKey() (next uint32) {
	for _, c := range d.Channels {
		next = max(next, c.Rows.Params.KeyIndex)
	}
	return next + 1
}

// ErrDead is what becomes of a write of somebody who is dead.
var ErrDead = errors.New("the node is dead")

// Pen writes at once, for somebody who may die before each write, and after it.
type Pen struct {
	Disk  func() *Disk
	Alive func() bool // asked before and after
}

// Write implements [durable.Writer].
func (p Pen) Write(ctx context.Context, rows ...durable.Row) error {
	if !p.Alive() {
		return ErrDead
	}
	if err := p.Disk().Write(ctx, rows...); err != nil {
		return err
	}
	if !p.Alive() {
		return ErrDead
	}
	return nil
}

// Load gathers a channel's rows in the order of the store.
func (s *Channel) Load() channel.Rows {
	r := s.Rows
	for bucket := range 49 {
		if row, ok := s.secrets[bucket]; ok {
			r.Secrets = append(r.Secrets, row)
		}
	}
	for _, k := range s.Keys {
		if h := s.HTLCs[k]; !h.Done {
			r.HTLCs = append(r.HTLCs, *h)
		}
	}
	slices.SortFunc(r.HTLCs, func(a, b channel.HTLCRow) int {
		if a.Incoming != b.Incoming {
			if b.Incoming {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return r
}

// Dust is what a commitment without outputs for what is below the dust limit may have
// cost a side, in millisatoshi: its HTLCs there, and what was rounded.
func (s *Channel) Dust(kind enforce.Kind, number uint64) (sum int64) {
	const rounded = 1000
	side := dance.Remote
	switch kind {
	case enforce.Mutual:
		return rounded
	case enforce.Ours:
		side = dance.Local
	}
	for _, k := range s.Keys {
		h := s.HTLCs[k]
		if !h.StoodIn(side, number) {
			continue
		}
		sum += rounded
		if h.Amount.Sat() < 354 {
			sum += int64(h.Amount) //nolint:gosec // dust
		}
	}
	return sum + rounded
}

// Idle tells whether nothing of a channel whose peer is away for ever has to go on-chain:
// what the peer offered and we have no preimage for stays, and dust.
func (d *Disk) Idle(rows channel.Rows) bool {
	for i := range rows.HTLCs {
		h := &rows.HTLCs[i]
		if h.Amount >= draw.Dust*1000 && (!h.Incoming || h.Preimage != nil || d.paid(channel.Ref{Channel: h.Channel, ID: h.ID})) {
			return false
		}
	}
	return true
}

// paid tells whether the preimage of an incoming HTLC is known, though no signature has
// removed it yet.
func (d *Disk) paid(in channel.Ref) bool {
	return d.Decisions[in].Kind == relay.Fulfil || slices.ContainsFunc(d.Settlements, func(s channel.SettlementRow) bool {
		return s.Origin.In != nil && *s.Origin.In == in && s.Preimage != nil
	})
}

// Forsaken is the dust that we have fulfilled to a peer who is away for ever: no channel is
// closed for its sake.
func Forsaken(rows channel.Rows) (msat int64) {
	for i := range rows.HTLCs {
		if h := &rows.HTLCs[i]; h.Incoming && h.Preimage != nil && h.Amount < draw.Dust*1000 {
			msat += int64(h.Amount) //nolint:gosec // dust
		}
	}
	return msat
}

// Past gathers the HTLCs that are done and stood in the peer's commitment of a
// number.
func (s *Channel) Past(number uint64) (list []channel.HTLCRow) {
	for _, k := range s.Keys {
		if h := s.HTLCs[k]; h.Done && h.StoodIn(dance.Remote, number) {
			list = append(list, *h)
		}
	}
	return list
}

// Pressed tells whether an HTLC that came in is about to expire: who has fulfilled it must
// not be away.
func (d *Disk) Pressed(height uint32) (pressed bool) {
	d.Live(func(h *channel.HTLCRow) {
		pressed = pressed || h.Incoming && h.CLTVExpiry > height && h.CLTVExpiry <= height+10
	})
	return pressed
}

// Live visits every HTLC that is not done.
func (d *Disk) Live(visit func(h *channel.HTLCRow)) {
	for _, id := range d.Order {
		s := d.Channels[id]
		for _, k := range s.Keys {
			if h := s.HTLCs[k]; !h.Done {
				visit(h)
			}
		}
	}
}

// Incoming are the expiries of all incoming HTLCs that are not done.
func (d *Disk) Incoming() map[channel.Ref]uint32 {
	list := map[channel.Ref]uint32{}
	d.Live(func(h *channel.HTLCRow) {
		if h.Incoming {
			list[channel.Ref{Channel: h.Channel, ID: h.ID}] = h.CLTVExpiry
		}
	})
	return list
}

// Unfinished lists the payments to go on with.
func (d *Disk) Unfinished() (list []*pay.PaymentRow) {
	for _, hash := range d.paying {
		p := d.Payments[hash]
		pending := p.Result.Status == pay.Pending
		for id := uint64(1); id <= d.Last && !pending; id++ {
			a := d.Attempts[id]
			pending = a != nil && a.PaymentHash == hash && a.Result.Status == pay.Pending
		}
		if pending {
			list = append(list, p)
		}
	}
	return list
}

// Resume gathers what the sender has to know of them.
func (d *Disk) Resume() (list []sender.Unfinished) {
	alive, settled := map[uint64]bool{}, map[uint64]channel.SettlementRow{}
	d.Live(func(h *channel.HTLCRow) {
		if !h.Incoming && h.Origin.Attempt != 0 {
			alive[h.Origin.Attempt] = true
		}
	})
	for _, s := range d.Settlements {
		if s.Origin.Attempt != 0 {
			settled[s.Origin.Attempt] = s
		}
	}
	for _, row := range d.Unfinished() {
		list = append(list, sender.Unfinished{Payment: *row, Attempts: d.AttemptsOf(row), Settled: settled, Alive: alive})
	}
	return list
}

// Before gathers what was decided about each channel's incoming HTLCs.
func (d *Disk) Before() map[wire.ChannelID]*relay.Loaded {
	before := map[wire.ChannelID]*relay.Loaded{}
	for _, id := range d.Order {
		before[id] = &relay.Loaded{}
	}
	d.Live(func(h *channel.HTLCRow) {
		if in := h.Origin.In; in != nil {
			before[in.Channel].Asked = append(before[in.Channel].Asked, in.ID)
		}
		if row, ok := d.Decisions[channel.Ref{Channel: h.Channel, ID: h.ID}]; ok && h.Incoming {
			before[h.Channel].Decided = append(before[h.Channel].Decided, row)
		}
	})
	for _, s := range d.Settlements {
		if in := s.Origin.In; in != nil {
			before[in.Channel].Ended = append(before[in.Channel].Ended, channel.Resolved{
				Out: s.HTLC, Origin: s.Origin, Amount: s.Amount, Preimage: s.Preimage, Reason: s.Reason, Malformed: s.Malformed,
			})
		}
	}
	return before
}

// AttemptsOf lists the attempts of a payment's group.
func (d *Disk) AttemptsOf(p *pay.PaymentRow) (list []pay.AttemptRow) {
	for id := uint64(1); id <= d.Last; id++ {
		if a := d.Attempts[id]; a != nil && a.PaymentHash == p.PaymentHash && a.Group == p.Group {
			list = append(list, *a)
		}
	}
	return list
}

// Clone copies a disk as it is now.
func (d *Disk) Clone() *Disk {
	c := *d
	c.Order, c.Hashes, c.paying = slices.Clone(d.Order), slices.Clone(d.Hashes), slices.Clone(d.paying)
	c.addresses, c.coins, c.txs = slices.Clone(d.addresses), maps.Clone(d.coins), maps.Clone(d.txs)
	c.Signers, c.Decisions = maps.Clone(d.Signers), maps.Clone(d.Decisions)
	c.Settlements, c.forwards = slices.Clone(d.Settlements), maps.Clone(d.forwards)
	c.Audit.settled, c.Audit.failed, c.Audit.risked = maps.Clone(d.Audit.settled), maps.Clone(d.Audit.failed), maps.Clone(d.Audit.risked)
	c.Channels = make(map[wire.ChannelID]*Channel, len(d.Channels))
	for id, s := range d.Channels {
		c.Channels[id] = &Channel{Rows: s.Rows, secrets: maps.Clone(s.secrets), HTLCs: deep(s.HTLCs), Keys: slices.Clone(s.Keys)}
	}
	c.Ledger = d.Ledger.clone()
	c.Invoices, c.Payments, c.Attempts = deep(d.Invoices), deep(d.Payments), deep(d.Attempts)
	return &c
}

// deep copies a map with what it points to.
func deep[K comparable, V any](m map[K]*V) map[K]*V {
	c := make(map[K]*V, len(m))
	for k, v := range m {
		one := *v
		c[k] = &one
	}
	return c
}

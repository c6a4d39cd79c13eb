// Package durable makes "persist before send" a type. A machine's outcome (the
// messages to send, the events to raise) is held by a [Pending] together with
// the rows that must be on disk first; the only way to the outcome is
// [Pending.Commit], which writes the rows. Whoever holds a value of type V has
// therefore already survived a crash.
//
// The loop of every room that drives a machine is the same:
//
//	for inputs := range inbox {
//		machine.Apply(inputs)
//		visible, err := machine.Take(signer).Commit(ctx, store)
//		if err != nil {
//			return err // the process ends: the machine is ahead of the disk
//		}
//		conn.Send(visible.Send...)
//		up.Raise(visible.Raise...)
//	}
//
// Between Take and Commit the machine in memory is ahead of the disk. There is
// no way back: when Commit fails, the process stops, and a restart loads the
// rows as they are. So there is no rollback code that could be wrong.
//
// Only the store and the simulation implement [Writer]; a test of the
// architecture checks that.
package durable

import "context"

// Row is one fact to write. Its concrete type is declared by the room that owns
// the fact, and the store knows the statement for each such type.
type Row interface {
	// Table names the table that the row belongs to, for messages and traces.
	Table() string
}

// Writer puts rows on disk, all of them or none, in the order given. When it
// returns nil they survive a crash.
type Writer interface {
	Write(ctx context.Context, rows ...Row) error
}

// Pending holds a value that cannot be seen before its rows are on disk. The
// zero Pending holds the zero value and no rows.
type Pending[V any] struct {
	rows []Row
	v    V
}

// Hold puts v behind rows.
func Hold[V any](v V, rows ...Row) Pending[V] {
	return Pending[V]{rows: rows, v: v}
}

// Commit writes the rows and then gives the value. With no rows it writes
// nothing. On an error the value stays hidden for ever and the caller must end
// the process (see the package comment).
func (p Pending[V]) Commit(ctx context.Context, w Writer) (V, error) {
	if len(p.rows) > 0 {
		if err := w.Write(ctx, p.rows...); err != nil {
			var none V
			return none, err
		}
	}
	return p.v, nil
}

// Both is what [Join] gives.
type Both[A, B any] struct {
	A A
	B B
}

// Join makes one transaction of two machines' outcomes; a's rows go first.
func Join[A, B any](a Pending[A], b Pending[B]) Pending[Both[A, B]] {
	rows := make([]Row, 0, len(a.rows)+len(b.rows))
	rows = append(append(rows, a.rows...), b.rows...)
	return Hold(Both[A, B]{a.v, b.v}, rows...)
}

// All makes one transaction of several machines' outcomes, in their order.
func All[V any](of []Pending[V]) Pending[[]V] {
	var out Pending[[]V]
	for _, p := range of {
		out.rows, out.v = append(out.rows, p.rows...), append(out.v, p.v)
	}
	return out
}

// With adds rows to what must be on disk before p's value is seen.
func (p Pending[V]) With(rows ...Row) Pending[V] {
	all := make([]Row, 0, len(p.rows)+len(rows))
	return Pending[V]{rows: append(append(all, p.rows...), rows...), v: p.v}
}

// Event is a row of the append-only log: one change of state of an invoice, a
// payment, a forward or a channel, written in the transaction that makes the
// change.
type Event struct {
	Kind  string // "invoice", "payment", "forward" or "channel"
	Key   string // what changed: a label, a payment hash, a channel id
	State string // its state from now on
	Data  []byte // the change as a JSON object; nil for none
}

// Table implements [Row].
func (Event) Table() string { return "events" }

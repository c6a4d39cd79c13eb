package sim

import (
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// conn is the connection of two nodes, which comes and goes. What is sent on it
// arrives in order or not at all.
type conn struct {
	w       *world
	ends    [2]*node
	up      bool
	line    *line            // the last one
	hears   [2]bool          // that an end takes messages of this connection
	last    [2]time.Duration // when the last message to an end arrives
	waiting bool             // an attempt to connect is coming
}

func (c *conn) end(n *node) int {
	if c.ends[0] == n {
		return 0
	}
	return 1
}

// line is one connection of a conn.
type line struct{ *conn }

// soon tries to connect after a while.
func (c *conn) soon() {
	if !c.waiting {
		c.waiting = true
		c.w.after(c.w.jitter(10*time.Second), c.connect)
	}
}

func (c *conn) connect() {
	c.waiting = false
	a, b := c.ends[0], c.ends[1]
	if c.up || a.gone || b.gone || a.cheating() || b.cheating() {
		return
	}
	if !a.up || !b.up || c.hears[0] || c.hears[1] { // somebody has not noticed yet
		c.soon()
		return
	}
	c.up, c.line = true, &line{c}
	this := c.line
	for i, n := range c.ends {
		at := c.w.jitter(time.Second)
		c.last[i] = c.w.now + at
		n.after(at, func() {
			if c.line != this || !c.up {
				return
			}
			c.hears[i] = true
			for _, l := range n.order {
				if l.edge.conn == c {
					l.connected(this)
				}
			}
		})
	}
}

// send puts a message on its way to the other end.
func (l *line) send(from *link, m wire.Message) {
	c, me := l.conn, l.end(from.n)
	if c.line != l || !c.up || !c.hears[me] {
		return // it is lost
	}
	b := wire.Encode(m) // nothing is shared between two nodes
	to := c.ends[1-me]
	at := max(c.last[1-me], c.w.now+c.w.jitter(2*time.Second))
	c.last[1-me] = at
	id := from.edge.id
	if from.n.lies && c.w.chance(6) {
		b = c.w.lie(from, b)
	}
	c.w.logf("%s sends %s", from, wire.Name(m))
	to.after(at-c.w.now, func() {
		if c.line != l || !c.hears[1-me] {
			return
		}
		decoded, err := wire.Decode(b)
		if err != nil {
			if !from.n.lies {
				c.w.fail("%s: %s cannot be read: %v", to, wire.Name(m), err)
			}
			c.cut("a message cannot be read")
			return
		}
		if link := to.links[id]; link != nil {
			link.message(l, decoded)
		}
	})
}

// cut ends the connection. Each end notices in its own time, and takes until then
// what is on its way.
func (c *conn) cut(why string) {
	if !c.up {
		return
	}
	c.w.stats.Cuts++
	c.w.logf("%s-%s is cut: %s", c.ends[0], c.ends[1], why)
	c.up = false
	this := c.line
	for i, n := range c.ends {
		n.after(c.w.jitter(3*time.Second), func() {
			if c.line == this {
				c.notice(i)
			}
		})
	}
	c.soon()
}

func (c *conn) notice(i int) {
	if !c.hears[i] {
		return
	}
	c.hears[i] = false
	for _, l := range c.ends[i].order {
		if l.edge.conn == c {
			l.disconnected(c.line)
		}
	}
}

// died says that an end is dead.
func (c *conn) died(n *node) {
	c.hears[c.end(n)] = false
	c.cut("one end died")
	c.soon()
}

// lie is a message in the place of another: an earlier one, the same with a byte
// changed, or none that means anything.
func (w *world) lie(from *link, b []byte) []byte {
	from.said = append(from.said, b)
	lie := append([]byte(nil), b...)
	switch w.rng.IntN(4) {
	case 0:
		lie = from.said[w.rng.IntN(len(from.said))]
	case 1:
		return wire.Encode(&wire.Ping{})
	default:
		lie[w.rng.IntN(len(lie))] ^= 1 << w.rng.IntN(8)
	}
	w.logf("%s lies", from)
	return lie
}

package sim

import (
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/sim/babble"
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
	said    [][]byte         // by liars
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
		c.last[i] = c.w.time.Now + at
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
func (l *line) send(me int, m wire.Message) {
	c, from := l.conn, l.ends[me]
	if c.line != l || !c.up || !c.hears[me] {
		return // it is lost
	}
	b := wire.Encode(m) // nothing is shared between two nodes
	to := c.ends[1-me]
	at := max(c.last[1-me], c.w.time.Now+c.w.jitter(2*time.Second))
	c.last[1-me] = at
	if from.lies && c.w.chance(6) {
		c.w.stats.Lies++
		c.said = append(c.said, b)
		b = babble.Lie(c.w.rng, c.said, b)
		c.w.logf("%s lies", from)
	}
	c.w.logf("%s sends %s %s", from, to, wire.Name(m))
	to.after(at-c.w.time.Now, func() {
		if c.line != l || !c.hears[1-me] {
			return
		}
		decoded, err := wire.Decode(b)
		if err != nil {
			if !from.lies {
				c.w.fail("%s: %s cannot be read: %v", to, wire.Name(m), err)
			}
			c.cut("a message cannot be read")
			return
		}
		l.hear(1-me, decoded)
	})
}

// hear takes a message of the other end, as package node does.
func (l *line) hear(me int, m wire.Message) {
	n, from := l.ends[me], l.ends[1-me]
	if n.mute || n.purse.funding.Message(n.w.ctx, caller{l, me}, m) || !n.up {
		return
	}
	id, all := wire.ChannelOf(m)
	if all {
		for _, link := range n.order {
			if link.edge.other(n) == from {
				link.message(l, m)
			}
		}
		return
	}
	if link := n.links[id]; link != nil && link.edge.other(n) == from {
		link.message(l, m)
		return
	}
	if _, ok := m.(*wire.ChannelReestablish); ok {
		l.send(me, &wire.Error{ChannelID: id, Data: []byte("unknown channel")})
	}
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
	c.ends[i].purse.funding.Down(caller{c.line, i})
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

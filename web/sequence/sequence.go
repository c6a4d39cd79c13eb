// Package sequence is the picture of a payment's life: the nodes as columns, time
// downwards, each message as an arrow, and beside a commitment_signed what the commitment
// leaves to both sides.
//
//	p := sequence.Draw(w, traces, held, us, destination, name)
package sequence

import (
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// Names are the steps of a payment over one channel, in their order.
var Names = []string{"find path", "add HTLC", "HTLC signed", "forward R", "sign R", "close HTLC", "close HTLC signed"}

// kinds are the classes of the steps' colours.
var kinds = map[string]string{
	"find path": "find", "add HTLC": "add", "HTLC signed": "signed", "forward R": "forward", "sign R": "sign", "close HTLC": "close",
	"close HTLC signed": "closed", "fail HTLC": "fail",
}

// Measures of the picture, in its own units.
const (
	gutter    = 70  // for the times
	columnGap = 200 // between two nodes
	edge      = 118 // beside the outermost ones
	headRoom  = 64  // for the nodes' names
	rowHeight = 46
	beside    = 8 // between a column and what stands at its side
)

// Most is how many steps are drawn.
const Most = 500

// Step is a step in the picture: an arrow, or a mark when nothing was sent.
type Step struct {
	Trace
	N        int    // from 1 up
	At       string // after the first step
	Y, From  int
	To, Text int
	Peer     string // its name
	Held     bool   // it has not happened yet
	Sides    []Side // what a commitment leaves to each, beside its column
}

// Side is what a commitment leaves to one side, at the outer side of its column.
type Side struct {
	X      int
	Left   bool   // of the column
	Before string // empty: the same
	After  string
}

// IsArrow says whether a message was sent.
func (s *Step) IsArrow() bool { return s.Message != "" }

// Head is the arrow's head, as a path.
func (s *Step) Head() string {
	back := 9
	if s.To > s.From {
		back = -9
	}
	return fmt.Sprintf("M%d %dl%d -5v10z", s.To, s.Y, back)
}

// Column is a node in the picture.
type Column struct {
	ID, Name string
	X        int
	Us       bool
	Guess    bool // we know that it is there, and see nothing of it
}

// Seen is a step's name and how often it was seen.
type Seen struct {
	Name, Kind string
	Times      int
}

// Picture is the life of a payment.
type Picture struct {
	Columns       []Column
	Steps         []Step
	Names         []Seen
	Left          int // that are not drawn
	Width, Height int
	Foot          int          // where the columns end
	Sides         bool         // whether amounts stand beside the columns
	In            tokens.Asset // in which they are
}

// Draw makes the picture: peers that offer us HTLCs on the left, us, peers to whom we
// offer on the right, and the payee when it is farther away. What is held stands at the
// end.
func Draw(w *words.Words, traces, held []Trace, us, destination string, name func(id string) string) (p Picture) {
	for _, n := range Names {
		p.Names = append(p.Names, Seen{Name: n, Kind: kinds[n]})
	}
	if len(traces) > Most {
		p.Left, traces = len(traces)-Most, traces[:Most]
	}
	happened := len(traces)
	traces = slices.Concat(traces, held)
	x := p.place(traces, us, destination, name)
	for i, t := range traces {
		s := Step{Trace: t, N: i + 1, Y: headRoom + (i+1)*rowHeight, From: x[us], To: x[us], Held: i >= happened}
		if !s.Held {
			s.At = w.Milliseconds(t.Time.Sub(traces[0].Time))
		}
		if t.PeerID != "" {
			s.Peer = name(t.PeerID)
		}
		switch t.Direction {
		case "sent":
			s.To = x[t.PeerID]
		case "received":
			s.From = x[t.PeerID]
		}
		s.Text = (s.From + s.To) / 2
		if shares := t.Shares(); len(shares) == 2 {
			p.Sides, p.In = true, shares[0].After.Asset
			left := x[us] < x[t.PeerID]
			s.Sides = []Side{shares[0].side(w, x[us], left), shares[1].side(w, x[t.PeerID], !left)}
		}
		p.Steps = append(p.Steps, s)
		for j := range p.Names {
			if p.Names[j].Name == t.Step && !s.Held {
				p.Names[j].Times++
			}
		}
	}
	p.Width = gutter + 2*edge + max(len(p.Columns)-1, 1)*columnGap
	p.Foot = headRoom + (len(traces)+1)*rowHeight
	p.Height = p.Foot + 16
	return p
}

// place puts the nodes next to each other, and says where each is.
func (p *Picture) place(traces []Trace, us, destination string, name func(id string) string) map[string]int {
	var left, right []string
	for _, t := range traces {
		switch {
		case t.PeerID == "" || slices.Contains(left, t.PeerID) || slices.Contains(right, t.PeerID):
		case t.Offered:
			right = append(right, t.PeerID)
		default:
			left = append(left, t.PeerID)
		}
	}
	for _, id := range slices.Concat(left, []string{us}, right) {
		p.Columns = append(p.Columns, Column{ID: id, Name: name(id), Us: id == us})
	}
	if destination != "" && destination != us && !slices.Contains(right, destination) && len(right) > 0 {
		p.Columns = append(p.Columns, Column{ID: destination, Name: name(destination), Guess: true})
	}
	x := map[string]int{}
	for i := range p.Columns {
		c := &p.Columns[i]
		c.X = gutter + edge + i*columnGap
		x[c.ID] = c.X
	}
	return x
}

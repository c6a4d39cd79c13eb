package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// names are the steps of a payment over one channel, in their order.
var names = []string{"find path", "add HTLC", "HTLC signed", "forward R", "sign R", "close HTLC", "close HTLC signed"}

// Measures of the picture, in its own units.
const (
	gutter    = 70  // for the times
	columnGap = 200 // between two nodes
	edge      = 92  // beside the outermost ones
	headRoom  = 64  // for the nodes' names
	rowHeight = 46
	mostSteps = 500 // that are drawn
)

// trace is one step as this node saw it.
type trace struct {
	Time      time.Time           `json:"time"`
	Step      string              `json:"step"`
	Hash      string              `json:"payment_hash"`
	ChannelID string              `json:"channel_id"`
	SCID      string              `json:"short_channel_id"`
	PeerID    string              `json:"peer_id"`
	Direction string              `json:"direction"`
	Message   string              `json:"message"`
	HTLC      uint64              `json:"htlc_id"`
	Offered   bool                `json:"offered"`
	Amount    amount.MilliSatoshi `json:"amount_msat"`
	Local     uint64              `json:"local_commitment"`
	Remote    uint64              `json:"remote_commitment"`
	Note      string              `json:"note"`
	tokens.Row
}

// Carries is what the HTLC carries.
func (t *trace) Carries() tokens.Sum { return t.Worth(t.Units, t.Amount) }

// drawn is a step in the picture: an arrow, or a mark when nothing was sent.
type drawn struct {
	trace
	N        int    // from 1 up
	At       string // after the first step
	Y, From  int
	To, Text int
	Peer     string // its name
	Kind     string // the class of its colour
	Held     bool   // it has not happened yet
}

// IsArrow says whether a message was sent.
func (d *drawn) IsArrow() bool { return d.Message != "" }

// Head is the arrow's head, as a path.
func (d *drawn) Head() string {
	back := 9
	if d.To > d.From {
		back = -9
	}
	return fmt.Sprintf("M%d %dl%d -5v10z", d.To, d.Y, back)
}

// column is a node in the picture.
type column struct {
	ID, Name string
	X        int
	Us       bool
	Guess    bool // we know that it is there, and see nothing of it
}

// seen is a step's name and how often it was seen.
type seen struct {
	Name, Kind string
	Times      int
}

// pageInside is the life of a payment.
type pageInside struct {
	PaymentHash   string
	Role          string // payer, payee or forwarder
	Back          string // the page of the payment or of the invoice
	Columns       []column
	Steps         []drawn
	Names         []seen
	Left          int // that are not drawn
	Width, Height int
	Foot          int // where the columns end
	Mode          stepMode

	next uint64 // where the traces go on
}

// kinds are the classes of the steps' colours.
var kinds = map[string]string{
	"find path": "find", "add HTLC": "add", "HTLC signed": "signed", "forward R": "forward", "sign R": "sign", "close HTLC": "close",
	"close HTLC signed": "closed", "fail HTLC": "fail",
}

func (v *visit) readTraces(hash string) (all []trace, next uint64, err error) {
	for start := uint64(0); ; {
		var page struct {
			Traces []trace
			Next   uint64
		}
		args := []arg{{"payment_hash", hash}}
		if start > 0 {
			args = append(args, arg{"start", strconv.FormatUint(start, 10)})
		}
		if err := v.run(v.ctx(), &page, "traces", append(args, arg{"limit", "1000"})...); err != nil {
			return nil, 0, err
		}
		all = append(all, page.Traces...)
		if len(page.Traces) < 1000 || len(all) > 10*mostSteps {
			return all, page.Next, nil
		}
		start = page.Next
	}
}

func (v *visit) readInside(hash string) (*pageInside, error) {
	page := &pageInside{PaymentHash: hash, Role: "forwarder"}
	row, paid, err := v.findPayment(hash)
	if err != nil {
		return nil, err
	}
	destination := ""
	if paid || v.s.errands.Find(hash) != nil {
		page.Role, page.Back, destination = "payer", "/payments/"+hash, row.Destination
	} else {
		var found struct{ Invoices []invoiceRow }
		if err := v.run(v.ctx(), &found, "listinvoices", arg{"payment_hash", hash}); err != nil {
			return nil, err
		}
		if len(found.Invoices) == 1 {
			page.Role, page.Back = "payee", "/invoices/"+hash
		}
	}
	if page.Mode, err = v.readSteps(hash); err != nil {
		return nil, err
	}
	traces, next, err := v.readTraces(hash)
	if err != nil {
		return nil, err
	}
	if page.next = next; len(traces)+len(page.Mode.Held) == 0 && page.Back == "" {
		return nil, errNotFound
	}
	page.draw(v.words, traces, v.s.self.ID, destination, func(id string) string {
		return cmp.Or(v.alias(v.ctx(), id), words.Short(id))
	})
	return page, nil
}

func (v *visit) inside() error {
	hash, err := v.hash()
	if err != nil {
		return err
	}
	page, err := v.readInside(hash)
	if err != nil {
		return err
	}
	return v.show("inside", page)
}

// insideLive is the picture as it grows, and what is held.
func (v *visit) insideLive() error {
	hash, err := v.hash()
	if err != nil {
		return err
	}
	var page *pageInside
	return v.stream(func() (b []byte, last bool, err error) {
		if page, err = v.readInside(hash); err == nil {
			b, err = v.fragment("inside", "inside-now", page)
		}
		return b, false, err
	}, func(ctx context.Context) error {
		return either(ctx, page.Mode.wait(v), func(ctx context.Context) error {
			return v.call(ctx, nil, "traces", arg{"payment_hash", hash}, arg{"start", strconv.FormatUint(page.next, 10)}, arg{"timeout", "60"})
		})
	})
}

// draw makes the picture: peers that offer us HTLCs on the left, us, peers to whom we
// offer on the right, and the payee when it is farther away. What is held stands at the
// end.
func (p *pageInside) draw(w *words.Words, traces []trace, us, destination string, name func(id string) string) {
	for _, n := range names {
		p.Names = append(p.Names, seen{Name: n, Kind: kinds[n]})
	}
	if len(traces) > mostSteps {
		p.Left, traces = len(traces)-mostSteps, traces[:mostSteps]
	}
	happened := len(traces)
	for i := range p.Mode.Held {
		traces = append(traces, p.Mode.Held[i].trace)
	}
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
		p.Columns = append(p.Columns, column{ID: id, Name: name(id), Us: id == us})
	}
	if destination != "" && destination != us && !slices.Contains(right, destination) && len(right) > 0 {
		p.Columns = append(p.Columns, column{ID: destination, Name: name(destination), Guess: true})
	}
	x := map[string]int{}
	for i := range p.Columns {
		c := &p.Columns[i]
		c.X = gutter + edge + i*columnGap
		x[c.ID] = c.X
	}
	for i, t := range traces {
		d := drawn{trace: t, N: i + 1, Y: headRoom + (i+1)*rowHeight, Kind: kinds[t.Step], From: x[us], To: x[us], Held: i >= happened}
		if !d.Held {
			d.At = w.Milliseconds(t.Time.Sub(traces[0].Time))
		}
		if t.PeerID != "" {
			d.Peer = name(t.PeerID)
		}
		switch t.Direction {
		case "sent":
			d.To = x[t.PeerID]
		case "received":
			d.From = x[t.PeerID]
		}
		d.Text = (d.From + d.To) / 2
		p.Steps = append(p.Steps, d)
		for j := range p.Names {
			if p.Names[j].Name == t.Step && !d.Held {
				p.Names[j].Times++
			}
		}
	}
	for i := range p.Mode.Held {
		if h := &p.Mode.Held[i]; h.PeerID != "" {
			h.Name = name(h.PeerID)
		}
	}
	p.Width = gutter + 2*edge + max(len(p.Columns)-1, 1)*columnGap
	p.Foot = headRoom + (len(traces)+1)*rowHeight
	p.Height = p.Foot + 16
}

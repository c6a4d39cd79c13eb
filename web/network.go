package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/rings"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// networkFresh is how long what was read of the network is shown. After it, what is
// old is shown once more, while what is new is read.
const networkFresh = time.Minute

// networks keeps what was read of the network: for the public one it takes a second.
type networks struct {
	mu      sync.Mutex
	last    *rings.Network
	picture []byte
	tokens  []tokens.Announced // channels with tokens
	at      time.Time
}

// get gives what was read; nil: nothing was, yet.
func (n *networks) get() (last *rings.Network, picture []byte, fresh bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last, n.picture, time.Since(n.at) < networkFresh
}

// network gives what is known of the network, and notes the commands that read it.
func (v *visit) network() (*rings.Network, []byte, error) {
	v.lines = append(v.lines, v.s.line("listnodes", nil), v.s.line("listchannels", nil))
	last, picture, fresh := v.s.networks.get()
	if fresh {
		return last, picture, nil
	}
	const name = "read the network"
	if !v.s.errands.Start(name, v.s.readNetwork) {
		return nil, nil, errors.New(v.Text("pay.many"))
	}
	if last != nil {
		return last, picture, nil
	}
	if err := v.outcome(name); err != nil {
		return nil, nil, err
	}
	if last, picture, _ = v.s.networks.get(); last == nil {
		return nil, nil, errors.New(v.Text("network.slow"))
	}
	return last, picture, nil
}

func (s *Server) readNetwork(ctx context.Context) error {
	var found struct {
		Nodes []struct {
			ID    string `json:"nodeid"`
			Alias string `json:"alias"`
		}
		Channels []struct {
			Source      string              `json:"source"`
			Destination string              `json:"destination"`
			SCID        string              `json:"short_channel_id"`
			Amount      amount.MilliSatoshi `json:"amount_msat"`
		}
	}
	for _, command := range []string{"listnodes", "listchannels"} {
		if err := s.owner().call(ctx, &found, command); err != nil {
			return err
		}
	}
	nodes := make([]rings.Node, len(found.Nodes))
	for i, x := range found.Nodes {
		nodes[i] = rings.Node{ID: x.ID, Alias: words.Plain(x.Alias)}
	}
	var carriers struct{ Channels []tokens.Announced }
	if err := s.owner().call(ctx, &carriers, "listassetchannels"); err != nil {
		return err
	}
	channels := make([]rings.Channel, len(found.Channels))
	for i, c := range found.Channels {
		channels[i] = rings.Channel{A: c.Source, B: c.Destination, SCID: c.SCID, Capacity: c.Amount}
	}
	last := rings.Build(rings.Node{ID: s.self.ID, Alias: s.self.Alias}, nodes, channels)
	picture := last.Picture()
	s.networks.mu.Lock()
	defer s.networks.mu.Unlock()
	s.networks.last, s.networks.picture, s.networks.at = last, picture, time.Now()
	s.networks.tokens = tokens.Once(carriers.Channels)
	return nil
}

// carrier is an announced channel with tokens.
type carrier struct {
	A, B     string // the nodes' names
	SCID     string
	Capacity tokens.Sum
}

// carriers are the announced channels with tokens of a node, or the first of all.
func (v *visit) carriers(page *pageNetwork, n *rings.Network) {
	v.s.networks.mu.Lock()
	list := v.s.networks.tokens
	v.s.networks.mu.Unlock()
	at := ""
	if page.To != nil {
		at = page.To.ID
	}
	list, page.AllCarriers = tokens.At(list, at, rowsOfPage)
	if len(list) == 0 {
		return
	}
	v.lines = append(v.lines, v.s.line("listassetchannels", nil))
	name := func(id string) string {
		if x, ok := n.Node(id); ok && x.Alias != "" {
			return x.Alias
		}
		return words.Short(id)
	}
	known := map[amount.Property]tokens.Asset{}
	for _, c := range list {
		if _, ok := known[c.Property]; !ok {
			known[c.Property] = v.token(c.Property)
		}
		page.Carriers = append(page.Carriers, carrier{name(c.Source), name(c.Other), c.SCID, tokens.Of(known[c.Property], c.Capacity)})
	}
}

// pageNetwork is the network around us, and the way to one of its nodes.
type pageNetwork struct {
	Text            string
	Nodes           []*rings.Node
	Found, From     int
	Next            string // the address of the next page
	Known, Channels int
	To              *rings.Node
	Addresses       []place
	Us              bool // whether that is this node
	Amount, Unit    string
	Units           []string
	routes
	NoRoute *office.Fault

	Carriers    []carrier // channels with tokens, some of AllCarriers
	AllCarriers int
}

// Last is the place of the last node that is shown.
func (p *pageNetwork) Last() int { return p.From + len(p.Nodes) }

func (v *visit) showNetwork() error {
	q := v.r.URL.Query()
	page := pageNetwork{Text: q.Get("text"), Amount: cmp.Or(q.Get("amount"), "1000"), Unit: cmp.Or(q.Get("unit"), "sat"), Units: words.AmountUnits}
	n, _, err := v.network()
	if err != nil {
		return err
	}
	from, err := strconv.ParseUint(q.Get("from"), 10, 30)
	if err != nil {
		from = 0
	}
	page.Known, page.Channels, page.From = len(n.Nodes), n.Channels, int(from) //nolint:gosec // 30 bits
	page.Nodes, page.Found = n.Find(page.Text, page.From, rowsOfPage)
	if page.Last() < page.Found {
		q.Set("from", strconv.Itoa(page.Last()))
		page.Next = "/network?" + q.Encode()
	}
	if v.byScript() {
		return v.part("network", "network-table", &page)
	}
	if to := q.Get("to"); to != "" {
		x, known := n.Node(to)
		if !known {
			return errNotFound
		}
		if page.To, page.Us = x, x.ID == v.s.self.ID; !page.Us {
			v.route(&page)
		}
	}
	v.carriers(&page, n)
	return v.show("network", &page)
}

// route asks for the way to a node that an amount would take.
func (v *visit) route(page *pageNetwork) {
	var about struct{ Nodes []struct{ Addresses []place } }
	if err := v.run(v.ctx(), &about, "listnodes", arg{"id", page.To.ID}); err == nil && len(about.Nodes) > 0 {
		page.Addresses = about.Nodes[0].Addresses
	}
	sum, err := amount.Parse(v.words.Amount(page.Amount, page.Unit))
	if err != nil {
		page.NoRoute = office.Say(v.Text("pay.amount.wrong"))
		return
	}
	page.routes, err = v.findRoutes(page.To.ID, sum, 0)
	if err != nil {
		page.NoRoute = office.Reason(err)
	}
}

// networkPicture is what the canvas draws.
func (v *visit) networkPicture() error {
	_, picture, err := v.network()
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/octet-stream")
	if v.r.Method == http.MethodHead {
		return nil
	}
	_, err = v.w.Write(picture)
	return err
}

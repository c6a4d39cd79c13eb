// Package commando answers a node's commands over BOLT 8, to peers that have a rune: as
// Core Lightning's commando does, so that npm's lnmessage works.
//
//	n.SetCustom(commando.New(ctx, n, log))
//
// A request is JSON with method, params, rune, id and filter, in one message or several;
// the answer is that of JSON-RPC, in messages with the same number. Of a peer one request
// is gathered at a time, of all peers a few: one that does not go on makes room for others.
// While no rune was ever made, nobody is listened to.
package commando

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/node"
)

// Bounds on what peers may ask of the node.
const (
	maxRequest  = 1 << 20 // bytes of JSON
	maxGathered = 16      // requests that are not whole yet, of all peers
	maxRunning  = 64      // requests at once, of all peers
	maxOfOne    = 16      // and of one
	maxAnswer   = 4 << 20 // bytes: a peer's queue has room for it
	part        = 65000   // bytes of an answer in one message
	numberSize  = 8       // bytes
)

// patience is for how long nothing may come of a request that is not whole, where others
// need its room.
const patience = 30 * time.Second

// The codes of refusals that are commando's own.
const (
	codeRequest command.Code = 0x4c50 // what was asked cannot be read
	codeRune    command.Code = 0x4c51
)

// Server answers peers. It implements [peer.Custom].
type Server struct {
	ctx  context.Context
	node *node.Node
	log  *slog.Logger
	now  func() time.Time
	wg   sync.WaitGroup

	mu      sync.Mutex
	peers   map[*peer.Peer]*asking
	running int
}

// asking is one peer.
type asking struct {
	ctx     context.Context
	cancel  context.CancelFunc
	number  uint64
	text    []byte    // what has come of the request with that number; nil: nothing
	last    time.Time // when the last of it came
	refused bool      // the rest of the request with that number is not read
	running int
}

// New makes a server that answers until ctx ends.
func New(ctx context.Context, n *node.Node, log *slog.Logger) *Server {
	return &Server{ctx: ctx, node: n, log: log, now: time.Now, peers: map[*peer.Peer]*asking{}}
}

// Wait returns when every request that was taken has ended.
func (s *Server) Wait() { s.wg.Wait() }

// Down implements [peer.Custom]: what the peer asked for is cancelled.
func (s *Server) Down(p *peer.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.peers[p]; a != nil {
		a.cancel()
		delete(s.peers, p)
	}
}

// Message implements [peer.Custom].
func (s *Server) Message(p *peer.Peer, m *wire.Unknown) {
	if len(m.Payload) < numberSize || s.ctx.Err() != nil || !s.node.Gate().Any() {
		return
	}
	number := binary.BigEndian.Uint64(m.Payload)
	text, a, ok := s.gather(p, number, m.Payload[numberSize:], m.MsgType == wire.CommandoLast)
	if !ok {
		if text != nil {
			s.send(p, number, response{Error: &command.Error{Code: codeRequest, Message: string(text)}})
		}
		return
	}
	s.wg.Go(func() {
		defer s.done(a)
		s.send(p, number, s.answer(a.ctx, p, text))
	})
}

// gather adds a part to what has come of a request. It is ok when the request is whole,
// and may run; otherwise text, if there is some, is the refusal, which comes once.
func (s *Server) gather(p *peer.Peer, number uint64, more []byte, last bool) (text []byte, a *asking, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a = s.peers[p]; a == nil {
		a = &asking{}
		a.ctx, a.cancel = context.WithCancel(s.ctx)
		s.peers[p] = a
	}
	if a.number != number {
		a.text, a.refused = nil, false // one at a time
	}
	a.number = number
	if a.refused {
		a.refused = !last
		return nil, a, false
	}
	refuse := func(why string) ([]byte, *asking, bool) {
		a.text, a.refused = nil, !last
		return []byte(why), a, false
	}
	if len(a.text)+len(more) > maxRequest {
		return refuse("the request is too long")
	}
	if !last {
		if a.text == nil && !s.room() {
			return refuse("too many requests are not whole yet: try again")
		}
		a.text, a.last = append(a.text, more...), s.now()
		return nil, a, false
	}
	if a.running >= maxOfOne || s.running >= maxRunning {
		return refuse("too many requests at once")
	}
	text = append(a.text, more...)
	a.text = nil
	a.running++
	s.running++
	return text, a, true
}

// room makes room for one more request that is not whole, if it can: the one that has
// waited longest gives way when it has waited for too long. It is called with mu held.
func (s *Server) room() bool {
	n := 0
	var oldest *asking
	for _, a := range s.peers {
		if a.text == nil {
			continue
		}
		n++
		if oldest == nil || a.last.Before(oldest.last) {
			oldest = a
		}
	}
	if n < maxGathered {
		return true
	}
	if s.now().Sub(oldest.last) < patience {
		return false
	}
	oldest.text, oldest.refused = nil, true
	return true
}

func (s *Server) done(a *asking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.running--
	s.running--
}

type request struct {
	ID     json.RawMessage `json:"id"`
	Method *string         `json:"method"`
	Params json.RawMessage `json:"params"`
	Rune   string          `json:"rune"`
	Filter json.RawMessage `json:"filter"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Result  any             `json:"result,omitempty"`
	Error   *command.Error  `json:"error,omitempty"`
}

// read reads a request; refusal is the answer to one that asks for nothing.
func read(text []byte) (r request, refusal *command.Error) {
	switch err := json.Unmarshal(text, &r); {
	case err != nil || !utf8.Valid(text):
		return request{}, &command.Error{Code: codeRequest, Message: "Invalid JSON"}
	case r.Method == nil:
		return r, &command.Error{Code: codeRequest, Message: "No method"}
	case r.Rune == "":
		return r, &command.Error{Code: codeRune, Message: "Not authorized: Missing rune"}
	}
	return r, nil
}

func (s *Server) answer(ctx context.Context, p *peer.Peer, text []byte) response {
	r, refusal := read(text)
	if refusal != nil {
		return response{ID: r.ID, Error: refusal}
	}
	id := p.ID().String()
	ctx, err := api.Permit(ctx, s.node, r.Rune, &id, *r.Method, r.Params)
	if err != nil {
		e := command.AsError(err)
		switch e.Code {
		case command.RuneNotAuthorized, command.RuneNotPermitted, command.RuneBlacklisted:
			e.Code = codeRune
		}
		return response{ID: r.ID, Error: e}
	}
	res, err := api.CallFiltered(ctx, s.node, *r.Method, r.Params, r.Filter)
	if err != nil {
		e := command.AsError(err)
		s.log.Debug("command refused", "method", command.Clip([]byte(*r.Method)), "peer", id, "code", e.Code, "reason", e.Logged())
		return response{ID: r.ID, Error: e}
	}
	return response{ID: r.ID, Result: res}
}

// send gives a peer an answer, in as many messages as it takes.
func (s *Server) send(p *peer.Peer, number uint64, r response) {
	r.Version = "2.0"
	b, err := json.Marshal(r)
	if err == nil && len(b) > maxAnswer {
		r.Result, r.Error = nil, &command.Error{Code: command.Failed, Message: "the answer is too long for one message to a peer: ask for less with limit"}
		b, err = json.Marshal(r)
	}
	if err != nil {
		s.log.Error("an answer has no JSON", "why", err)
		return
	}
	var msgs []wire.Message
	for len(b) > 0 {
		kind, n := uint16(wire.CommandoReplyLast), min(len(b), part)
		if n < len(b) {
			kind = wire.CommandoReplyPart
		}
		msgs = append(msgs, &wire.Unknown{MsgType: kind, Payload: append(binary.BigEndian.AppendUint64(nil, number), b[:n]...)})
		b = b[n:]
	}
	if err := p.Send(msgs...); err != nil {
		s.log.Debug("an answer was not sent", "peer", p.ID(), "why", err)
	}
}

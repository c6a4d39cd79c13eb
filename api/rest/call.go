package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/runes"
	"github.com/leyden-ln/leyden/internal/store/bound"
)

// command runs POST /v1/NAME.
func (s *Server) command(w http.ResponseWriter, r *http.Request) {
	method := r.PathValue("command")
	id, ok := s.bearer(w, r)
	if !ok {
		return
	}
	params, ok := body(w, r)
	if !ok {
		return
	}
	ctx, ok := s.permit(w, r, method, params)
	if !ok {
		return
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" && !s.once(ctx, w, id, key, method, params) {
		return
	}
	res, err := api.Call(ctx, s.Node, method, params)
	if err != nil {
		s.refuse(w, method, err)
		return
	}
	answer(w, http.StatusCreated, res)
}

// bearer looks at the rune before anything else is read: who has none of ours sends no
// more than a header. Its conditions are judged by permit.
func (s *Server) bearer(w http.ResponseWriter, r *http.Request) (id string, ok bool) {
	text := r.Header.Get("Rune")
	if text == "" {
		answer(w, http.StatusForbidden, command.Refuse(command.RuneNotAuthorized, "Not authorized: Missing rune"))
		return "", false
	}
	rune, err := runes.Decode(text)
	if err != nil || !s.Node.Gate().Ours(rune) {
		answer(w, http.StatusUnauthorized, command.Refuse(command.RuneNotAuthorized, "Not authorized: not a rune of this node"))
		return "", false
	}
	return rune.UniqueID(), true
}

func (s *Server) permit(w http.ResponseWriter, r *http.Request, method string, params json.RawMessage) (context.Context, bool) {
	ctx, err := api.Permit(r.Context(), s.Node, r.Header.Get("Rune"), nil, method, params)
	if err != nil {
		s.refuse(w, method, err)
		return nil, false
	}
	return ctx, true
}

// refuse answers with a refusal. A rune is in no log.
func (s *Server) refuse(w http.ResponseWriter, method string, err error) {
	e := command.AsError(err)
	s.Log.Debug("command refused", "method", command.Clip([]byte(method)), "code", e.Code, "reason", e.Logged())
	status := http.StatusInternalServerError
	switch e.Code {
	case command.RuneNotAuthorized, command.RuneNotPermitted, command.RuneBlacklisted:
		status = http.StatusUnauthorized
	case command.UnknownMethod:
		status = http.StatusNotFound
	}
	answer(w, status, e)
}

func nothingHere(w http.ResponseWriter) {
	answer(w, http.StatusNotFound, command.Refuse(command.UnknownMethod, "there is nothing here: a command is POST /v1/NAME"))
}

// answer is one line of JSON.
func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status = http.StatusInternalServerError
		b, _ = json.Marshal(command.Refuse(command.Internal, "%v", err))
	}
	write(w, status, "application/json", append(b, '\n'))
}

// write answers a client, which has a while to take it.
func write(w http.ResponseWriter, status int, kind string, b []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // where there is none, there is no slow client either
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone is not our fault
}

// body reads parameters: JSON, or a form. Those by name that are null are dropped.
func body(w http.ResponseWriter, r *http.Request) (json.RawMessage, bool) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			status = http.StatusRequestEntityTooLarge
		}
		answer(w, status, command.Refuse(command.ParseError, "the request's body: %v", err))
		return nil, false
	}
	// The command may take as long as it needs.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	params, err := parse(r.Header.Get("Content-Type"), bytes.TrimSpace(b))
	if err != nil {
		answer(w, http.StatusBadRequest, command.Refuse(command.ParseError, "the request's body: %v", err))
		return nil, false
	}
	return params, true
}

var errBody = errors.New("neither JSON nor a form")

// parse reads a body by what it is, and not by what it says it is alone: curl calls
// everything a form.
func parse(kind string, b []byte) (json.RawMessage, error) {
	if len(b) == 0 {
		return json.RawMessage("{}"), nil
	}
	if b[0] == '[' && json.Valid(b) {
		return b, nil
	}
	if b[0] == '{' {
		var given map[string]json.RawMessage
		if err := json.Unmarshal(b, &given); err != nil {
			return nil, err
		}
		for name, v := range given {
			if string(v) == "null" {
				delete(given, name)
			}
		}
		return json.Marshal(given)
	}
	if media, _, err := mime.ParseMediaType(kind); err == nil && media == "application/json" {
		return nil, errBody
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, errBody
	}
	given := map[string]string{}
	for name, values := range form {
		if len(values) != 1 || name == "" || strings.ContainsAny(name, "{[\"") {
			return nil, errBody
		}
		given[name] = values[0]
	}
	return json.Marshal(given)
}

// longestKey is the most of an Idempotency-Key, in bytes.
const longestKey = 255

// once binds a key to a request, durably and before it runs: with the same key and
// another request nothing is paid. The request itself may be repeated, because pay and
// xpay are keyed by the payment hash: what was paid gives its receipt.
func (s *Server) once(ctx context.Context, w http.ResponseWriter, id, key, method string, params json.RawMessage) bool {
	if c, ok := api.Find(method); !ok || c.Name != "pay" && c.Name != "xpay" {
		answer(w, http.StatusBadRequest, command.Refuse(command.InvalidParams, "Idempotency-Key is for pay and xpay: leave it out"))
		return false
	}
	if len(key) > longestKey {
		answer(w, http.StatusBadRequest, command.Refuse(command.InvalidParams, "Idempotency-Key: %d bytes are the most", longestKey))
		return false
	}
	same, err := bound.Bind(ctx, s.Node.Store(), bound.Row{Key: id + ":" + key, Request: sha256.Sum256(append([]byte(method+" "), params...)), Made: time.Now().Unix()})
	if err != nil {
		s.refuse(w, method, err)
		return false
	}
	if !same {
		answer(w, http.StatusUnprocessableEntity, command.Refuse(command.InvalidParams, "Idempotency-Key: it was used with another request"))
	}
	return same
}

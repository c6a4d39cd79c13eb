package rest

import (
	"net/http"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/system"
)

// metrics gives the numbers of listmetrics to monitors, which ask for them at a place of
// their own and in a form of their own.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	const method = "listmetrics"
	if _, ok := s.bearer(w, r); !ok {
		return
	}
	ctx, ok := s.permit(w, r, method, nil)
	if !ok {
		return
	}
	res, err := api.Call(ctx, s.Node, method, nil)
	if m, is := res.(system.Metrics); err == nil && is {
		write(w, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", m.Exposition())
		return
	}
	s.refuse(w, method, err)
}

package rest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"sync"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"codes": func(c command.Command) []command.Code {
		return append([]command.Code{command.InvalidParams}, c.Errors...)
	},
}).Parse(pageText))

// made is the page and the description, which change with the program only.
var made = sync.OnceValues(func() (page, openAPI []byte) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, api.Table()); err != nil {
		panic(err) // any test finds it
	}
	description, err := json.Marshal(api.OpenAPI())
	if err != nil {
		panic(err)
	}
	return b.Bytes(), append(description, '\n')
})

// The page and the description say nothing of this node: they need no rune.

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	_, b := made()
	write(w, http.StatusOK, "application/json", b)
}

func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	b, _ := made()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	write(w, http.StatusOK, "text/html; charset=utf-8", b)
}

package web

import (
	"net/http"

	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/words"
)

// What pages of other rooms need of a visit: office.Visit.

// Request is the browser's.
func (v *visit) Request() *http.Request { return v.r }

// Field is what was filled in under a name.
func (v *visit) Field(name string) string { return v.field(name) }

// Run gives the node a command.
func (v *visit) Run(out any, name string, params ...string) error {
	return v.run(v.ctx(), out, name, pairs(params)...)
}

// Line is a command as one would type it.
func (v *visit) Line(name string, params ...string) string { return v.s.line(name, pairs(params)) }

// Would shows a command that is not run.
func (v *visit) Would(name string, params ...string) {
	v.lines = append(v.lines, v.Line(name, params...))
}

// Text is a text of the catalogue.
func (v *visit) Text(key string, args ...any) string { return v.words.Text(key, args...) }

// Words is the language of who asks.
func (v *visit) Words() *words.Words { return v.words }

// Show answers with a page.
func (v *visit) Show(status int, page string, data any) error { return v.write(status, page, data) }

// See sends the browser to another page.
func (v *visit) See(path string) error { return v.see(path) }

// Self is the node's id.
func (v *visit) Self() string { return v.s.self.ID }

// Dir is the node's data folder.
func (v *visit) Dir() string { return v.s.c.Dir }

// File answers with a file of JSON.
func (v *visit) File(name string, content []byte) error {
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err := v.w.Write(append(content, '\n'))
	return err
}

// pairs are parameters of which names and values come in turn.
func pairs(params []string) (args []arg) {
	for i := 0; i+1 < len(params); i += 2 {
		args = append(args, arg{params[i], params[i+1]})
	}
	return args
}

// of is a page of another room.
func of(page func(office.Visit) error) func(*visit) error {
	return func(v *visit) error { return page(v) }
}

// Package office is the pages about the node as a whole: its coins on-chain, runes,
// webhooks, backups, the log, and what is deleted.
//
//	func Runes(v Visit) error // shows them
//
// Each page is a function of a visit, which is what the pages need of the room above:
// the form that was sent, commands of the node, and an answer.
package office

import (
	"errors"
	"net/http"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/newest"
	"github.com/leyden-ln/leyden/web/words"
)

// Visit is one request for a page, of somebody who may make it.
type Visit interface {
	Request() *http.Request
	Field(name string) string // of the form that was sent
	// Run gives the node a command, with its parameters as names and values, and reads
	// its result into out; nil reads nothing. The page shows the command.
	Run(out any, command string, params ...string) error
	Lister() newest.Ask
	Line(command string, params ...string) string // as one would type it
	Would(command string, params ...string)       // the page shows it too, and it is not run
	Text(key string, args ...any) string          // of the catalogue
	Words() *words.Words                          // the language of who asks
	Show(status int, page string, data any) error // answers with a page
	See(path string) error                        // sends the browser to another page
	File(name string, content []byte) error       // answers with a file of JSON
	Self() (id string)                            // the node's
	Dir() string                                  // the node's data folder
}

// ErrNotFound says that there is no such page.
var ErrNotFound = errors.New("web: there is no such page")

// Reason is a refusal in words.
func Reason(err error) string {
	if e, ok := errors.AsType[*command.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

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
	"strconv"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/newest"
	"github.com/leyden-ln/leyden/web/tokens"
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
	Held() (tokens.Held, error)                   // of the Omni Layer's tokens
	Self() (id string)                            // the node's
	Dir() string                                  // the node's data folder
}

// ErrNotFound says that there is no such page.
var ErrNotFound = errors.New("web: there is no such page")

// Fault is why something was not done. Of a refusal with a code the catalogue has a text
// for it, and the command's own, which is English, stands beside.
type Fault struct {
	Code command.Code // 0: the page says it itself
	Text string
}

// Number is the code as the catalogue's keys have it.
func (f *Fault) Number() string { return strconv.Itoa(int(f.Code)) }

// Own says whether the text is the page's, in its language.
func (f *Fault) Own() bool { return f.Code == 0 }

// Reason is a command's refusal.
func Reason(err error) *Fault {
	e := command.AsError(err)
	return &Fault{e.Code, e.Message}
}

// Say is a fault in the page's own words.
func Say(text string) *Fault { return &Fault{Text: text} }

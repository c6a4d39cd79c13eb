// Package grants is what somebody is allowed who gets a rune, as a few choices, and
// the restrictions of createrune that say the same.
//
//	g := grants.Grant{What: grants.Invoices, Rate: "60"}
//	text, err := g.Restrictions() // [["method=invoice",…],["rate=60"]]
//
// The choices are fewer than what restrictions can say, so that whoever makes one
// understands what it allows.
package grants

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What is allowed.
const (
	Look     = "look"     // what lists and gets
	Invoices = "invoices" // making invoices, and seeing them paid
	Some     = "some"     // the commands that are named
	All      = "all"
)

// Whats are all of them, the first for who has not chosen.
var Whats = []string{Look, Invoices, Some, All}

// What can be wrong with a grant.
var (
	ErrWhat     = errors.New("grants: there is no such choice")
	ErrCommands = errors.New("grants: the commands must be named")
	ErrPeer     = errors.New("grants: this is no node id")
	ErrRate     = errors.New("grants: a rate is a number from 1 up")
)

// Grant is what a rune allows. What is empty restricts nothing.
type Grant struct {
	What     string
	Commands string // names, with spaces or commas between them
	Peer     string // the node id of the one who may use it, over BOLT 8
	Rate     string // how often in a minute
	Until    uint64 // unix seconds
}

// ofInvoices are the commands of [Invoices].
var ofInvoices = []string{"invoice", "listinvoices", "searchinvoices", "waitinvoice", "waitanyinvoice"}

// Restrictions are those of a rune that allows this and nothing else, as the parameter
// of createrune; "[]" when it allows everything.
func (g Grant) Restrictions() (string, error) {
	all := [][]string{}
	switch g.What {
	case Look:
		all = append(all, []string{"method^list", "method^get", "method=summary"}, []string{"method/listdatastore"})
	case Invoices:
		all = append(all, methods(ofInvoices))
	case Some:
		names := Names(g.Commands)
		if len(names) == 0 || slices.ContainsFunc(names, func(s string) bool { return !named(s) }) {
			return "", ErrCommands
		}
		all = append(all, methods(names))
	case All:
	default:
		return "", ErrWhat
	}
	if g.Peer != "" {
		id := strings.ToLower(g.Peer)
		if len(id) != 66 || strings.Trim(id, "0123456789abcdef") != "" {
			return "", ErrPeer
		}
		all = append(all, []string{"id=" + id})
	}
	if g.Rate != "" {
		if n, err := strconv.ParseUint(g.Rate, 10, 31); err != nil || n == 0 {
			return "", ErrRate
		}
		all = append(all, []string{"rate=" + g.Rate})
	}
	if g.Until != 0 {
		all = append(all, []string{fmt.Sprintf("time<%d", g.Until)})
	}
	b, err := json.Marshal(all)
	return strings.NewReplacer(`\u003c`, "<").Replace(string(b)), err
}

// Names are the words of a list with spaces or commas between them.
func Names(list string) []string { return strings.Fields(strings.ReplaceAll(list, ",", " ")) }

// named says whether a word can be a command's name.
func named(s string) bool { return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" }

func methods(names []string) (out []string) {
	for _, name := range names {
		out = append(out, "method="+name)
	}
	return out
}

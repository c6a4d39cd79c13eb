package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/door"
	"github.com/leyden-ln/leyden/web/office"
)

// ownersOnly stands in needs for what no rune permits.
const ownersOnly = "*"

// needs are the commands without which a page is of no use to who asks for it, by the
// page's pattern. What a page does is judged by the gate as each of its commands is given;
// this says beforehand what to hide and what to refuse. Each form has its line.
var needs = map[string]string{
	"GET /receive":                           "invoice",
	"POST /receive":                          "invoice",
	"GET /pay":                               "pay",
	"POST /pay":                              "pay",
	"POST /pay/send":                         "pay",
	"POST /steps":                            "stepmode",
	"POST /steps/next":                       "nextstep",
	"GET /open":                              "fundchannel",
	"POST /open":                             "fundchannel",
	"GET /channels/{hash}/terms":             "setchannel",
	"POST /channels/{hash}/terms":            "setchannel",
	"GET /channels/{hash}/close":             "close",
	"POST /channels/{hash}/close":            "close",
	"POST /onchain/address":                  "newaddr",
	"POST /onchain/send":                     "withdraw",
	"POST /onchain/tokens":                   "assetsend",
	"GET /onchain/label":                     "datastore",
	"POST /onchain/label":                    "datastore",
	"GET /settings":                          "getlog",
	"POST /settings/backup":                  "backup",
	"POST /settings/channels.json":           "staticbackup",
	"GET /settings/metrics":                  "listmetrics",
	"GET /network":                           "listchannels",
	"GET /network.bin":                       "listchannels",
	"GET /settings/runes":                    "showrunes",
	"POST /settings/runes":                   "createrune",
	"POST /settings/runes/revoke":            "blacklistrune",
	"GET /settings/webhooks":                 "listwebhooks",
	"POST /settings/webhooks":                "createwebhook",
	"GET /settings/webhooks/{id}":            "listwebhookdeliveries",
	"POST /settings/webhooks/{id}/redeliver": "redeliverwebhook",
	"POST /settings/webhooks/{id}/delete":    "deletewebhook",
	"GET /delete":                            "delinvoice",
	"POST /delete":                           "delinvoice",
	"POST /invoices/{hash}/settle":           "settleholdinvoice",
	"POST /invoices/{hash}/cancel":           "cancelholdinvoice",
	"GET /onchain/bump":                      "withdraw",
	"POST /onchain/bump":                     "withdraw",
	"GET /password":                          ownersOnly,
	"POST /password":                         ownersOnly,
	"POST /logout":                           "",
}

// roles are what the runes of roles permit, as createrune takes it. A rune of a role is
// one of the node's, so that it can be shown and revoked like any other.
var roles = map[door.Role][][]string{
	door.Look: {append([]string{}, looking...), {"method/listdatastore"}, {"pages#look"}},
	door.Receive: {
		append([]string{"method=invoice", "method=newaddr"}, looking...), {"method/listdatastore"}, {"pages#receive"},
	},
}

// looking is the commands of pages that change nothing.
var looking = []string{
	"method^list", "method^get", "method=searchinvoices", "method=traces", "method=wait", "method=waitinvoice", "method=decode", "method=feerates", "method=assetbalance",
}

// runeOf is the rune of a role: the one that there is, or a new one.
func (s *Server) runeOf(ctx context.Context, as door.Role) (string, error) {
	owner := s.owner()
	var shown struct {
		Runes []struct {
			Rune         string
			Blacklisted  bool
			Restrictions []struct {
				Alternatives []struct{ FieldName, Value, Condition string }
			}
		}
	}
	if err := owner.call(ctx, &shown, "showrunes"); err != nil {
		return "", err
	}
	for _, r := range shown.Runes {
		var restrictions [][]string
		for _, x := range r.Restrictions {
			var alternatives []string
			for _, a := range x.Alternatives {
				alternatives = append(alternatives, a.FieldName+a.Condition+a.Value)
			}
			restrictions = append(restrictions, alternatives)
		}
		if !r.Blacklisted && slices.EqualFunc(restrictions, roles[as], slices.Equal) {
			return r.Rune, nil
		}
	}
	text, err := json.Marshal(roles[as])
	if err != nil {
		return "", err
	}
	var made struct{ Rune string }
	err = owner.call(ctx, &made, "createrune", arg{"restrictions", string(text)})
	return made.Rune, err
}

// proof is what a link or a rune proves that somebody has pasted.
func (s *Server) proof(r *http.Request, text string) door.Proof {
	if _, ticket, ok := strings.Cut(text, "ticket="); ok { // the whole link
		text = ticket
	}
	ticket := s.door.Ticket(text)
	return func() (session door.Session, ok bool) {
		if by := (api.Bearer{Node: s.c.Node, Rune: text}); r.Method == http.MethodPost && by.Good() { // not in an address
			return door.Session{Rune: text}, true
		}
		session, ok = ticket()
		if ok && session.Role != door.All {
			var err error
			if session.Rune, err = s.runeOf(r.Context(), session.Role); err != nil {
				s.c.Log.Error("there is no rune of a role", "role", session.Role, "why", err)
			}
			ok = err == nil
		}
		return session, ok
	}
}

// may says whether who asks may be shown a page, or send a form, of this pattern.
func (v *visit) may(pattern string) bool {
	switch command := needs[pattern]; command {
	case "":
		return true
	case ownersOnly:
		return v.by.Rune == ""
	default:
		return v.by.May(command)
	}
}

// refused says whether an error is that the rune does not permit a command.
func refused(err error) bool { return codeOf(err) == command.RuneNotPermitted }

// pageForbidden is what somebody may not do.
type pageForbidden struct{ Reason *office.Fault }

// pagePassword is where the password is set.
type pagePassword struct {
	Has, Old   bool // one is set, and must be given
	First, May bool // it was not decided yet whether there is one; there may be none
	Wrong      string
	Done       bool
	Least      int
}

// without says whether there is no password because the owner wants none. That counts
// only while nobody reaches the pages but from the node's machine.
func (s *Server) without() bool { return s.alone && s.door.Without() }

func (v *visit) password() error { return v.showPassword(http.StatusOK, pagePassword{}) }

func (v *visit) showPassword(status int, page pagePassword) error {
	has, err := v.s.door.HasPassword()
	if err != nil {
		return err
	}
	page.First, page.May = !has && !v.s.without(), v.s.alone
	page.Has, page.Old, page.Least = has, has && !v.session.Link, door.LeastPassword
	return v.write(status, "password", page)
}

func (v *visit) setPassword() error {
	if v.field("without") == "yes" {
		has, err := v.s.door.HasPassword()
		if err == nil && !has && v.s.alone {
			err = door.DoWithout(v.s.c.Dir)
		}
		if err != nil {
			return err
		}
		return v.see("/")
	}
	old, fresh := v.r.PostFormValue("old"), v.r.PostFormValue("new")
	if fresh != v.r.PostFormValue("again") {
		return v.showPassword(http.StatusUnprocessableEntity, pagePassword{Wrong: v.Text("password.differ")})
	}
	err := v.s.door.ChangePassword(v.session, door.From(v.r), old, fresh)
	switch {
	case errors.Is(err, door.ErrPassword):
		return v.showPassword(http.StatusUnprocessableEntity, pagePassword{Wrong: v.Text("password.least", door.LeastPassword)})
	case errors.Is(err, door.ErrWrong):
		v.s.c.Log.Warn("a wrong password", "from", v.r.RemoteAddr)
		return v.showPassword(http.StatusForbidden, pagePassword{Wrong: v.Text("password.wrong")})
	case errors.Is(err, door.ErrTries):
		return v.showPassword(http.StatusTooManyRequests, pagePassword{Wrong: v.Text("login.tries")})
	case err != nil:
		return err
	}
	v.s.c.Log.Info("the password of the pages was set", "from", v.r.RemoteAddr)
	return v.showPassword(http.StatusOK, pagePassword{Done: true})
}

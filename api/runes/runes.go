package runes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/gate"
	"github.com/leyden-ln/leyden/internal/runes"
	"github.com/leyden-ln/leyden/node"
)

// readOnly is what the word readonly stands for.
var readOnly = []runes.Restriction{
	{{Field: "method", Op: runes.Starts, Value: "list"}, {Field: "method", Op: runes.Starts, Value: "get"}, {Field: "method", Op: runes.Equal, Value: "summary"}},
	{{Field: "method", Op: runes.NotEqual, Value: "listdatastore"}},
}

// restrictions is a parameter: the word readonly, or an array of arrays of alternatives.
type restrictions []runes.Restriction

// Words implements [command.Worded].
func (restrictions) Words() string {
	return "readonly, or an array of restrictions, each an array of alternatives"
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *restrictions) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		if text == "readonly" {
			*r = readOnly
			return nil
		}
		b = []byte(text) // a shell gives arrays as strings
	}
	var lists [][]string
	if err := json.Unmarshal(b, &lists); err != nil {
		return errors.New("not readonly, and not an array of arrays of strings")
	}
	*r = restrictions{}
	for _, list := range lists {
		var x runes.Restriction
		for _, text := range list {
			a, err := runes.Parse(text)
			if err != nil {
				return err
			}
			x = append(x, a)
		}
		if len(x) == 0 {
			return runes.ErrRestriction
		}
		*r = append(*r, x)
	}
	return nil
}

type createRequest struct {
	Rune         *string       `json:"rune" doc:"one to which the restrictions are added; it need not be this node's. A new one when not given"`
	Restrictions *restrictions `json:"restrictions" doc:"all of which must hold; none when not given"`
}

type createResponse struct {
	Rune     string `json:"rune" doc:"the rune, in base64"`
	UniqueID string `json:"unique_id" doc:"its number, by which it is revoked; what others add to it has the same"`
	Warning  string `json:"warning_unrestricted_rune,omitempty" doc:"that whoever has it can spend everything"`
}

const unrestricted = "WARNING: this rune has no restrictions: whoever has it can spend everything that the node has. " +
	"Give restrictions that allow no more commands than an application needs."

func create(ctx context.Context, n *node.Node, r createRequest) (createResponse, error) {
	more := command.Or(r.Restrictions, nil)
	var made *runes.Rune
	if r.Rune == nil {
		if command.Restricted(ctx) {
			return createResponse{}, command.Refuse(command.RuneNotPermitted, "a rune with restrictions makes no new ones: give the rune to restrict")
		}
		var err error
		if made, _, err = n.Gate().Make(ctx, more...); err != nil {
			return createResponse{}, err
		}
	} else {
		var err error
		if made, err = read(*r.Rune); err != nil {
			return createResponse{}, err
		}
		for _, x := range more {
			if err := made.Restrict(x); err != nil {
				return createResponse{}, command.Refuse(command.InvalidParams, "restrictions: %v", err)
			}
		}
	}
	out := createResponse{Rune: made.Encode(), UniqueID: made.UniqueID()}
	if len(made.Restrictions()) == 0 {
		out.Warning = unrestricted
	}
	return out, nil
}

// read is a rune that has a number.
func read(text string) (*runes.Rune, error) {
	r, err := runes.Decode(text)
	if err == nil {
		if _, ok := r.ID(); !ok {
			err = gate.ErrNumber
		}
	}
	if err != nil {
		return nil, command.Refuse(command.InvalidParams, "rune: %v", err)
	}
	return r, nil
}

type showRequest struct {
	Rune *string `json:"rune" doc:"only this one, which need not be one that was made here; all that were made when not given"`
}

type alternative struct {
	Field     string `json:"fieldname" doc:"what is compared"`
	Value     string `json:"value" doc:"with what"`
	Condition string `json:"condition" doc:"how: one of ! = / ^ $ ~ < > { } #"`
	English   string `json:"english" doc:"in words"`
}

type restriction struct {
	Alternatives []alternative `json:"alternatives" doc:"one of which must hold"`
	English      string        `json:"english" doc:"in words"`
}

// moment is a time in seconds since 1970 with its fraction.
type moment struct{ time.Time }

// Words implements [command.Worded].
func (moment) Words() string { return "a number" }

// MarshalJSON implements [json.Marshaler].
func (m moment) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%09d", m.Unix(), m.Nanosecond()), nil
}

type row struct {
	Rune         string        `json:"rune" doc:"in base64"`
	LastUsed     *moment       `json:"last_used,omitempty" doc:"unix seconds at which it, or one made of it, was last used"`
	UniqueID     string        `json:"unique_id" doc:"its number"`
	Restrictions []restriction `json:"restrictions" doc:"all of which must hold"`
	English      string        `json:"restrictions_as_english" doc:"in words"`
	Stored       *bool         `json:"stored,omitempty" doc:"false: it was not made here as it is"`
	Blacklisted  *bool         `json:"blacklisted,omitempty" doc:"true: it is revoked"`
	Ours         *bool         `json:"our_rune,omitempty" doc:"false: it is no rune of this node"`
}

type showResponse struct {
	Runes []row `json:"runes" doc:"in the order of their numbers, 10000 at the most"`
}

func show(g *gate.Gate, r *runes.Rune) row {
	id, _ := r.ID()
	out := row{Rune: r.Encode(), UniqueID: r.UniqueID(), Restrictions: []restriction{}}
	var english []string
	for _, x := range r.Restrictions() {
		one := restriction{English: x.English()}
		for _, a := range x {
			one.Alternatives = append(one.Alternatives, alternative{a.Field, a.Value, string(rune(a.Op)), a.English()})
		}
		english = append(english, one.English)
		out.Restrictions = append(out.Restrictions, one)
	}
	out.English = strings.Join(english, " AND ")
	yes, no := true, false
	if !g.Ours(r) {
		out.Ours = &no
		return out
	}
	if at := g.LastUsed(id); !at.IsZero() {
		out.LastUsed = &moment{at}
	}
	if runes.Within(g.Revoked(), id) {
		out.Blacklisted = &yes
	}
	return out
}

func showAll(ctx context.Context, n *node.Node, r showRequest) (showResponse, error) {
	out := showResponse{Runes: []row{}}
	if r.Rune != nil {
		one, err := read(*r.Rune)
		if err != nil {
			return out, err
		}
		id, _ := one.ID()
		known, ok, err := n.Store().Rune(ctx, id)
		if err != nil {
			return out, err
		}
		shown := show(n.Gate(), one)
		if !ok || known.Text != shown.Rune {
			no := false
			shown.Stored = &no
		}
		out.Runes = append(out.Runes, shown)
		return out, nil
	}
	rows, err := n.Store().Runes(ctx, 0, command.LongestList)
	if err != nil {
		return out, err
	}
	for _, known := range rows {
		one, err := runes.Decode(known.Text)
		if err != nil {
			return out, fmt.Errorf("rune %d is damaged: %w", known.ID, err)
		}
		out.Runes = append(out.Runes, show(n.Gate(), one))
	}
	return out, nil
}

type blacklistRequest struct {
	Start  *uint64 `json:"start" doc:"the number of the first rune; only shows what is revoked when not given"`
	End    *uint64 `json:"end" doc:"the number of the last; the first alone when not given"`
	Relist *bool   `json:"relist" doc:"true: take their revocation back"`
}

type revoked struct {
	Start uint64 `json:"start" doc:"the number of the first rune"`
	End   uint64 `json:"end" doc:"the number of the last"`
}

type blacklistResponse struct {
	Blacklist []revoked `json:"blacklist" doc:"the runes that are revoked from now on"`
}

func blacklist(ctx context.Context, n *node.Node, r blacklistRequest) (blacklistResponse, error) {
	out := blacklistResponse{Blacklist: []revoked{}}
	if r.Start == nil && (r.End != nil || r.Relist != nil) {
		return out, command.Refuse(command.InvalidParams, "missing required parameter: start")
	}
	if r.Start != nil {
		x := runes.Range{First: *r.Start, Last: command.Or(r.End, *r.Start)}
		switch {
		case x.Last < x.First:
			return out, command.Refuse(command.InvalidParams, "end: %d is before start", x.Last)
		case x.Last > gate.Highest:
			return out, command.Refuse(command.InvalidParams, "Cannot blacklist beyond %d", gate.Highest)
		}
		change := n.Gate().Revoke
		if command.Or(r.Relist, false) {
			change = n.Gate().Relist
		}
		if err := change(ctx, x); err != nil {
			return out, err
		}
	}
	for _, x := range n.Gate().Revoked() {
		out.Blacklist = append(out.Blacklist, revoked{x.First, x.Last})
	}
	return out, nil
}

// Refusal gives what the gate says its code.
func Refusal(err error) error {
	for kind, code := range map[error]command.Code{
		gate.ErrRevoked: command.RuneBlacklisted, gate.ErrNotAuthorized: command.RuneNotAuthorized, gate.ErrNotPermitted: command.RuneNotPermitted,
	} {
		if errors.Is(err, kind) {
			return command.Refuse(code, "N%s", err.Error()[1:]) // clients look for these words as Core Lightning writes them
		}
	}
	return err
}

const conditions = `

An alternative is a field, a condition and a value, such as ` + "`method=listpays`" + `. The fields:

- ` + "`method`" + `: the command; ` + "`id`" + `: the node id of who gives it, over BOLT 8; ` + "`time`" + `: unix seconds
- ` + "`per`" + `: how long the rune rests between two uses: a number with nsec, usec, msec, sec, min, hour or day; ` + "`rate`" + `: how
  often it may be used in a minute. Runes with the same number share it
- ` + "`pnum`" + `: how many parameters there are; ` + "`pname`" + `X: the parameter with the name X; ` + "`parr`" + `N: the parameter at the
  place N, from 0
- ` + "`pinv`" + `X` + "`_`" + `F: of the invoice in the parameter with the name X its amount, description or node

The conditions: ` + "`=`" + ` equal, ` + "`/`" + ` not equal, ` + "`^`" + ` starts with, ` + "`$`" + ` ends with, ` + "`~`" + ` contains, ` + "`<`" + ` and ` + "`>`" + ` for integers,
` + "`{`" + ` and ` + "`}`" + ` for what comes before and after in the order of the alphabet, ` + "`!`" + ` is not there, ` + "`#`" + ` a comment. All but the
last two fail when the field is not there.`

// Commands are those of runes.
var Commands = []command.Command{
	command.Define(command.Spec{
		Name: "createrune", Aliases: []string{"invokerune"}, Group: "runes", Short: "make a rune, or restrict one",
		Long: "Makes a rune: a token with which others give this node commands, over REST or BOLT 8. Whoever has it can restrict it " +
			"further, and nobody can take a restriction away; it is useless once its number is revoked (`blacklistrune`). Restrictions " +
			"must all hold; of each, one of its alternatives. `readonly` stands for commands that begin with list or get, but not " +
			"listdatastore. A call that a rune with restrictions permits restricts runes, and makes no new ones." + conditions,
		Errors:   []command.Code{command.RuneNotPermitted, command.Failed},
		Examples: []string{"createrune", "createrune -k restrictions=readonly", `createrune -k restrictions='[["method=invoice","method=listinvoices"],["rate=60"]]'`},
	}, create),
	command.Define(command.Spec{
		Name: "showrunes", Group: "runes", Short: "show runes",
		Long: "Shows the runes that were made here, or explains one.", Errors: []command.Code{command.Failed},
		Examples: []string{"showrunes", "showrunes OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA=="},
	}, showAll),
	command.Define(command.Spec{
		Name: "blacklistrune", Aliases: []string{"destroyrune"}, Group: "runes", Short: "revoke runes",
		Long: "Makes runes useless, and all that were made of them, by their numbers. Shows what is revoked. The highest number that can be " +
			"revoked is " + strconv.Itoa(gate.Highest) + ".",
		Errors: []command.Code{command.Failed}, Examples: []string{"blacklistrune", "blacklistrune 3", "blacklistrune -k start=3 end=5 relist=true"},
	}, blacklist),
}

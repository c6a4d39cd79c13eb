package runes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/bolt/obolt"
)

// Call is a use of a rune, on which its conditions are judged.
type Call struct {
	Now      time.Time
	LastUsed time.Time // of any rune with the same number; zero: never
	Peer     *string   // the node id of who calls; nil: not known
	Method   *string   // the command
	Params   Params
}

// Params are a command's parameters: by name or by position.
type Params struct {
	ByName     map[string]json.RawMessage
	ByPosition []json.RawMessage
}

// ParseParams reads parameters as JSON: an object, an array, or nothing.
func ParseParams(raw json.RawMessage) (p Params, err error) {
	switch text := strings.TrimSpace(string(raw)); {
	case text == "" || text == "null":
	case text[0] == '[':
		err = json.Unmarshal(raw, &p.ByPosition)
	default:
		err = json.Unmarshal(raw, &p.ByName)
	}
	return p, err
}

func (p *Params) count() int { return len(p.ByName) + len(p.ByPosition) }

// named is a parameter by its name, or by its name without underscores, which Core
// Lightning's older runes have.
func (p *Params) named(name string) (json.RawMessage, bool) {
	if v, ok := p.ByName[name]; ok {
		return v, given(v)
	}
	for full, v := range p.ByName {
		if strings.ReplaceAll(full, "_", "") == name {
			return v, given(v)
		}
	}
	return nil, false
}

// given says whether a parameter is there: null stands for one that is not.
func given(v json.RawMessage) bool { return strings.TrimSpace(string(v)) != "null" }

// plain is what a condition compares of a value: a string without its quotes, all else
// as JSON has it.
func plain(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && strings.HasPrefix(strings.TrimSpace(string(raw)), `"`) {
		return text
	}
	return strings.TrimSpace(string(raw))
}

// Refusal says which condition does not hold.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Check judges all restrictions. Error: a [Refusal].
func (r *Rune) Check(c *Call) error {
	for _, x := range r.Restrictions() {
		if err := x.Check(c); err != nil {
			return err
		}
	}
	return nil
}

// Check judges one restriction: one of its alternatives must hold. Error: a [Refusal].
func (x Restriction) Check(c *Call) error {
	why := make([]string, 0, len(x))
	for _, a := range x {
		err := a.check(c)
		if err == nil {
			return nil
		}
		why = append(why, err.Error())
	}
	return Refusal(strings.Join(why, " AND "))
}

// Allows says whether some use of a command can be permitted: of each restriction there is
// an alternative that the command's name fulfils, or that asks for something else.
func (r *Rune) Allows(method string) bool {
	c := &Call{Method: &method}
	for _, x := range r.Restrictions() {
		if !slices.ContainsFunc(x, func(a Alternative) bool { return a.Field != "method" || a.check(c) == nil }) {
			return false
		}
	}
	return true
}

// HasRate says whether it depends on the rune's last use.
func (r *Rune) HasRate() bool {
	for _, x := range r.Restrictions() {
		for _, a := range x {
			if a.Field == "per" || a.Field == "rate" {
				return true
			}
		}
	}
	return false
}

func (a Alternative) check(c *Call) error {
	if a.Op == Comment {
		return nil
	}
	switch a.Field {
	case "time":
		now := strconv.FormatInt(c.Now.Unix(), 10)
		return a.compare("time", &now)
	case "id":
		return a.compare("id", c.Peer)
	case "method":
		return a.compare("method", c.Method)
	case "pnum":
		count := strconv.Itoa(c.Params.count())
		return a.compare("number of parameters", &count)
	case "per", "rate":
		return a.paced(c)
	}
	if name, ok := strings.CutPrefix(a.Field, "pname"); ok {
		v, there := c.Params.named(name)
		return a.compareJSON("parameter "+name, v, there)
	}
	if number, ok := strings.CutPrefix(a.Field, "parr"); ok {
		i, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return Refusal(a.Field + ": parr is followed by the number of a parameter")
		}
		if i < uint64(len(c.Params.ByPosition)) {
			v := c.Params.ByPosition[i]
			return a.compareJSON("parameter #"+number, v, given(v))
		}
		return a.compare("parameter #"+number, nil)
	}
	if name, ok := strings.CutPrefix(a.Field, "pinv"); ok {
		return a.invoice(name, c)
	}
	return a.compare(a.Field, nil)
}

func (a Alternative) compareJSON(name string, v json.RawMessage, there bool) error {
	if !there {
		return a.compare(name, nil)
	}
	text := plain(v)
	return a.compare(name, &text)
}

// compare judges a field's value; nil: it is not there.
func (a Alternative) compare(name string, v *string) error {
	refuse := func(format string, args ...any) error { return Refusal(name + " " + fmt.Sprintf(format, args...)) }
	if a.Op == Missing {
		if v != nil {
			return refuse("is present")
		}
		return nil
	}
	if v == nil {
		return refuse("not present")
	}
	holds, why := false, ""
	switch a.Op {
	case Equal:
		holds, why = *v == a.Value, "is not equal to"
	case NotEqual:
		holds, why = *v != a.Value, "is equal to"
	case Starts:
		holds, why = strings.HasPrefix(*v, a.Value), "does not start with"
	case Ends:
		holds, why = strings.HasSuffix(*v, a.Value), "does not end with"
	case Contains:
		holds, why = strings.Contains(*v, a.Value), "does not contain"
	case Before:
		holds, why = *v < a.Value, "is the same or ordered after"
	case After:
		holds, why = *v > a.Value, "is the same or ordered before"
	case Less, Greater:
		bound, err := strconv.ParseInt(a.Value, 10, 64)
		if err != nil {
			return Refusal("the rune asks to compare with " + strconv.Quote(a.Value) + ", which is not an integer")
		}
		n, err := strconv.ParseInt(*v, 10, 64)
		if err != nil {
			return refuse("is not an integer")
		}
		if holds, why = n < bound, "is greater or equal to"; a.Op == Greater {
			holds, why = n > bound, "is less or equal to"
		}
	}
	if !holds {
		return refuse("%s %s", why, a.Value)
	}
	return nil
}

var units = []struct {
	name string
	unit time.Duration
}{
	{"nsec", time.Nanosecond}, {"usec", time.Microsecond}, {"msec", time.Millisecond}, {"sec", time.Second},
	{"min", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour}, {"", time.Second},
}

// pause is how long a rune rests between two uses.
func (a Alternative) pause() (time.Duration, error) {
	if a.Op != Equal {
		return 0, Refusal(a.Field + " takes = alone")
	}
	if a.Field == "rate" {
		n, err := strconv.ParseUint(a.Value, 10, 31)
		if err != nil || n == 0 {
			return 0, Refusal("rate is not a number of uses in a minute")
		}
		return time.Minute / time.Duration(n), nil //nolint:gosec // 31 bits
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(a.Value, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 63)
		if err != nil || n < 0 || n > int64((1<<63-1)/u.unit) {
			return 0, Refusal("per is not a time")
		}
		return time.Duration(n) * u.unit, nil
	}
	return 0, Refusal("per is not a time")
}

func (a Alternative) paced(c *Call) error {
	pause, err := a.pause()
	if err != nil {
		return err
	}
	// A clock that was set back makes nobody wait longer than the pause.
	if since := c.Now.Sub(c.LastUsed); !c.LastUsed.IsZero() && since < pause && since > -pause {
		return Refusal("too soon")
	}
	return nil
}

// invoice judges a field of a parameter that is an invoice: NAME_FIELD.
func (a Alternative) invoice(name string, c *Call) error {
	cut := strings.LastIndexByte(name, '_')
	if cut < 0 {
		return Refusal(a.Field + ": pinv is followed by a parameter's name, _ and a field")
	}
	param, field := name[:cut], name[cut+1:]
	raw, ok := c.Params.named(param)
	if !ok {
		return Refusal("Unknown invoice parameter " + param)
	}
	inv, err := obolt.Read(plain(raw))
	if err != nil {
		return Refusal("Invalid invoice: " + err.Error())
	}
	var v *string
	switch field {
	case "amount":
		if inv.Amount != nil {
			text := strconv.FormatUint(uint64(*inv.Amount), 10)
			v = &text
		}
	case "description":
		v = inv.Description
	case "node":
		text := inv.Payee.String()
		v = &text
	default:
		return Refusal("invoices have no field " + field + " here: amount, description or node")
	}
	return a.compare("invoice parameter "+name, v)
}

package office

import (
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/web/words"
)

// limit is one condition of a rune: a field, how it is compared, and with what.
type limit struct {
	Field string `json:"fieldname"`
	Value string
	How   string `json:"condition"`
}

// limits are conditions of which one must hold.
type limits struct {
	Any []limit `json:"alternatives"`
}

// compared are the texts of what a condition asks of a field.
var compared = map[string]string{
	"=": "equal", "/": "other", "^": "starts", "$": "ends", "~": "contains", "<": "less", ">": "greater", "{": "before", "}": "after",
}

// Text is the conditions in words; a field that was named just before is not named again.
func (l limits) Text(w *words.Words) (text string) {
	named := ""
	for i, x := range l.Any {
		one, whole := x.whole(w)
		if !whole {
			if one = x.asked(w); x.Field != named {
				one = x.field(w) + " " + one
			}
			named = x.Field
		}
		if text += one; i+1 < len(l.Any) {
			text += " " + w.Text("runes.or") + " "
		}
	}
	return text
}

// latest is up to how many bits seconds are shown as a date.
const latest = 37

// whole is a condition that is said as a whole, if it is one of those.
func (x limit) whole(w *words.Words) (text string, ok bool) {
	switch n, err := strconv.ParseUint(x.Value, 10, latest); {
	case x.How == "#":
		return w.Text("runes.note", words.Apart(x.Field), words.Apart(x.Value)), true
	case x.Field == "rate" && x.How == "=":
		return w.Text("runes.often", words.Apart(x.Value)), true
	case x.Field == "per" && x.How == "=":
		return w.Text("runes.rest", rest(w, x.Value)), true
	case x.Field == "time" && x.How == "<" && err == nil:
		return w.Text("runes.until", w.Clock(n)), true
	case x.Field == "time" && x.How == ">" && err == nil:
		return w.Text("runes.from", w.Clock(n)), true
	}
	return "", false
}

// rests are the texts of the units in which a rune's rest is written.
var rests = map[string]string{"": "time.second", "sec": "time.second", "min": "time.minute", "hour": "time.hour", "day": "time.day"}

// rest is how long a rune rests between two uses; what is in shorter units stays as it is.
func rest(w *words.Words, value string) string {
	digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyz")
	key, known := rests[value[len(digits):]]
	n, err := strconv.ParseUint(digits, 10, 62)
	if !known || err != nil {
		return words.Apart(value)
	}
	return w.Text(key, n)
}

// asked is what a condition asks of its field.
func (x limit) asked(w *words.Words) string {
	if x.How == "!" {
		return w.Text("runes.missing")
	}
	return w.Text("runes.is."+compared[x.How], words.Apart(x.Value))
}

// field is what a condition is about.
func (x limit) field(w *words.Words) string {
	for _, of := range []string{"pname", "parr", "pinv"} {
		name, ok := strings.CutPrefix(x.Field, of)
		if i := strings.LastIndexByte(name, '_'); ok && of == "pinv" && i >= 0 && w.Or("runes.pinv."+name[i+1:], "") != "" {
			return w.Text("runes.pinv."+name[i+1:], words.Apart(name[:i]))
		}
		if ok && of != "pinv" {
			return w.Text("runes."+of, words.Apart(name))
		}
	}
	return w.Or("runes.field."+x.Field, words.Apart(x.Field))
}

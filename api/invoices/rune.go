package invoices

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/leyden-ln/leyden/internal/runes"
)

type decodedRestriction struct {
	Alternatives []string `json:"alternatives" doc:"one of which must hold, as the rune writes them"`
	Summary      string   `json:"summary" doc:"in words"`
}

// DecodedRune is what a rune says.
type DecodedRune struct {
	UniqueID     string                `json:"unique_id,omitempty" doc:"of a rune: its number"`
	String       string                `json:"string,omitempty" doc:"of a rune: its code in hexadecimal and its restrictions"`
	Restrictions *[]decodedRestriction `json:"restrictions,omitempty" doc:"of a rune: all of which must hold"`
	Hex          string                `json:"hex,omitempty" doc:"of a rune that cannot be shown: all of it"`
	Warning      string                `json:"warning_rune_invalid_utf8,omitempty" doc:"that it is not UTF-8"`
}

// decodeRune decodes a rune of any node's; false when it is none.
func decodeRune(text string) (out decodeResponse, ok bool) {
	r, err := runes.Decode(text)
	if errors.Is(err, runes.ErrUTF8) {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		return decodeResponse{Type: "rune", DecodedRune: &DecodedRune{Hex: hex.EncodeToString(raw), Warning: "the rune is not UTF-8"}}, err == nil
	}
	if err != nil {
		return out, false
	}
	list := []decodedRestriction{}
	for _, x := range r.Restrictions() {
		var d decodedRestriction
		var words []string
		for _, a := range x {
			d.Alternatives = append(d.Alternatives, a.String())
			words = append(words, summary(a))
		}
		d.Summary = strings.Join(words, " OR ")
		list = append(list, d)
	}
	return decodeResponse{Type: "rune", Valid: true, DecodedRune: &DecodedRune{UniqueID: r.UniqueID(), String: r.String(), Restrictions: &list}}, true
}

// summary is a condition in words, with what its field is.
func summary(a runes.Alternative) string {
	if a.Op == runes.Comment {
		return a.English()
	}
	what := "not known: it never holds"
	switch name, param := strings.CutPrefix(a.Field, "pname"); {
	case param:
		what = "parameter '" + name + "'"
	case strings.HasPrefix(a.Field, "parr"):
		what = "parameter at position " + a.Field[len("parr"):]
	case fields[a.Field] != "":
		what = fields[a.Field]
	}
	name := a.Field
	a.Field = name + " (" + what + ")"
	if a.Op != runes.Missing && name != "time" && name != "pnum" && name != "rate" {
		a.Value = "'" + a.Value + "'"
	}
	return a.English()
}

var fields = map[string]string{
	"time": "in seconds since 1970", "id": "of the peer that gives the command", "method": "of the command", "pnum": "number of parameters",
	"rate": "at the most a minute",
}

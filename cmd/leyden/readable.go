package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// readable prints results for the eye: names and values in columns, amounts with their
// units, times in words.
type readable struct {
	w     io.Writer
	now   time.Time
	width int // of the terminal: the rows of a table that needs more are shown as blocks
	err   error
}

// field is a member of an object, in its order.
type field struct {
	name  string
	value any // []field, []any, string, json.Number, bool or nil
}

// ordered reads JSON with the order of its members.
func ordered(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		out := []field{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := ordered(d)
			if err != nil {
				return nil, err
			}
			text, _ := name.(string)
			out = append(out, field{text, v})
		}
		_, err = d.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for d.More() {
			v, err := ordered(d)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err = d.Token()
		return out, err
	}
	return token, nil
}

// showReadable prints a result for the eye, on a terminal of so many columns. A long value is
// left whole, so that it can be copied.
func showReadable(w io.Writer, result json.RawMessage, now time.Time, width int) error {
	if !json.Valid(result) { // or deeper than any result
		return errors.New("the node's answer is not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(result))
	d.UseNumber()
	v, err := ordered(d)
	if err != nil {
		return err
	}
	r := &readable{w: w, now: now, width: width}
	switch v := v.(type) {
	case []field:
		if len(v) == 0 {
			r.line("", "done")
		}
		r.object(v, "")
	case []any:
		r.list(v, "")
	default:
		r.line("", r.scalar("", v))
	}
	return r.err
}

func (r *readable) line(indent, text string) {
	if r.err == nil {
		_, r.err = fmt.Fprintln(r.w, strings.TrimRight(indent+text, " "))
	}
}

// nested says whether a value needs lines of its own.
func nested(v any) bool {
	switch v := v.(type) {
	case []field:
		return len(v) > 0
	case []any:
		for _, e := range v {
			switch e.(type) {
			case []field, []any:
				return true
			}
		}
	}
	return false
}

func (r *readable) object(fields []field, indent string) {
	width := 0
	for _, f := range fields {
		if !nested(f.value) {
			width = max(width, utf8.RuneCountInString(label(f.name)))
		}
	}
	for _, f := range fields {
		switch v := f.value.(type) {
		case []field:
			if len(v) > 0 {
				r.line(indent, label(f.name))
				r.object(v, indent+"  ")
				continue
			}
		case []any:
			if nested(v) {
				r.line(indent, fmt.Sprintf("%s (%d)", label(f.name), len(v)))
				r.list(v, indent+"  ")
				continue
			}
		}
		r.line(indent, fmt.Sprintf("%-*s  %s", width, label(f.name), r.scalar(f.name, f.value)))
	}
}

func (r *readable) list(list []any, indent string) {
	if r.table(list, indent) {
		return
	}
	for i, e := range list {
		if i > 0 {
			r.line("", "")
		}
		switch e := e.(type) {
		case []field:
			r.object(e, indent)
		case []any:
			r.list(e, indent)
		default:
			r.line(indent, r.scalar("", e))
		}
	}
}

// table prints rows that are alike and narrow enough; false: they are not.
func (r *readable) table(list []any, indent string) bool {
	var names []string
	var rows [][]string
	for _, e := range list {
		fields, ok := e.([]field)
		if !ok || len(fields) == 0 {
			return false
		}
		row := make([]string, len(names))
		for _, f := range fields {
			if nested(f.value) {
				return false
			}
			at := len(names)
			for i, n := range names {
				if n == f.name {
					at = i
				}
			}
			if at == len(names) {
				names, row = append(names, f.name), append(row, "")
			}
			row[at] = r.scalar(f.name, f.value)
		}
		rows = append(rows, row)
	}
	widths, total := make([]int, len(names)), len(indent)
	for i, n := range names {
		widths[i] = utf8.RuneCountInString(label(n))
		for _, row := range rows {
			if i < len(row) {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			}
		}
		total += widths[i] + 2
	}
	if total-2 > r.width {
		return false
	}
	line := func(cell func(i int) string) {
		var b strings.Builder
		for i := range names {
			fmt.Fprintf(&b, "%-*s  ", widths[i], cell(i))
		}
		r.line(indent, b.String())
	}
	line(func(i int) string { return label(names[i]) })
	for _, row := range rows {
		line(func(i int) string {
			if i < len(row) {
				return row[i]
			}
			return ""
		})
	}
	return true
}

// label is a field's name without the unit that its value has beside it.
func label(name string) string {
	for _, unit := range []string{"_msat", "_satoshis"} {
		name = strings.TrimSuffix(name, unit)
	}
	return clean(strings.ReplaceAll(name, "_", " "))
}

// times are the names of what is in unix seconds, beside those that end in _at.
var times = map[string]bool{
	"time": true, "timestamp": true, "last_timestamp": true, "last_update": true, "received_time": true, "resolved_time": true, "next_try": true,
	"expiry_time": true,
}

// clean keeps what others wrote from moving the cursor, and from turning around what stands
// beside it.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 || unicode.Is(unicode.Bidi_Control, c) {
			return '?'
		}
		return c
	}, text)
}

func (r *readable) scalar(name string, v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return clean(v)
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		switch {
		case err != nil:
			return v.String()
		case strings.HasSuffix(name, "_msat"):
			return satoshi(n)
		case strings.HasSuffix(name, "_satoshis"):
			return grouped(n) + " sat"
		case (times[name] || strings.HasSuffix(name, "_at")) && n > 1_000_000_000:
			return r.when(n)
		case strings.HasSuffix(name, "_seconds") && n >= 120:
			return v.String() + " (" + span(time.Duration(min(n, math.MaxInt64/int64(time.Second)))*time.Second) + ")"
		}
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = r.scalar(name, e)
		}
		if len(parts) == 0 {
			return "none"
		}
		return strings.Join(parts, ", ")
	}
	return "none"
}

// satoshi is an amount of msat in sat.
func satoshi(msat int64) string {
	sign := ""
	if msat < 0 {
		sign, msat = "-", -msat
	}
	text := sign + grouped(msat/1000)
	if rest := msat % 1000; rest != 0 {
		text += fmt.Sprintf(".%03d", rest)
	}
	return text + " sat"
}

// grouped writes a number with a space between groups of three digits.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// when is a time, and how far it is from now in words.
func (r *readable) when(unix int64) string {
	t := time.Unix(unix, 0)
	away := t.Sub(r.now)
	words := span(away.Abs())
	switch {
	case words == "":
		words = "now"
	case away < 0:
		words += " ago"
	default:
		words = "in " + words
	}
	return t.Local().Format("2006-01-02 15:04:05") + " (" + words + ")"
}

// span is a time in words; empty: no more than a moment.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	case d >= 2*time.Second:
		return fmt.Sprintf("%d seconds", d/time.Second)
	}
	return ""
}

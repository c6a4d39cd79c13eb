package command

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Filter is a template of the fields that somebody wants of a result, as Core Lightning's
// clients give it beside a command's parameters:
//
//	{"invoices": [{"label": true, "status": true}]}
//
// The zero filter gives nothing; a nil one all.
type Filter struct {
	fields map[string]*Filter // of an object; nil elsewhere
	each   *Filter            // of an array; nil elsewhere
}

// misused is the field of a result that says what the filter took for something else.
const misused = "warning_parameter_filter"

// deepestFilter is deeper than any result.
const deepestFilter = 16

// ParseFilter reads a filter. Nothing, or null: nil.
func ParseFilter(raw json.RawMessage) (*Filter, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil //nolint:nilnil // nil is the filter that gives all
	}
	if raw[0] != '{' {
		return nil, Refuse(InvalidParams, "filter: should be an object: invalid token '%s'", Clip(raw))
	}
	return parseFilter(raw, deepestFilter)
}

func parseFilter(raw json.RawMessage, deeper int) (*Filter, error) {
	if deeper == 0 {
		return nil, Refuse(InvalidParams, "filter: no result is so deep")
	}
	switch raw = bytes.TrimSpace(raw); {
	case string(raw) == "true":
		return nil, nil //nolint:nilnil // all below it
	case len(raw) > 0 && raw[0] == '{':
		var given map[string]json.RawMessage
		if err := json.Unmarshal(raw, &given); err != nil {
			return nil, Refuse(InvalidParams, "filter: %v", err)
		}
		f := &Filter{fields: make(map[string]*Filter, len(given))}
		for name, v := range given {
			sub, err := parseFilter(v, deeper-1)
			if err != nil {
				return nil, err
			}
			f.fields[name] = sub
		}
		return f, nil
	case len(raw) > 0 && raw[0] == '[':
		var given []json.RawMessage
		if err := json.Unmarshal(raw, &given); err != nil || len(given) != 1 {
			return nil, Refuse(InvalidParams, "filter: an array has one element: invalid token '%s'", Clip(raw))
		}
		each, err := parseFilter(given[0], deeper-1)
		return &Filter{each: each}, err
	}
	return nil, Refuse(InvalidParams, "filter: a value must be true: invalid token '%s'", Clip(raw))
}

// Apply gives what is wanted of a result, which is JSON, in its order. Of what is not of
// the kind that the filter takes it for nothing is left, and a field says so.
func (f *Filter) Apply(result json.RawMessage) (json.RawMessage, error) {
	if f == nil {
		return result, nil
	}
	var wrong string
	out, err := f.apply(bytes.TrimSpace(result), "", &wrong)
	if err != nil || wrong == "" || len(out) == 0 || out[0] != '{' {
		return out, err
	}
	text, err := json.Marshal(wrong)
	if err != nil {
		return nil, err
	}
	out = append(out[:len(out)-1], ',')
	if len(out) == 2 {
		out = out[:1] // it was empty
	}
	return append(append(append(out, `"`+misused+`":`...), text...), '}'), nil
}

// apply gives nothing for what is not of its kind. Path is where in the result it is.
func (f *Filter) apply(raw json.RawMessage, path string, wrong *string) (json.RawMessage, error) {
	if f == nil || len(raw) == 0 {
		return raw, nil
	}
	object, array := raw[0] == '{', raw[0] == '['
	switch {
	case array && f.fields != nil:
		*wrong = path + " is an array"
		return nil, nil
	case object && f.fields == nil:
		*wrong = path + " is an object"
		return nil, nil
	case !object && !array:
		return raw, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	out := append(make(json.RawMessage, 0, min(len(raw), 1024)), raw[0])
	for d.More() {
		sub, name, where := f.each, "", path+"[]"
		if object {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ = token.(string)
			where = path + "." + name
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		if object {
			var wanted bool
			if sub, wanted = f.fields[name]; !wanted {
				continue
			}
		}
		v, err := sub.apply(v, where, wrong)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if object {
			key, err := json.Marshal(name)
			if err != nil {
				return nil, err
			}
			out = append(append(out, key...), ':')
		}
		out = append(out, v...)
	}
	return append(out, strings.NewReplacer("{", "}", "[", "]").Replace(string(raw[:1]))...), nil
}

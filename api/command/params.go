package command

import (
	"bytes"
	"context"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// bind reads parameters, by position or by name, into the fields of v. As in
// Core Lightning, null stands for a parameter that is not given, a number may
// come as a string, and a string as a number.
func bind(params []Param, raw json.RawMessage, v reflect.Value) error {
	values := make([]json.RawMessage, len(params))
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0 || string(raw) == "null":
	case raw[0] == '[':
		var given []json.RawMessage
		if err := json.Unmarshal(raw, &given); err != nil {
			return Refuse(InvalidParams, "params: %v", err)
		}
		if len(given) > len(params) {
			return Refuse(InvalidParams, "too many parameters: got %d, expected at most %d", len(given), len(params))
		}
		copy(values, given)
	case raw[0] == '{':
		var given map[string]json.RawMessage
		if err := json.Unmarshal(raw, &given); err != nil {
			return Refuse(InvalidParams, "params: %v", err)
		}
		for name, value := range given {
			i := position(params, name)
			if i < 0 {
				return Refuse(InvalidParams, "unknown parameter: %s", Clip([]byte(name)))
			}
			if values[i] != nil {
				return Refuse(InvalidParams, "%s is given twice", params[i].Name)
			}
			values[i] = value
		}
	default:
		return Refuse(InvalidParams, "params must be an array or an object")
	}
	for i, p := range params {
		value := bytes.TrimSpace(values[i])
		if len(value) == 0 || string(value) == "null" {
			if !p.Optional {
				return Refuse(InvalidParams, "missing required parameter: %s", p.Name)
			}
			continue
		}
		if p.Refused {
			return Refuse(InvalidParams, "%s is not supported: leave it out, or null", p.Name)
		}
		field := v.Field(p.index)
		if p.Optional {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}
		if err := decode(value, field); err != nil {
			return Refuse(InvalidParams, "%s: should be %s: invalid token '%s'%s", p.Name, p.Type, Clip(value), because(value, err))
		}
	}
	return nil
}

// Object reads a JSON object into a struct as if its members were parameters by name.
func Object[T any](raw json.RawMessage, v *T) error {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return errors.New("should be an object")
	}
	if err := bind(paramsOf(reflect.TypeFor[T]()), raw, reflect.ValueOf(v).Elem()); err != nil {
		return errors.New(AsError(err).Message)
	}
	return nil
}

func position(params []Param, name string) int {
	for i, p := range params {
		if p.Name == name || p.Alias != "" && p.Alias == name {
			return i
		}
	}
	return -1
}

// because is what of an error says more than the parameter's type does. How the code calls
// its types says nothing to who gave the value.
func because(value json.RawMessage, err error) string {
	if _, isNumber := errors.AsType[*strconv.NumError](err); isNumber {
		return ""
	}
	if wrong, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		kind, _, _ := strings.Cut(wrong.Value, " ") // without the number
		switch {
		case wrong.Field != "":
			return " (" + clip([]byte(wrong.Field), longestReason) + " cannot be: " + kind + ")"
		case value[0] == '[':
			return " (no element can be: " + kind + ")"
		}
		return ""
	}
	return " (" + clip([]byte(err.Error()), longestReason) + ")"
}

const longestReason = 200 // bytes

// Clip keeps an error's text short however long the value was.
func Clip(b []byte) string { return clip(b, 60) }

func clip(b []byte, most int) string {
	if len(b) > most {
		return strings.ToValidUTF8(string(b[:most]), "") + "…"
	}
	return string(b)
}

// decode reads one JSON value into v.
func decode(raw json.RawMessage, v reflect.Value) error {
	if _, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		return json.Unmarshal(raw, v.Addr().Interface())
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		if raw[0] != '"' && !number(raw) {
			return &json.UnmarshalTypeError{Value: "this", Type: v.Type()}
		}
		v.SetString(text)
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetUint(n)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetInt(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return err
		}
		v.SetBool(b)
	default:
		if raw[0] == '"' && (v.Kind() == reflect.Slice || v.Kind() == reflect.Struct) {
			raw = json.RawMessage(text) // a shell gives arrays as strings
		}
		return json.Unmarshal(raw, v.Addr().Interface())
	}
	return nil
}

// Or is an optional parameter, or what stands for it when it is not given.
func Or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func number(raw json.RawMessage) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// Worded is a type of parameter that says itself what it takes.
type Worded interface{ Words() string }

// typeName says in words what a parameter takes.
func typeName(t reflect.Type) string {
	if w, ok := reflect.Zero(t).Interface().(Worded); ok {
		return w.Words()
	}
	switch t.Name() {
	case "MilliSatoshi":
		return "an amount (msat, or with the suffix msat, sat or btc)"
	case "OrAny":
		return "an amount (msat, or with the suffix msat, sat or btc) or \"any\""
	case "PaymentHash", "Preimage":
		return "64 hexadecimal digits"
	case "Point":
		return "a node id (66 hexadecimal digits)"
	case "ShortChannelID":
		return "a short_channel_id (BLOCKxTXxOUTPUT)"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}

// HexBytes are bytes as hexadecimal digits.
type HexBytes []byte

// Words implements [Worded].
func (HexBytes) Words() string { return "hexadecimal digits" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *HexBytes) UnmarshalText(b []byte) error {
	out, err := hex.DecodeString(string(b))
	if err != nil {
		return errors.New("not pairs of hexadecimal digits")
	}
	*h = out
	return nil
}

// LongestList is how many rows a list has at the most.
const LongestList = 10_000

// Limit is how many rows a list is to have, where a limit was asked for or not.
func Limit(asked *uint32) int { return int(min(Or(asked, LongestList), LongestList)) }

// Next is where a list goes on that has as many rows as it may have, behind the index of
// its last one; zero: there are no more.
func Next(rows, limit int, last func() uint64) uint64 {
	if rows == 0 || rows < limit {
		return 0
	}
	return last() + 1
}

// Within bounds a wait.
func Within(ctx context.Context, seconds *uint64) (context.Context, context.CancelFunc) {
	if seconds == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(min(*seconds, 1<<31))*time.Second) //nolint:gosec // bounded
}

// None is the type of no parameters, and of an empty result.
type None struct{}

package command

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// Schema is a JSON schema.
type Schema map[string]any

// ParamsSchema describes the parameters by name.
func (c *Command) ParamsSchema() Schema {
	properties, required := Schema{}, []string{}
	for _, p := range c.Params {
		if p.Refused {
			continue
		}
		s := Schema{"description": p.Doc + " (" + p.Type + ")"}
		if kind, ok := kinds[p.Type]; ok {
			s = Schema{"description": p.Doc, "type": kind}
		}
		properties[p.Name] = s
		if !p.Optional {
			required = append(required, p.Name)
		}
	}
	s := Schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// kinds are JSON's types by how [typeName] calls them. Others take more than one.
var kinds = map[string]string{
	"a string": "string", "true or false": "boolean", "an integer": "integer", "an array": "array", "an object": "object",
	"64 hexadecimal digits": "string", "hexadecimal digits": "string", "a number": "number",
}

// ResultSchema describes the result.
func (c *Command) ResultSchema() Schema { return schemaOf(c.Result) }

func schemaOf(t reflect.Type) Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	v := reflect.New(t).Interface()
	if t.Name() == "MilliSatoshi" {
		return Schema{"type": "integer", "description": "msat"}
	}
	if w, ok := v.(Worded); ok {
		if kind, known := kinds[w.Words()]; known {
			return Schema{"type": kind}
		}
		return Schema{"description": w.Words()}
	}
	if _, ok := v.(encoding.TextMarshaler); ok {
		return Schema{"type": "string", "description": typeName(t)}
	}
	if _, ok := v.(json.Marshaler); ok {
		return Schema{}
	}
	switch t.Kind() {
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Schema{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice, reflect.Array:
		return Schema{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties := Schema{}
		structSchema(t, properties)
		return Schema{"type": "object", "properties": properties}
	}
	return Schema{}
}

func structSchema(t reflect.Type, properties Schema) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if f.Anonymous && name == "" { // also of a type that is not exported: its fields are
			inner := f.Type
			for inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				structSchema(inner, properties)
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		s := schemaOf(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			s["description"] = doc
		}
		properties[name] = s
	}
}

package command

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Page is a command's page in Markdown: usage, parameters, result, every error
// that it can give, examples.
func (c *Command) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n    leyden %s\n\n%s\n", c.Name, c.Short, c.Usage(), c.Long)
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso found as %s.\n", strings.Join(c.Aliases, ", "))
	}
	if len(c.Params) > 0 {
		b.WriteString("\n## Parameters\n\n| name | takes | needed | what it is |\n|---|---|---|---|\n")
		for _, p := range c.Params {
			name, needed := p.Name, "yes"
			if p.Alias != "" {
				name += " (or " + p.Alias + ")"
			}
			if p.Optional {
				needed = "no"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, p.Type, needed, p.Doc)
		}
	}
	b.WriteString("\n## Result\n\n| field | type | what it is |\n|---|---|---|\n")
	fields(&b, c.Result, "")
	b.WriteString("\n## Errors\n\n| code | what it means |\n|---|---|\n")
	codes := append([]Code{InvalidParams}, c.Errors...)
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		fmt.Fprintf(&b, "| %d | %s |\n", code, code.Text())
	}
	b.WriteString("\n## Examples\n\n")
	for _, e := range c.Examples {
		fmt.Fprintf(&b, "    leyden %s\n", e)
	}
	return b.String()
}

// rooms are the paths under which the types of commands' rows are.
var rooms = []string{"github.com/leyden-ln/leyden/api", "github.com/leyden-ln/leyden/internal/events"}

// fields lists a result's fields, those of rows behind the list's name.
func fields(b *strings.Builder, t reflect.Type, prefix string) {
	for i := range t.NumField() {
		f := t.Field(i)
		ft, suffix := f.Type, "."
		for ft.Kind() == reflect.Slice || ft.Kind() == reflect.Pointer {
			if ft.Kind() == reflect.Slice {
				suffix = "[]" + suffix
			}
			ft = ft.Elem()
		}
		inside := ft.Kind() == reflect.Struct && slices.ContainsFunc(rooms, func(room string) bool { return strings.HasPrefix(ft.PkgPath(), room) })
		if f.Anonymous {
			fields(b, ft, prefix)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		doc := f.Tag.Get("doc")
		if strings.Contains(options, "omitempty") {
			doc += " (when there is one)"
		}
		fmt.Fprintf(b, "| %s%s | %s | %s |\n", prefix, name, resultType(f.Type), doc)
		if inside {
			fields(b, ft, prefix+name+suffix)
		}
	}
}

// resultType says in words what a result's field is in JSON.
func resultType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Name() {
	case "MilliSatoshi":
		return "an integer of msat"
	case "PaymentHash", "Preimage", "ChannelID":
		return "64 hexadecimal digits"
	}
	return typeName(t)
}

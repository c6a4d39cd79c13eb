// Package table writes rows as tables for spreadsheets.
package table

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Line writes the columns of a row as a line of CSV (RFC 4180).
func Line(b *bytes.Buffer, columns []string, row json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(row, &fields); err != nil {
		return err
	}
	for i, name := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		field, err := cell(name, fields[name])
		if err != nil {
			return err
		}
		b.WriteString(field)
	}
	b.WriteString("\r\n")
	return nil
}

// cell is a field of a row as CSV: amounts are integers of millisatoshi, times are
// those of RFC 3339, and texts are quoted where they must be.
func cell(name string, raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	if raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		return quoted(s), err
	}
	if !strings.HasSuffix(name, "_at") && !strings.HasSuffix(name, "_time") {
		return quoted(string(raw)), nil
	}
	at, err := strconv.ParseUint(string(raw), 10, 62)
	if err != nil || at == 0 {
		return "", err
	}
	return time.Unix(int64(at), 0).UTC().Format(time.RFC3339), nil //nolint:gosec // 62 bits
}

// quoted is a text as a field of CSV. A spreadsheet takes what begins like a formula
// for one, and may run it; an apostrophe before it makes it a text.
func quoted(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r\n") || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") ||
		strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠") {
		s = "'" + s
	}
	if strings.ContainsAny(s, "\",\r\n") || strings.TrimSpace(s) != s {
		s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// rowsAtOnce is how many rows of a download are in memory.
const rowsAtOnce = 500

// saved is a list that can be had as a file: all its rows that a page's filters let
// through, the newest first.
type saved struct {
	name    string   // of the rows in the command's result
	columns []string // of the CSV: fields of the rows
	atOnce  int
	read    func(v *visit, before string, limit int) (rows []json.RawMessage, next uint64, err error)
}

var (
	savedInvoices = &saved{"invoices", strings.Fields("created_index label payment_hash status amount_msat amount_received_msat description " +
		"expires_at paid_at pay_index payment_preimage bolt11"), rowsAtOnce, searched}
	savedPayments = &saved{"pays", strings.Fields("created_index payment_hash status amount_msat amount_sent_msat created_at completed_at " +
		"destination label description number_of_parts error preimage bolt11"), rowsAtOnce, listedBy("listpays", "pays")}
	savedForwards = &saved{"forwards", strings.Fields("created_index status in_channel in_htlc_id in_msat out_channel out_htlc_id out_msat " +
		"fee_msat received_time resolved_time"), rowsAtOnce, listedBy("listforwards", "forwards")}
)

// searched reads the invoices that the search of the page finds.
func searched(v *visit, before string, limit int) ([]json.RawMessage, uint64, error) {
	q := v.r.URL.Query()
	var found struct {
		Invoices []json.RawMessage
		Next     uint64
	}
	args := append(given(arg{"text", q.Get("text")}, arg{"status", q.Get("status")}, arg{"before", before}), arg{"limit", strconv.Itoa(limit)})
	err := v.run(v.ctx(), &found, "searchinvoices", args...)
	return found.Invoices, found.Next, err
}

// listedBy reads the rows of a list that have the page's status.
func listedBy(command, key string) func(*visit, string, int) ([]json.RawMessage, uint64, error) {
	l := list[json.RawMessage]{command, key, func(row *json.RawMessage) uint64 {
		var r struct {
			Created uint64 `json:"created_index"`
		}
		_ = json.Unmarshal(*row, &r) // a row of ours has it
		return r.Created
	}}
	return func(v *visit, before string, limit int) ([]json.RawMessage, uint64, error) {
		return older(v, l, v.r.URL.Query().Get("status"), before, limit)
	}
}

// csv answers with the rows as a table for spreadsheets.
func (f *saved) csv(v *visit) error {
	head := strings.Join(f.columns, ",") + "\r\n"
	return f.send(v, "text/csv; charset=utf-8; header=present", head, "", "", f.line)
}

// json answers with the rows as the command gives them.
func (f *saved) json(v *visit) error {
	return f.send(v, "application/json", `{"`+f.name+"\":[\n", ",\n", "\n]}\n", func(b *bytes.Buffer, row json.RawMessage) error {
		b.Write(row)
		return nil
	})
}

// send answers with rows, one page of them after the other, each read when the one
// before has gone to the browser. Who goes away ends it.
func (f *saved) send(v *visit, kind, head, between, foot string, write func(*bytes.Buffer, json.RawMessage) error) error {
	leave := v.stay()
	if leave == nil {
		return nil
	}
	defer leave()
	var b bytes.Buffer
	b.WriteString(head)
	before, began, some := "", false, false
	for {
		v.lines = nil
		rows, next, err := f.read(v, before, f.atOnce)
		for _, row := range rows {
			if some {
				b.WriteString(between)
			}
			some = true
			if err == nil {
				err = write(&b, row)
			}
		}
		if err != nil && !began {
			return err
		}
		if !began {
			v.w.Header().Set("Content-Type", kind)
			v.w.Header().Set("Content-Disposition", `attachment; filename="`+path.Base(v.r.URL.Path)+`"`)
			began = true
		}
		if next == 0 {
			b.WriteString(foot)
		}
		if err == nil {
			err = (&stream{w: v.w, c: http.NewResponseController(v.w)}).flush(b.Bytes())
		}
		if err != nil { // half a file must not look like a whole one
			v.quietly(err)
			panic(http.ErrAbortHandler)
		}
		if next == 0 || v.r.Method == http.MethodHead {
			return nil
		}
		b.Reset()
		before = strconv.FormatUint(next, 10)
	}
}

// line writes a row as a line of CSV (RFC 4180).
func (f *saved) line(b *bytes.Buffer, row json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(row, &fields); err != nil {
		return err
	}
	for i, name := range f.columns {
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
	return stamp(at), nil
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

// files are the addresses of a page's list as files, with the filters of the page.
type files struct{ CSV, JSON string }

func (v *visit) files() files {
	q := v.r.URL.Query()
	q.Del("before")
	query := q.Encode()
	if query != "" {
		query = "?" + query
	}
	return files{v.r.URL.Path + ".csv" + query, v.r.URL.Path + ".json" + query}
}

package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/web/newest"
	"github.com/leyden-ln/leyden/web/sse"
	"github.com/leyden-ln/leyden/web/table"
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
		"expires_at paid_at pay_index payment_preimage bolt11 property_id asset amount amount_received"), rowsAtOnce, searched}
	savedPayments = &saved{"pays", strings.Fields("created_index payment_hash status amount_msat amount_sent_msat created_at completed_at " +
		"destination label description number_of_parts error preimage bolt11 property_id asset amount amount_sent"), rowsAtOnce, listedBy("listpays", "pays")}
	savedForwards = &saved{"forwards", strings.Fields("created_index status in_channel in_htlc_id in_msat out_channel out_htlc_id out_msat " +
		"fee_msat received_time resolved_time failreason in_property_id in_units out_property_id out_units fee_units"), rowsAtOnce, listedBy("listforwards", "forwards")}
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
	l := newest.List[json.RawMessage]{Command: command, Key: key, Index: func(row *json.RawMessage) uint64 {
		var r struct {
			Created uint64 `json:"created_index"`
		}
		_ = json.Unmarshal(*row, &r) // a row of ours has it
		return r.Created
	}}
	return func(v *visit, before string, limit int) ([]json.RawMessage, uint64, error) {
		return l.Older(v.Lister(), v.r.URL.Query().Get("status"), before, limit)
	}
}

// csv answers with the rows as a table for spreadsheets.
func (f *saved) csv(v *visit) error {
	head := strings.Join(f.columns, ",") + "\r\n"
	return f.send(v, "text/csv; charset=utf-8; header=present", head, "", "", func(b *bytes.Buffer, row json.RawMessage) error {
		return table.Line(b, f.columns, row)
	})
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
			err = sse.To(v.w, pageTime).Flush(b.Bytes())
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

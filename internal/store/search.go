package store

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/store/compact"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// InvoiceSearch is what invoices are searched for. Empty texts and statuses are any.
type InvoiceSearch struct {
	Text        string // in label or description, in either case of ASCII letters
	Status      invoice.Status
	Asset       int64               // a property, 0 being bitcoin; below zero: any
	Least, Most amount.MilliSatoshi // asked for, or received if that was left open; bounds leave out those in an asset
	Since       uint64              // created, unix seconds
	Until       uint64
}

// How much one search looks at: invoices in one query, and in all.
const (
	searchStep   = 2000
	SearchLookAt = 100_000
)

// SearchInvoices finds up to limit invoices with a created_index below before, the
// newest first. Those that an index finds for text or status are looked at, or else all,
// but no more than [SearchLookAt]. It says below which created_index to go on; zero:
// there are no more.
func (s *Store) SearchInvoices(ctx context.Context, f InvoiceSearch, before uint64, limit int) (found []invoice.Row, next uint64, err error) {
	indexed := f.Status != "" || compact.Triples(f.Text) != nil
	for looked := 0; before > 1 && looked < SearchLookAt; looked += searchStep {
		var rows []invoice.Row
		down, more := before-min(before-1, searchStep), true
		if indexed {
			rows, down, more, err = s.searchIndexed(ctx, f, before, limit-len(found))
		} else {
			rows, err = s.searchRange(ctx, f, before, down, limit-len(found))
		}
		if err != nil {
			return nil, 0, err
		}
		found = append(found, rows...)
		switch before = down; {
		case len(found) == limit:
			before, looked = rows[len(rows)-1].CreatedIndex, SearchLookAt
		case !more:
			before = 0
		}
	}
	if before <= 1 {
		before = 0
	}
	return found, before, nil
}

// searchRange looks at all invoices from down up to, but not including, before.
func (s *Store) searchRange(ctx context.Context, f InvoiceSearch, before, down uint64, limit int) ([]invoice.Row, error) {
	r, err := s.q.SearchInvoices(ctx, db.SearchInvoicesParams{
		Before: place(before), DownTo: place(down), Text: f.Text, Status: string(f.Status), Asset: f.Asset, Least: place(uint64(f.Least)),
		Most: place(uint64(f.Most)), Since: place(f.Since), Until: place(f.Until), UpTo: int64(limit),
	})
	return all(r, err, readInvoice)
}

// searchIndexed looks at the next invoices that an index finds; more says whether it may
// find others below down.
func (s *Store) searchIndexed(ctx context.Context, f InvoiceSearch, before uint64, limit int) (rows []invoice.Row, down uint64, more bool, err error) {
	var ids []int64
	if words := compact.Triples(f.Text); words != nil {
		ids, err = s.matching(ctx, strings.Join(words, " AND "), before)
	} else {
		ids, err = s.q.InvoicesOfStatus(ctx, db.InvoicesOfStatusParams{Status: string(f.Status), Before: place(before), UpTo: searchStep})
	}
	if err != nil || len(ids) == 0 {
		return nil, 0, false, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, 0, false, err
	}
	r, err := s.q.SearchInvoicesAmong(ctx, db.SearchInvoicesAmongParams{
		Ids: string(list), Text: f.Text, Status: string(f.Status), Asset: f.Asset, Least: place(uint64(f.Least)),
		Most: place(uint64(f.Most)), Since: place(f.Since), Until: place(f.Until), UpTo: int64(limit),
	})
	rows, err = all(r, err, readInvoice)
	return rows, unsigned[uint64](ids[len(ids)-1]), len(ids) == searchStep, err
}

// matching finds invoices by the index of their texts.
func (s *Store) matching(ctx context.Context, words string, before uint64) (ids []int64, err error) {
	rows, err := s.read.QueryContext(ctx,
		"SELECT rowid FROM invoices_text WHERE invoices_text MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT CAST(? AS INTEGER)", words, place(before), searchStep)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

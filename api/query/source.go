package query

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"

	"modernc.org/sqlite/vtab"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// source is the list command that a table and its subtables read.
type source struct {
	table   string
	command string
	paged   bool              // by created_index
	by      map[string]string // columns by which the command finds rows itself, all of them in one list, and its parameter for each
	empty   []string          // "name TYPE": columns of Core Lightning's that are always NULL here
	find    *command.Command
	newest  func(ctx context.Context, n *node.Node) (uint64, error) // the highest created_index ever; nil: rows come upwards only
}

// sources are the tables, in Core Lightning's order. Those of what this node has not
// yet (offers, bookkeeping) are left out.
var sources = []*source{
	{
		table: "channels", command: "listchannels",
		by: map[string]string{"short_channel_id": "short_channel_id", "source": "source", "destination": "destination"},
	},
	{table: "closedchannels", command: "listclosedchannels"},
	{
		table: "forwards", command: "listforwards", paged: true, newest: newestForward,
	},
	{
		table: "invoices", command: "listinvoices", paged: true, newest: newestInvoice,
		by: map[string]string{"label": "label", "payment_hash": "payment_hash", "bolt11": "invstring"},
		empty: []string{
			"bolt12 TEXT", "local_offer_id BLOB", "invreq_payer_note TEXT", "paid_outpoint_txid BLOB", "paid_outpoint_outnum INTEGER",
		},
	},
	{table: "nodes", command: "listnodes", by: map[string]string{"nodeid": "id"}, empty: []string{"option_will_fund_lease_fee_base_msat INTEGER"}},
	{table: "peers", command: "listpeers", by: map[string]string{"id": "id"}},
	{
		table: "peerchannels", command: "listpeerchannels", by: map[string]string{"peer_id": "id"},
		empty: []string{
			"owner TEXT", "close_to BLOB", "min_to_us_msat INTEGER", "max_to_us_msat INTEGER", "last_tx_fee_msat INTEGER",
		},
	},
	{
		table: "sendpays", command: "listsendpays", paged: true, newest: newestAttempt, by: map[string]string{"payment_hash": "payment_hash", "bolt11": "bolt11"},
		empty: []string{"bolt12 TEXT"},
	},
	{table: "transactions", command: "listtransactions", paged: true},
}

// How many rows of a paged list are read at once: at first, as most queries want few, and
// at the most.
const (
	firstRows = 128
	pageRows  = 1000
)

// createdIndex is the column by which lists are paged.
const createdIndex = "created_index"

func newestForward(ctx context.Context, n *node.Node) (uint64, error) {
	created, _, _, err := n.Store().ForwardIndexes(ctx)
	return created, err
}

func newestInvoice(ctx context.Context, n *node.Node) (uint64, error) {
	created, _, _, err := n.Store().InvoiceIndexes(ctx)
	return created, err
}

func newestAttempt(ctx context.Context, n *node.Node) (uint64, error) {
	return n.Store().LastAttempt(ctx)
}

// plan is how a cursor reads a source: so many rows from an index on, or what one
// parameter finds.
type plan struct {
	param string
	value string
	start uint64
	limit int
}

// rows reads one page of a list; more says whether another one may follow.
func (s *source) rows(ctx context.Context, n *node.Node, p plan) (rows reflect.Value, more bool, err error) {
	params := map[string]any{}
	switch {
	case p.param != "":
		params[p.param] = p.value
	case s.paged:
		params["start"], params["limit"] = p.start, p.limit
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return rows, false, err
	}
	res, err := s.find.Run(ctx, n, raw)
	if e, refused := errors.AsType[*command.Error](err); refused && p.param != "" && e.Code == command.InvalidParams {
		return reflect.Value{}, false, nil // no row has a value that the command cannot read
	}
	if err != nil {
		return rows, false, err
	}
	rows = reflect.ValueOf(res).Field(0)
	return rows, s.paged && p.param == "" && rows.Len() == p.limit, nil
}

// argument is a value of SQLite's as the parameter of a column; false: no row can have it.
func argument(c *column, v vtab.Value) (string, bool) {
	switch v := v.(type) {
	case []byte:
		return hex.EncodeToString(v), c.kind == "BLOB"
	case string:
		return v, c.kind == "TEXT"
	}
	return "", false
}

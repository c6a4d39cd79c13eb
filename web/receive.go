package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
)

// channelRow is what the pages show of a channel.
type channelRow struct {
	PeerID       string              `json:"peer_id"`
	Connected    bool                `json:"peer_connected"`
	State        string              `json:"state"`
	ID           string              `json:"channel_id"`
	SCID         string              `json:"short_channel_id"`
	FundingTxid  string              `json:"funding_txid"`
	Opener       string              `json:"opener"`
	Private      bool                `json:"private"`
	ToUs         amount.MilliSatoshi `json:"to_us_msat"`
	Total        amount.MilliSatoshi `json:"total_msat"`
	Spendable    amount.MilliSatoshi `json:"spendable_msat"`
	Receivable   amount.MilliSatoshi `json:"receivable_msat"`
	OurReserve   amount.MilliSatoshi `json:"our_reserve_msat"`
	TheirReserve amount.MilliSatoshi `json:"their_reserve_msat"`
	FeeBase      uint64              `json:"fee_base_msat"`
	FeePPM       uint64              `json:"fee_proportional_millionths"`
	CLTVDelta    uint64              `json:"cltv_expiry_delta"`
	Delay        uint64              `json:"our_to_self_delay"`
	FeeRate      struct {
		PerKw uint64 `json:"perkw"`
	} `json:"feerate"`
	Status []string `json:"status"`
	HTLCs  []struct {
		Direction string              `json:"direction"`
		Amount    amount.MilliSatoshi `json:"amount_msat"`
	} `json:"htlcs"`
	OnChain []struct {
		Amount amount.MilliSatoshi `json:"amount_msat"`
		State  string              `json:"state"`
		Height uint64              `json:"spendable_height"`
	} `json:"onchain"`

	Alias string `json:"-"`
	Wrong string `json:"-"` // why it could not be closed
}

// CanClose says whether a close by agreement can be asked for, or has been already.
func (c *channelRow) CanClose() bool { return c.normal() || strings.Contains(c.State, "LOCKIN") }

// CanForce says whether our commitment can still be broadcast.
func (c *channelRow) CanForce() bool {
	return c.CanClose() || strings.Contains(c.State, "SHUTTING_DOWN")
}

// normal says whether the channel carries payments when its peer is here.
func (c *channelRow) normal() bool { return c.State == "CHANNELD_NORMAL" }

// InFlight is what the channel's HTLCs carry.
func (c *channelRow) InFlight() (sum amount.MilliSatoshi) {
	for _, h := range c.HTLCs {
		sum += h.Amount // both sides have checked that it is less than the capacity
	}
	return sum
}

// Theirs is what is neither ours nor in flight from us.
func (c *channelRow) Theirs() amount.MilliSatoshi { return c.Total.Less0(c.ToUs).Less0(c.InFlight()) }

// Word is the state in words.
func (c *channelRow) Word() string {
	switch {
	case c.normal() && c.Connected:
		return text("channel.open")
	case c.normal():
		return text("channel.away")
	case strings.Contains(c.State, "AWAITING_LOCKIN"):
		return text("channel.opening")
	case c.State == "ONCHAIN":
		return text("channel.onchain")
	case strings.Contains(c.State, "SHUTTING_DOWN"), strings.Contains(c.State, "CLOSING"):
		return text("channel.closing")
	}
	return c.State
}

// Well says whether there is nothing to worry about.
func (c *channelRow) Well() bool { return c.normal() && c.Connected }

// funds are sums over channels.
type funds struct{ Spendable, Receivable, Ours amount.MilliSatoshi }

func sums(rows []channelRow) (f funds) {
	for i := range rows {
		if c := &rows[i]; c.normal() {
			f.Ours += c.ToUs // no more than there are bitcoins
			if c.Connected {
				f.Spendable += c.Spendable
				f.Receivable += c.Receivable
			}
		}
	}
	return f
}

func (v *visit) listChannels() ([]channelRow, error) {
	var out struct{ Channels []channelRow }
	err := v.run(v.ctx(), &out, "listpeerchannels")
	return out.Channels, err
}

// form is what somebody filled in, and what is wrong with it.
type form struct {
	Amount, Unit, Label, Description, Expiry, Preimage, Private string
	Units, Exposures                                            []string
	Wrong                                                       string // in words
	Receivable                                                  amount.MilliSatoshi
}

var (
	amountUnits = []string{"sat", "btc", "msat"}
	exposures   = []string{"auto", "true", "false"}
)

func (v *visit) receive() error {
	return v.receiveForm(200, form{Unit: "sat", Expiry: inWords(time.Hour), Private: "auto"})
}

func (v *visit) receiveForm(status int, f form) error {
	rows, err := v.listChannels()
	if err != nil {
		return err
	}
	f.Units, f.Exposures, f.Receivable = amountUnits, exposures, sums(rows).Receivable
	return v.write(status, "receive", f)
}

// field is what was filled in under a name.
func (v *visit) field(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

// amountOf is an amount as commands take it, of a number and its unit.
func amountOf(number, unit string) string {
	number = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\u202f' || r == '\u00a0' || r == ',' && unit != "btc" || r == '_' {
			return -1
		}
		return r
	}, number)
	if number == "" || strings.EqualFold(number, "any") {
		return "any"
	}
	for _, u := range amountUnits {
		if u == unit {
			return number + unit
		}
	}
	return number
}

func (v *visit) makeInvoice() error {
	f := form{
		Amount: v.field("amount"), Unit: v.field("unit"), Label: v.field("label"), Description: v.field("description"),
		Expiry: v.field("expiry"), Preimage: v.field("preimage"), Private: v.field("private"),
	}
	if f.Label == "" {
		f.Label = time.Now().UTC().Format("2006-01-02 15:04:05 ") + strings.ToLower(rand.Text()[:4])
	}
	expiry := ""
	if f.Expiry != "" {
		seconds, ok := readTime(f.Expiry)
		if !ok {
			f.Wrong = text("receive.expiry.wrong")
			return v.receiveForm(422, f)
		}
		expiry = strconv.FormatUint(seconds, 10)
	}
	private := f.Private
	if private != "true" && private != "false" {
		private = ""
	}
	var made struct {
		Hash string `json:"payment_hash"`
	}
	args := []arg{{"amount_msat", amountOf(f.Amount, f.Unit)}, {"label", f.Label}, {"description", f.Description}}
	args = append(args, given(arg{"expiry", expiry}, arg{"preimage", f.Preimage}, arg{"exposeprivatechannels", private})...)
	if err := v.run(v.ctx(), &made, "invoice", args...); err != nil {
		f.Wrong = reason(err)
		return v.receiveForm(422, f)
	}
	return v.see("/invoices/" + made.Hash)
}

// see sends the browser to another page.
func (v *visit) see(path string) error {
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(303)
	return nil
}

// invoiceRow is what the pages show of an invoice.
type invoiceRow struct {
	Label        string               `json:"label"`
	Bolt11       string               `json:"bolt11"`
	PaymentHash  string               `json:"payment_hash"`
	Amount       *amount.MilliSatoshi `json:"amount_msat"`
	Status       string               `json:"status"`
	Description  string               `json:"description"`
	ExpiresAt    uint64               `json:"expires_at"`
	CreatedIndex uint64               `json:"created_index"`
	Received     amount.MilliSatoshi  `json:"amount_received_msat"`
	PaidAt       uint64               `json:"paid_at"`
	Preimage     string               `json:"payment_preimage"`
}

// Open says whether the invoice can still be paid.
func (r *invoiceRow) Open() bool { return r.Status == "unpaid" || r.Status == "accepted" }

// QR is the invoice as scanners want it: upper case takes less room.
func (r *invoiceRow) QR() string { return "LIGHTNING:" + strings.ToUpper(r.Bolt11) }

// URI opens a wallet on the same device. An invoice of ours has letters and digits
// only.
func (r *invoiceRow) URI() template.URL { return template.URL("lightning:" + r.Bolt11) } //nolint:gosec // as said

// pageInvoice is an invoice and whether it can be paid now.
type pageInvoice struct {
	invoiceRow
	Receivable amount.MilliSatoshi
	TooLittle  bool
}

// hash is the payment hash in a page's address.
func (v *visit) hash() (string, error) {
	h := v.r.PathValue("hash")
	if b, err := hex.DecodeString(h); err != nil || len(b) != 32 || strings.ToLower(h) != h {
		return "", errNotFound
	}
	return h, nil
}

func (v *visit) readPageInvoice() (page pageInvoice, err error) {
	hash, err := v.hash()
	if err != nil {
		return page, err
	}
	var found struct{ Invoices []invoiceRow }
	if err := v.run(v.ctx(), &found, "listinvoices", arg{"payment_hash", hash}); err != nil {
		return page, err
	}
	if len(found.Invoices) != 1 {
		return page, errNotFound
	}
	page.invoiceRow = found.Invoices[0]
	if page.Status != "unpaid" {
		return page, nil
	}
	rows, err := v.listChannels()
	if err != nil {
		return page, err
	}
	page.Receivable = sums(rows).Receivable
	page.TooLittle = page.Receivable == 0 || page.Amount != nil && *page.Amount > page.Receivable
	return page, nil
}

func (v *visit) invoice() error {
	page, err := v.readPageInvoice()
	if err != nil {
		return err
	}
	if page.Status == "unpaid" {
		v.lines = append(v.lines, v.s.line("waitinvoice", []arg{{"label", page.Label}}))
	}
	return v.show("invoice", &page)
}

func (v *visit) invoiceLive() error {
	page, err := v.readPageInvoice()
	if err != nil {
		return err
	}
	draw := func() ([]byte, bool, error) {
		page, err = v.readPageInvoice()
		if err != nil {
			return nil, false, err
		}
		b, err := v.fragment("invoice", "invoice-state", &page)
		return b, !page.Open(), err
	}
	return v.stream(draw, func(ctx context.Context) error {
		err := v.s.call(ctx, nil, "waitinvoice", arg{"label", page.Label})
		if codeOf(err) == command.InvoiceWaitTimedOut {
			return nil
		}
		return err
	})
}

// pageInvoices is a page of the invoices.
type pageInvoices struct {
	Text, Status string
	Statuses     []string
	Invoices     []invoiceRow
	Got          amount.MilliSatoshi // of those that are shown
	Next         string              // the address of the next page
	First        bool
	Files        files
}

const rowsOfPage = 50

func (v *visit) invoices() error {
	q := v.r.URL.Query()
	page := pageInvoices{
		Text: q.Get("text"), Status: q.Get("status"), First: q.Get("before") == "", Statuses: []string{"", "unpaid", "accepted", "paid", "expired"},
		Files: v.files(),
	}
	var found struct {
		Invoices []invoiceRow
		Next     uint64
	}
	args := given(arg{"text", page.Text}, arg{"status", page.Status}, arg{"before", q.Get("before")})
	if err := v.run(v.ctx(), &found, "searchinvoices", append(args, arg{"limit", fmt.Sprint(rowsOfPage)})...); err != nil {
		return err
	}
	page.Invoices = found.Invoices
	for _, row := range found.Invoices {
		page.Got += row.Received // no more than there are bitcoins
	}
	if found.Next != 0 {
		q.Set("before", strconv.FormatUint(found.Next, 10))
		page.Next = "/invoices?" + q.Encode()
	}
	if v.byScript() {
		return v.part("invoices", "invoices-table", &page)
	}
	return v.show("invoices", &page)
}

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
	"github.com/leyden-ln/leyden/web/channels"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// channelRow is what the pages show of a channel.
type channelRow = channels.Row

// channelWord is a channel's state in words.
func channelWord(w *words.Words, c *channelRow) string { return w.Or("channel."+c.Kind(), c.State) }

func (v *visit) listChannels() ([]channelRow, error) {
	var out struct{ Channels []channelRow }
	err := v.run(v.ctx(), &out, "listpeerchannels")
	return out.Channels, err
}

// form is what somebody filled in, and what is wrong with it.
type form struct {
	Amount, Unit, Label, Description, Expiry, Preimage, Hash, Private string
	Units, Exposures                                                  []string
	Tokens                                                            []choice
	Wrong                                                             *office.Fault
	Receivable                                                        tokens.Sums
}

var exposures = []string{"auto", "true", "false"}

func (v *visit) receive() error {
	return v.receiveForm(200, form{Expiry: v.words.Lasting(time.Hour), Private: "auto"})
}

func (v *visit) receiveForm(status int, f form) error {
	rows, err := v.listChannels()
	if err != nil {
		return err
	}
	funds, held := channels.Sums(rows), v.held(rows)
	f.Units, f.Exposures, f.Tokens = words.AmountUnits, exposures, choices(v.words, &held)
	f.Receivable = append(tokens.Sums{tokens.Bitcoin(funds.Receivable)}, held.CanReceive()...)
	if f.Unit == "" {
		f.Unit = usual(funds, &held)
	}
	return v.write(status, "receive", f)
}

// field is what was filled in under a name.
func (v *visit) field(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

func (v *visit) makeInvoice() error {
	f := form{
		Amount: v.field("amount"), Unit: v.field("unit"), Label: v.field("label"), Description: v.field("description"),
		Expiry: v.field("expiry"), Preimage: v.field("preimage"), Hash: v.field("hash"), Private: v.field("private"),
	}
	if f.Label == "" {
		f.Label = time.Now().UTC().Format("2006-01-02 15:04:05 ") + strings.ToLower(rand.Text()[:4])
	}
	expiry := ""
	if f.Expiry != "" {
		seconds, ok := v.words.ReadTime(f.Expiry)
		if !ok {
			f.Wrong = office.Say(v.Text("receive.expiry.wrong"))
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
	command, args := "invoice", []arg{}
	if f.Hash != "" { // whoever has the preimage settles it
		command, args = "holdinvoice", append(args, arg{"payment_hash", f.Hash})
	}
	args = append(args, []arg{{"amount_msat", v.words.Amount(f.Amount, f.Unit)}, {"label", f.Label}, {"description", f.Description}}...)
	if id := tokens.OfUnit(f.Unit); id != 0 {
		args = append(args, arg{"asset", tokens.Unit(id)})
	}
	args = append(args, given(arg{"expiry", expiry}, arg{"preimage", f.Preimage}, arg{"exposeprivatechannels", private})...)
	if err := v.run(v.ctx(), &made, command, args...); err != nil {
		f.Wrong = office.Reason(err)
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
	tokens.Row
}

// Asked is what the invoice is for.
func (r *invoiceRow) Asked() tokens.Sum {
	if r.Amount == nil {
		return r.Worth(r.Units, 0)
	}
	return r.Worth(r.Units, *r.Amount)
}

// Any says whether the payer chooses the amount.
func (r *invoiceRow) Any() bool {
	return r.InTokens() && r.Units == 0 || !r.InTokens() && r.Amount == nil
}

// Gotten is what arrived.
func (r *invoiceRow) Gotten() tokens.Sum { return r.Worth(r.UnitsGot, r.Received) }

// Open says whether the invoice can still be paid.
func (r *invoiceRow) Open() bool { return r.Status == "unpaid" || r.Status == "accepted" }

// QR is the invoice as scanners want it: upper case takes less room.
func (r *invoiceRow) QR() string { return "LIGHTNING:" + strings.ToUpper(r.Bolt11) }

// URI opens a wallet on the same device. An invoice of ours has letters and digits
// only, and a colon after a token's number.
func (r *invoiceRow) URI() template.URL { return template.URL("lightning:" + r.Bolt11) } //nolint:gosec // as said

// pageInvoice is an invoice and whether it can be paid now.
type pageInvoice struct {
	invoiceRow
	Token      tokens.Asset
	Receivable tokens.Sum
	TooLittle  bool
	Barely     bool // whether it will be too little soon
	BlocksLeft uint64
	Wrong      *office.Fault
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
	if page.Token = page.Row.Token(); page.InTokens() && !page.Token.Known {
		page.Token = v.token(page.Property) // the invoice is for any amount
	}
	if page.Status == "accepted" {
		page.BlocksLeft = v.blocksLeft(hash)
	}
	if page.Status != "unpaid" {
		return page, nil
	}
	rows, err := v.listChannels()
	if err != nil {
		return page, err
	}
	asked, can := uint64(page.Asked().Msat), uint64(channels.Sums(rows).Receivable)
	page.Receivable = tokens.Bitcoin(amount.MilliSatoshi(can))
	if page.InTokens() {
		held := tokens.Channels(rows).Of(page.Property)
		page.Receivable = tokens.Of(page.Token, held.Receivable)
		asked, can = uint64(page.Units), uint64(held.Receivable)
	}
	page.TooLittle = can == 0 || asked > can
	page.Barely = !page.TooLittle && can-asked < asked/4
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
		err := v.call(ctx, nil, "waitinvoice", arg{"label", page.Label})
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
	Got          tokens.Sums // of those that are shown
	Next         string      // the address of the next page
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
	for i := range found.Invoices {
		if row := &found.Invoices[i]; row.Status == "paid" {
			page.Got.Add(row.Gotten())
		}
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

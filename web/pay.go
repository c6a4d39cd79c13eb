package web

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/newest"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// decoded is what an invoice says.
type decoded struct {
	Payee           string               `json:"payee"`
	Currency        string               `json:"currency"`
	Amount          *amount.MilliSatoshi `json:"amount_msat"`
	Description     *string              `json:"description"`
	DescriptionHash string               `json:"description_hash"`
	PaymentHash     string               `json:"payment_hash"`
	CreatedAt       uint64               `json:"created_at"`
	Expiry          uint64               `json:"expiry"`
	FinalDelta      uint64               `json:"min_final_cltv_expiry"`
	Hints           [][]tokens.Hint      `json:"routes"`
	tokens.Row
}

// Asked is what the invoice is for.
func (d *decoded) Asked() tokens.Sum {
	if d.Amount == nil {
		return d.Worth(d.Units, 0)
	}
	return d.Worth(d.Units, *d.Amount)
}

// Any says whether the payer chooses the amount.
func (d *decoded) Any() bool { return d.InTokens() && d.Units == 0 || !d.InTokens() && d.Amount == nil }

// pagePay is an invoice that somebody may pay.
type pagePay struct {
	Text      string
	Wrong     *office.Fault
	Units     []string
	Invoice   *decoded
	Alias     string // the payee's
	ExpiresAt uint64
	Expired   bool
	Paid      bool // by us, already
	Pending   bool
	routes                  // that would be taken; none: unknown
	NoRoute   *office.Fault // why there are none now
	Amount    string        // that was filled in
	Unit      string
	Token     tokens.Asset // in which it is; bitcoin
	Way       *tokens.Way  // by which tokens would go
	Through   string       // the aliases of the nodes between
	Lacks     bool         // our channels have too little for it
	Spendable tokens.Sum   // of a token
}

// WayFee is what the node on the way takes of a token.
func (p *pagePay) WayFee() tokens.Sum { return tokens.Of(p.Token, p.Way.Fee) }

// WayMost is what our channels to the first node can send.
func (p *pagePay) WayMost() tokens.Sum { return tokens.Of(p.Token, p.Way.Most) }

func (v *visit) pay() error {
	page, err := v.decode(v.r.URL.Query().Get("invoice"))
	if err != nil {
		return err
	}
	return v.show("pay", &page)
}

// pasted is an invoice without what comes along with it.
func pasted(s string) string {
	s = strings.Join(strings.Fields(s), "")
	if len(s) > 10 && strings.EqualFold(s[:10], "lightning:") {
		s = s[10:]
	}
	if s == strings.ToUpper(s) {
		s = strings.ToLower(s)
	}
	return s
}

func (v *visit) readInvoice() error {
	page, err := v.decode(v.field("invoice"))
	if err != nil {
		return err
	}
	if v.byScript() {
		return v.part("pay", "pay-decoded", &page)
	}
	return v.show("pay", &page)
}

// decode reads an invoice, and finds out what paying it would be like.
func (v *visit) decode(given string) (pagePay, error) {
	page := pagePay{Text: pasted(given), Units: words.AmountUnits, Unit: "sat"}
	if page.Text == "" {
		return page, nil
	}
	var inv decoded
	if err := v.run(v.ctx(), &inv, "decode", arg{"string", page.Text}); err != nil {
		page.Wrong = office.Reason(err)
		return page, nil
	}
	if err := v.run(v.ctx(), nil, "preapproveinvoice", arg{"bolt11", page.Text}); err != nil {
		page.Wrong = office.Reason(err)
		return page, nil
	}
	page.Invoice, page.Alias = &inv, v.alias(v.ctx(), inv.Payee)
	page.ExpiresAt = inv.CreatedAt + min(inv.Expiry, math.MaxInt64/2)
	page.Expired = uint64(max(time.Now().Unix(), 0)) >= page.ExpiresAt //nolint:gosec // not negative
	row, found, err := v.findPayment(inv.PaymentHash)
	if err != nil {
		return page, err
	}
	page.Paid, page.Pending = found && row.Status == "complete", found && row.Status == "pending"
	if inv.InTokens() {
		page.Token = inv.Token()
		if !page.Token.Known {
			page.Token = v.token(inv.Property) // the invoice leaves the amount open
		}
	}
	if page.Paid || page.Pending || page.Expired {
		return page, nil
	}
	if inv.InTokens() {
		return page, v.findWay(&page)
	}
	if inv.Amount == nil {
		return page, nil
	}
	if page.routes, err = v.findRoutes(inv.Payee, *inv.Amount, inv.FinalDelta); err != nil {
		page.NoRoute = office.Reason(err)
	}
	return page, nil
}

// findWay finds out how tokens would go to the payee.
func (v *visit) findWay(page *pagePay) error {
	rows, err := v.listChannels()
	if err != nil {
		return err
	}
	inv := page.Invoice
	page.Spendable = tokens.Of(page.Token, tokens.Channels(rows).Of(inv.Property).Spendable)
	way, found := tokens.Find(rows, inv.Payee, inv.Hints, inv.Property, inv.Units)
	if !found {
		way, found = v.announcedWay(page, rows)
	}
	if !found {
		return nil
	}
	page.Way, page.Lacks = &way, !way.Enough(inv.Units)
	var names []string
	for _, id := range way.Nodes[:len(way.Nodes)-1] {
		names = append(names, cmp.Or(v.alias(v.ctx(), id), words.Short(id)))
	}
	page.Through = strings.Join(names, ", ")
	return nil
}

// announcedWay is the way over announced channels: that of one part, as pay would go now.
func (v *visit) announcedWay(page *pagePay, rows []channelRow) (way tokens.Way, found bool) {
	inv := page.Invoice
	if inv.Units == 0 {
		return way, false
	}
	var cost tokens.Cost
	if err := v.call(v.ctx(), &cost, "paycost", arg{"bolt11", page.Text}); err != nil {
		return way, false // the payment itself tries all there is
	}
	return cost.Way(rows, inv.Property)
}

// alias is the name that a node gave itself; empty when it did not.
func (a *asked) alias(ctx context.Context, id string) string {
	if id == a.s.self.ID {
		return a.s.self.Alias
	}
	var found struct{ Nodes []struct{ Alias string } }
	if err := a.call(ctx, &found, "listnodes", arg{"id", id}); err != nil || len(found.Nodes) == 0 {
		return ""
	}
	return found.Nodes[0].Alias
}

func (v *visit) send() error {
	text11 := pasted(v.field("invoice"))
	var inv decoded
	if err := v.call(v.ctx(), &inv, "decode", arg{"string", text11}); err != nil {
		return v.write(422, "pay", pagePay{Text: text11, Units: words.AmountUnits, Unit: "sat", Wrong: office.Reason(err)})
	}
	args := []arg{{"bolt11", text11}}
	if inv.Any() {
		number, unit := v.field("amount"), v.field("unit")
		what, err := v.chosen(&inv, number, unit)
		if err != nil {
			page, decodeErr := v.decode(text11)
			if decodeErr != nil {
				return decodeErr
			}
			page.Wrong, page.Amount, page.Unit = office.Say(v.Text("pay.amount.wrong")), number, unit
			return v.write(422, "pay", &page)
		}
		args = append(args, what)
	}
	if label := v.field("label"); label != "" {
		args = append(args, arg{"label", label})
	}
	started := v.s.errands.Start(inv.PaymentHash, func(ctx context.Context) error {
		return v.call(ctx, nil, "pay", args...)
	})
	if !started {
		return v.write(503, "pay", pagePay{Text: text11, Units: words.AmountUnits, Unit: "sat", Wrong: office.Say(v.Text("pay.many"))})
	}
	var steps stepMode
	if err := v.run(v.ctx(), &steps, "liststeps"); err != nil {
		return err
	}
	if steps.Enabled {
		return v.see("/inside/" + inv.PaymentHash)
	}
	return v.see("/payments/" + inv.PaymentHash)
}

// chosen is the amount that the payer chose, of bitcoin or of the invoice's token.
func (v *visit) chosen(inv *decoded, number, unit string) (arg, error) {
	if inv.InTokens() {
		units, err := amount.ParseTokens(v.words.Amount(number, ""), v.token(inv.Property).Divisible)
		return arg{"amount_units", strconv.FormatUint(uint64(units), 10)}, err
	}
	asked := v.words.Amount(number, unit)
	_, err := amount.Parse(asked)
	return arg{"amount_msat", asked}, err
}

// paymentRow is what the pages show of a payment.
type paymentRow struct {
	PaymentHash string              `json:"payment_hash"`
	Status      string              `json:"status"`
	Destination string              `json:"destination"`
	CreatedAt   uint64              `json:"created_at"`
	CompletedAt uint64              `json:"completed_at"`
	Label       string              `json:"label"`
	Bolt11      string              `json:"bolt11"`
	Description string              `json:"description"`
	Amount      amount.MilliSatoshi `json:"amount_msat"`
	Sent        amount.MilliSatoshi `json:"amount_sent_msat"`
	Preimage    string              `json:"preimage"`
	Created     uint64              `json:"created_index"`
	Error       string              `json:"error"`
	ErrorCode   command.Code        `json:"error_code"`
	tokens.Row
}

var paysList = newest.List[paymentRow]{Command: "listpays", Key: "pays", Index: func(r *paymentRow) uint64 { return r.Created }}

// Fee is what the nodes on the way took.
func (r *paymentRow) Fee() tokens.Sum {
	if r.InTokens() {
		return r.TokenFee()
	}
	return tokens.Bitcoin(r.Sent.Less0(r.Amount))
}

// Reason is why it failed.
func (r *paymentRow) Reason() *office.Fault {
	return &office.Fault{Code: cmp.Or(r.ErrorCode, command.PayUnspecifiedError), Text: r.Error}
}

// Arrives is what the payee gets.
func (r *paymentRow) Arrives() tokens.Sum { return r.Worth(r.Units, r.Amount) }

// attemptRow is one HTLC of a payment.
type attemptRow struct {
	GroupID   uint64              `json:"groupid"`
	PartID    uint64              `json:"partid"`
	Status    string              `json:"status"`
	Amount    amount.MilliSatoshi `json:"amount_msat"`
	Sent      amount.MilliSatoshi `json:"amount_sent_msat"`
	CreatedAt uint64              `json:"created_at"`
	Error     string              `json:"error"`
	At        int                 `json:"erring_index"`
	By        string              `json:"erring_node"`
	Failure   string              `json:"failcodename"`
	Name      string              // of the node that failed it, when it is not ours
	tokens.Row
}

// Why is the failure's name as the catalogue has it.
func (r *attemptRow) Why() string {
	switch name := strings.ToLower(strings.TrimPrefix(r.Failure, "WIRE_")); {
	case r.At == 0:
		return "ours"
	case r.At < 0:
		return "unreadable"
	default:
		return cmp.Or(name, "unknown")
	}
}

// Arrives is what the part brings to the payee.
func (r *attemptRow) Arrives() tokens.Sum { return r.Worth(r.Units, r.Amount) }

// Leaves is what the part takes from us.
func (r *attemptRow) Leaves() tokens.Sum { return r.Worth(r.UnitsSent, r.Sent) }

// pagePayment is a payment as far as it has come.
type pagePayment struct {
	paymentRow
	Alias    string
	Attempts []attemptRow
	Known    bool          // whether it is on disk
	Why      *office.Fault // it could not begin
	Over     bool
	Asked    string // the command line that pays it
	Check    string // the command line by which anyone checks the receipt
}

// listed is a list of payments.
type listed struct{ Pays []paymentRow }

func (v *visit) findPayment(hash string) (row paymentRow, found bool, err error) {
	var out listed
	if err := v.run(v.ctx(), &out, "listpays", arg{"payment_hash", hash}); err != nil || len(out.Pays) == 0 {
		return row, false, err
	}
	return out.Pays[0], true, nil
}

func (v *visit) readPagePayment() (page pagePayment, err error) {
	hash, err := v.hash()
	if err != nil {
		return page, err
	}
	it := v.s.errands.Find(hash)
	over := it == nil || it.Over() // looked at first: what it has written is read below
	page.paymentRow, page.Known, err = v.findPayment(hash)
	if err != nil {
		return page, err
	}
	switch {
	case !page.Known && it == nil:
		return page, errNotFound
	case !page.Known:
		page.PaymentHash, page.Status, page.Over = hash, "pending", over
		if over {
			page.Status = "failed"
			if it.Err != nil {
				page.Why = office.Reason(it.Err)
			}
		}
		return page, nil
	case page.Status == "failed" && !over:
		page.Status = "pending" // it was tried before, and is tried again
	}
	page.Over = page.Status != "pending"
	page.Alias = v.alias(v.ctx(), page.Destination)
	var attempts struct{ Payments []attemptRow }
	if err := v.run(v.ctx(), &attempts, "listsendpays", arg{"payment_hash", hash}); err != nil {
		return page, err
	}
	page.Attempts = attempts.Payments
	v.blame(page.Attempts)
	if page.Status == "complete" && page.Bolt11 != "" {
		page.Check = "leyden checkreceipt " + page.Bolt11 + " " + page.Preimage
	}
	return page, nil
}

// blame names the nodes that failed parts of a payment.
func (v *visit) blame(attempts []attemptRow) {
	known := map[string]string{}
	for i := range attempts {
		r := &attempts[i]
		if r.At <= 0 || r.By == "" {
			continue
		}
		if known[r.By] == "" {
			known[r.By] = cmp.Or(v.alias(v.ctx(), r.By), words.Short(r.By))
		}
		r.Name = known[r.By]
	}
}

func (v *visit) payment() error {
	page, err := v.readPagePayment()
	if err != nil {
		return err
	}
	if page.Bolt11 != "" {
		v.lines = append([]string{v.s.line("pay", []arg{{"bolt11", page.Bolt11}})}, v.lines...)
	}
	if page.Status == "complete" {
		v.lines = append(v.lines, v.s.line("receipt", []arg{{"invoice", cmp.Or(page.Bolt11, page.PaymentHash)}}))
	}
	return v.show("payment", &page)
}

func (v *visit) paymentLive() error {
	hash, err := v.hash()
	if err != nil {
		return err
	}
	if _, err := v.readPagePayment(); err != nil {
		return err
	}
	changes := v.changes()
	draw := func() ([]byte, bool, error) {
		if err := changes.look(v.ctx(), "sendpays"); err != nil {
			return nil, false, err
		}
		page, err := v.readPagePayment()
		if err != nil {
			return nil, false, err
		}
		b, err := v.fragment("payment", "payment-state", &page)
		return b, page.Over, err
	}
	return v.stream(draw, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if it := v.s.errands.Find(hash); it != nil {
			if it.Over() {
				return changes.wait(ctx)
			}
			var ended error
			go func() {
				select {
				case <-it.Done:
					cancel()
				case <-ctx.Done():
				}
			}()
			if ended = changes.wait(ctx); it.Over() {
				ended = nil
			}
			return ended
		}
		return changes.wait(ctx)
	})
}

// receiptFile is the receipt as a program reads it.
func (v *visit) receiptFile() error {
	hash, err := v.hash()
	if err != nil {
		return err
	}
	var r json.RawMessage
	err = v.run(v.ctx(), &r, "receipt", arg{"invoice", hash})
	switch codeOf(err) {
	case command.PayNoSuchPayment, command.PayStatusUnexpected, command.InvoiceNotFound, command.InvoiceStatusUnexpected:
		return errNotFound
	}
	if err != nil {
		return err
	}
	return v.File("receipt-"+hash[:16]+".json", r)
}

// pagePayments is a page of the payments, the newest first.
type pagePayments struct {
	Status   string
	Statuses []string
	Payments []paymentRow
	Sent     tokens.Sums // of those that are shown and complete
	Fees     tokens.Sums
	Older    string // the address of the next page
	First    bool
	Files    files
}

func (v *visit) payments() error {
	q := v.r.URL.Query()
	page := pagePayments{Status: q.Get("status"), Statuses: []string{"", "pending", "complete", "failed"}, First: q.Get("before") == "", Files: v.files()}
	var next uint64
	var err error
	if page.Payments, next, err = paysList.Older(v.Lister(), page.Status, q.Get("before"), rowsOfPage); err != nil {
		return err
	}
	for i := range page.Payments {
		if p := &page.Payments[i]; p.Status == "complete" {
			page.Sent.Add(p.Arrives())
			page.Fees.Add(p.Fee())
		}
	}
	if next > 0 {
		q.Set("before", strconv.FormatUint(next, 10))
		page.Older = "/payments?" + q.Encode()
	}
	return v.show("payments", &page)
}

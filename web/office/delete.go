package office

import "net/http"

// deletion is what is deleted from a page, after a second question.
type deletion struct {
	command string
	params  []string // of the command, and of the page's address
	back    string   // the page that shows it is not there any more
}

var deletions = map[string]deletion{
	"invoice": {"delinvoice", []string{"label", "status"}, "/invoices"},
	"payment": {"delpay", []string{"payment_hash", "status"}, "/payments"},
	"forward": {"delforward", []string{"in_channel", "in_htlc_id", "status"}, "/forwards"},
}

// blank is a parameter of a form and its value.
type blank struct{ Name, Value string }

// pageDelete asks whether something should be deleted.
type pageDelete struct {
	What, Back, Command string
	Wrong               *Fault
	Fields              []blank
}

// Delete asks, and deletes what the form of that question names.
func Delete(v Visit) error {
	what := v.Request().FormValue("what")
	d, known := deletions[what]
	if !known {
		return ErrNotFound
	}
	page := pageDelete{What: what, Back: d.back}
	var args []string
	for _, name := range d.params {
		value := v.Request().FormValue(name)
		args = append(args, name, value)
		page.Fields = append(page.Fields, blank{name, value})
	}
	page.Command = v.Line(d.command, args...)
	if v.Request().Method != http.MethodPost {
		return v.Show(200, "delete", page)
	}
	if err := v.Run(nil, d.command, args...); err != nil {
		page.Wrong = Reason(err)
		return v.Show(422, "delete", page)
	}
	return v.See(d.back)
}

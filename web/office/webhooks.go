package office

import (
	"slices"
	"strconv"
	"strings"
)

// hookRow is somebody who is told of events.
type hookRow struct {
	ID      uint64   `json:"id"`
	URL     string   `json:"url"`
	Events  []string `json:"events"`
	Created uint64   `json:"created_at"`
	Pending uint64   `json:"num_pending"`
}

// pageWebhooks is the webhooks, and one that somebody wants to make.
type pageWebhooks struct {
	Webhooks []hookRow
	URL      string
	Kinds    []string
	Chosen   []string
	Secret   string // of the one that was made; shown once
	Wrong    *Fault
}

// Has says whether a kind of events was chosen.
func (p *pageWebhooks) Has(kind string) bool { return slices.Contains(p.Chosen, kind) }

// eventKinds are those of which a webhook can be told.
var eventKinds = []string{"invoice", "payment", "channel"}

// Webhooks shows who is told of events, and the form of a new one.
func Webhooks(v Visit) error { return showWebhooks(v, 200, pageWebhooks{Chosen: eventKinds[:1]}) }

func listWebhooks(v Visit) ([]hookRow, error) {
	var found struct{ Webhooks []hookRow }
	err := v.Run(&found, "listwebhooks")
	return found.Webhooks, err
}

func showWebhooks(v Visit, status int, page pageWebhooks) (err error) {
	page.Kinds = eventKinds
	if page.Webhooks, err = listWebhooks(v); err != nil {
		return err
	}
	return v.Show(status, "webhooks", &page)
}

// MakeWebhook makes one, and shows its secret once.
func MakeWebhook(v Visit) error {
	page := pageWebhooks{URL: v.Field("url"), Chosen: v.Request().PostForm["events"]}
	if len(page.Chosen) == 0 {
		page.Wrong = Say(v.Text("webhooks.none"))
		return showWebhooks(v, 422, page)
	}
	var made struct{ Secret string }
	if err := v.Run(&made, "createwebhook", "url", page.URL, "events", strings.Join(page.Chosen, ",")); err != nil {
		page.Wrong = Reason(err)
		return showWebhooks(v, 422, page)
	}
	return showWebhooks(v, 200, pageWebhooks{Chosen: eventKinds[:1], Secret: made.Secret})
}

// deliveryRow is an event that a webhook is told of.
type deliveryRow struct {
	Event   uint64 `json:"event"`
	Status  string `json:"status"`
	Tries   uint64 `json:"tries"`
	TriedAt uint64 `json:"tried_at"`
	NextTry uint64 `json:"next_try"`
	Outcome string `json:"outcome"`
}

// pageWebhook is a webhook and what it was told.
type pageWebhook struct {
	hookRow
	Deliveries []deliveryRow // the newest first
	All        int
	Sure       bool // whether it is asked if it should be deleted
	Wrong      *Fault
}

// mostDeliveries is how many one page shows.
const mostDeliveries = 100

// findWebhook is the one that the page's address names.
func findWebhook(v Visit) (row hookRow, err error) {
	rows, err := listWebhooks(v)
	if err != nil {
		return row, err
	}
	for _, h := range rows {
		if strconv.FormatUint(h.ID, 10) == v.Request().PathValue("id") {
			return h, nil
		}
	}
	return row, ErrNotFound
}

// Deliveries shows what a webhook was told, and what it will be.
func Deliveries(v Visit) error {
	return showDeliveries(v, 200, pageWebhook{Sure: v.Request().URL.Query().Get("delete") == "yes"})
}

func showDeliveries(v Visit, status int, page pageWebhook) (err error) {
	if page.hookRow, err = findWebhook(v); err != nil {
		return err
	}
	var found struct{ Deliveries []deliveryRow }
	if err := v.Run(&found, "listwebhookdeliveries", "id", v.Request().PathValue("id")); err != nil {
		return err
	}
	slices.Reverse(found.Deliveries)
	page.All = len(found.Deliveries)
	page.Deliveries = found.Deliveries[:min(page.All, mostDeliveries)]
	for i := range page.Deliveries {
		if d := &page.Deliveries[i]; d.NextTry <= now() {
			d.NextTry = 0 // it is its turn
		}
	}
	return v.Show(status, "webhook", &page)
}

// Redeliver tells it of an event again.
func Redeliver(v Visit) error {
	if err := v.Run(nil, "redeliverwebhook", "id", v.Request().PathValue("id"), "event", v.Field("event")); err != nil {
		return showDeliveries(v, 422, pageWebhook{Wrong: Reason(err)})
	}
	return v.See("/settings/webhooks/" + v.Request().PathValue("id"))
}

// DeleteWebhook tells it no more.
func DeleteWebhook(v Visit) error {
	h, err := findWebhook(v)
	if err != nil {
		return err
	}
	if err := v.Run(nil, "deletewebhook", "id", strconv.FormatUint(h.ID, 10)); err != nil {
		return err
	}
	return v.See("/settings/webhooks")
}

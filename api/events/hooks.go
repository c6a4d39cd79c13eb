package events

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/webhook"
	"github.com/leyden-ln/leyden/node"
)

// prefix is how a secret begins whose rest is base64, as standardwebhooks.com has it.
const prefix = "whsec_"

// leastSecret and mostSecret bound a secret, in bytes.
const (
	leastSecret = 16
	mostSecret  = 64
)

type createRequest struct {
	URL    string  `json:"url" doc:"http or https"`
	Events *Kinds  `json:"events" doc:"of which it is told; all when not given"`
	Secret *string `json:"secret" doc:"whsec_ and base64, or a text: 16 to 64 bytes under which what is sent is signed; drawn when not given"`
}

type createResponse struct {
	ID     uint64   `json:"id" doc:"its number"`
	URL    string   `json:"url" doc:"where it is"`
	Events []string `json:"events" doc:"of which it is told; none: all"`
	Secret string   `json:"secret" doc:"under which what is sent is signed: it is not shown again"`
}

func refusal(err error) error {
	for _, known := range []error{webhook.ErrURL, webhook.ErrNone, webhook.ErrNoEvent} {
		if errors.Is(err, known) {
			return command.Refuse(command.InvalidParams, "%v", err)
		}
	}
	return err
}

func create(ctx context.Context, n *node.Node, r createRequest) (createResponse, error) {
	var secret []byte
	if r.Secret != nil {
		secret = []byte(*r.Secret)
		if text, ok := strings.CutPrefix(*r.Secret, prefix); ok {
			var err error
			if secret, err = base64.StdEncoding.DecodeString(text); err != nil {
				return createResponse{}, command.Refuse(command.InvalidParams, "secret: after %s should be base64", prefix)
			}
		}
		if len(secret) < leastSecret || len(secret) > mostSecret {
			return createResponse{}, command.Refuse(command.InvalidParams, "secret: should have %d to %d bytes", leastSecret, mostSecret)
		}
	}
	row, err := n.Webhooks().Create(ctx, r.URL, command.Or(r.Events, nil), secret)
	if err != nil {
		return createResponse{}, refusal(err)
	}
	return createResponse{row.ID, row.URL, append([]string{}, row.Kinds...), prefix + base64.StdEncoding.EncodeToString(row.Secret)}, nil
}

type hookRow struct {
	ID      uint64   `json:"id" doc:"its number"`
	URL     string   `json:"url" doc:"where it is; only the host for a rune that may not create webhooks: the rest may be a secret"`
	Events  []string `json:"events" doc:"of which it is told; none: all"`
	Created uint64   `json:"created_at" doc:"unix seconds"`
	Cursor  uint64   `json:"last_event" doc:"the index of the last event that was looked at for it"`
	Pending uint64   `json:"num_pending" doc:"deliveries that are still to be made"`
}

type listHooksResponse struct {
	Webhooks []hookRow `json:"webhooks" doc:"without their secrets"`
}

func listHooks(ctx context.Context, n *node.Node, _ command.None) (listHooksResponse, error) {
	out := listHooksResponse{Webhooks: []hookRow{}}
	for _, h := range n.Webhooks().List() {
		pending, err := n.Store().CountPendingDeliveries(ctx, h.ID)
		if err != nil {
			return out, err
		}
		at := h.URL
		if !command.May(ctx, "createwebhook") {
			at = hostOf(at)
		}
		out.Webhooks = append(out.Webhooks, hookRow{h.ID, at, append([]string{}, h.Kinds...), h.Created, h.Cursor, pending})
	}
	return out, nil
}

// hostOf is a URL without what may be a secret in it.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/…"
}

type hookRequest struct {
	ID uint64 `json:"id" doc:"the webhook's number"`
}

func deleteHook(ctx context.Context, n *node.Node, r hookRequest) (command.None, error) {
	return command.None{}, refusal(n.Webhooks().Delete(ctx, r.ID))
}

type deliveriesRequest struct {
	ID    uint64  `json:"id" doc:"the webhook's number"`
	Start *uint64 `json:"start" doc:"the index of the first event; the oldest that is kept when not given"`
	Limit *uint64 `json:"limit" doc:"how many at the most; 10000 when not given, and never more"`
}

type deliveryRow struct {
	ID      string `json:"id" doc:"as the header webhook-id has it"`
	Event   uint64 `json:"event" doc:"the index of the event"`
	Status  string `json:"status" doc:"pending, delivered or failed"`
	Tries   uint64 `json:"tries" doc:"how often it was tried"`
	TriedAt uint64 `json:"tried_at,omitempty" doc:"unix seconds of the last try"`
	NextTry uint64 `json:"next_try,omitempty" doc:"unix seconds of the next one"`
	Outcome string `json:"outcome,omitempty" doc:"of the last try: the status of the answer, or what went wrong"`
}

type deliveriesResponse struct {
	Deliveries []deliveryRow `json:"deliveries" doc:"in the order of their events"`
	Next       uint64        `json:"next,omitempty" doc:"the start with which the list goes on: there may be more"`
}

func deliveries(ctx context.Context, n *node.Node, r deliveriesRequest) (deliveriesResponse, error) {
	out := deliveriesResponse{Deliveries: []deliveryRow{}}
	limit := int(min(command.Or(r.Limit, command.LongestList), command.LongestList)) //nolint:gosec // bounded
	rows, err := n.Store().Deliveries(ctx, r.ID, command.Or(r.Start, 0), limit)
	for _, d := range rows {
		row := deliveryRow{fmt.Sprintf("%d-%d", d.Webhook, d.Event), d.Event, d.State, d.Tries, d.TriedAt, 0, d.Outcome}
		if d.State == "pending" {
			row.NextTry = d.Next
		}
		out.Deliveries = append(out.Deliveries, row)
	}
	out.Next = command.Next(len(rows), limit, func() uint64 { return rows[limit-1].Event })
	return out, err
}

type redeliverRequest struct {
	ID    uint64 `json:"id" doc:"the webhook's number"`
	Event uint64 `json:"event" doc:"the index of the event"`
}

func redeliver(ctx context.Context, n *node.Node, r redeliverRequest) (command.None, error) {
	return command.None{}, refusal(n.Webhooks().Redeliver(ctx, r.ID, r.Event))
}

var hookCommands = []command.Command{
	command.Define(command.Spec{
		Name: "createwebhook", Group: "events", Short: "tell somebody of events by HTTP",
		Long: "Makes a webhook: from now on each event of its kinds is posted to it as JSON, in the form of a row of listevents. A delivery is " +
			"tried until the answer is 2xx, later and later, for three days, over restarts; it may come twice, with the same id. The headers are " +
			"those of standardwebhooks.com: `webhook-id`, `webhook-timestamp` and `webhook-signature`, which is `v1,` and the base64 of " +
			"HMAC-SHA256 of ID.TIMESTAMP.BODY under the secret. Check it, and that the timestamp is not old.",
		Errors: []command.Code{command.Failed}, Examples: []string{"createwebhook https://shop.example/paid invoice"},
	}, create),
	command.Define(command.Spec{
		Name: "listwebhooks", Group: "events", Short: "list who is told of events",
		Long: "Lists the webhooks.", Errors: []command.Code{command.Failed}, Examples: []string{"listwebhooks"},
	}, listHooks),
	command.Define(command.Spec{
		Name: "deletewebhook", Group: "events", Short: "tell somebody no more",
		Long: "Deletes a webhook and its deliveries.", Errors: []command.Code{command.Failed}, Examples: []string{"deletewebhook 1"},
	}, deleteHook),
	command.Define(command.Spec{
		Name: "listwebhookdeliveries", Group: "events", Short: "list what a webhook was told",
		Long:   "Lists the deliveries to a webhook: those that are still to be made, and the newest 1000 of the others.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listwebhookdeliveries 1", "listwebhookdeliveries 1 700 100"},
	}, deliveries),
	command.Define(command.Spec{
		Name: "redeliverwebhook", Group: "events", Short: "tell a webhook of an event again",
		Long: "Makes a delivery again, at once and for three days.", Errors: []command.Code{command.Failed}, Examples: []string{"redeliverwebhook 1 7"},
	}, redeliver),
}

// Package webhook tells others of events by HTTP, durably:
//
//	s := webhook.New(webhook.Config{Store: store, Log: log, …})
//	row, err := s.Create(ctx, "https://shop.example/paid", []string{"invoice"}, secret)
//	s.Run(ctx)
//
// The outbox is the log of events itself: a webhook is a cursor in it, and each event of
// its kinds that the cursor passes becomes a pending delivery, in the same write. A
// delivery is tried, later and later, until the answer is 2xx or three days are over. A
// process that dies between the answer and the row delivers twice, never not at all:
// the id says that it is the same.
//
// What is sent is that of standardwebhooks.com, whose libraries check it: the body is the
// event as JSON; webhook-id is the same for each try; webhook-timestamp is when it was
// sent; webhook-signature is "v1," and the base64 of HMAC-SHA256, under the secret, of
// "ID.TIMESTAMP.BODY".
package webhook

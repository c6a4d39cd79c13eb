package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

const longest = 60 * time.Second

// message is what a webhook was sent.
type message struct{ id, timestamp, signature, body string }

// shop is somebody who is told of events, and the node's side with a clock of its own.
type shop struct {
	t      *testing.T
	dir    string
	store  *store.Store
	events *events.Log
	s      *Service
	end    func()

	web  *httptest.Server
	sent chan message

	mu     sync.Mutex
	now    time.Time
	status int
}

func newShop(t *testing.T) *shop {
	t.Helper()
	h := &shop{t: t, dir: ready.Dir(t, t.TempDir()), sent: make(chan message, 100), now: time.Unix(1_700_000_000, 0), status: 204}
	h.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		status := h.status
		h.mu.Unlock()
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		h.sent <- message{r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), r.Header.Get("Webhook-Signature"), string(b)}
	}))
	t.Cleanup(h.web.Close)
	h.open()
	t.Cleanup(func() { h.end() })
	return h
}

// open starts the node's side, or starts it again.
func (h *shop) open() {
	h.t.Helper()
	s, err := store.Open(context.Background(), h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	h.store, h.events = s, events.NewLog(s)
	s.OnEvent(h.events.Written)
	h.s = New(Config{
		Store: s, Events: h.events, Random: rand.Reader, Now: h.clock, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) { panic(err) },
	})
	if err := h.s.Load(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.s.Run(ctx)
	}()
	h.end = func() {
		cancel()
		<-done
		h.store.Close()
	}
}

func (h *shop) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *shop) pass(d time.Duration) {
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
	h.s.Poke()
}

func (h *shop) answers(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *shop) happen(kind, key string) {
	h.t.Helper()
	if err := h.store.Write(context.Background(), durable.Event{Kind: kind, Key: key, State: "paid"}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *shop) next() message {
	h.t.Helper()
	select {
	case m := <-h.sent:
		return m
	case <-time.After(longest):
		h.t.Fatal("nothing is sent")
		return message{}
	}
}

// delivery waits until one is in a state.
func (h *shop) delivery(id, event uint64, state string) (d store.DeliveryRow) {
	h.t.Helper()
	deadline := time.Now().Add(longest)
	for look := time.NewTicker(2 * time.Millisecond); ; <-look.C {
		rows, err := h.store.Deliveries(context.Background(), id, event, 1)
		if err != nil {
			h.t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].Event == event && rows[0].State == state && rows[0].Outcome != "" {
			return rows[0]
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("never %s: %+v", state, rows)
		}
	}
}

func TestAWebhookIsToldSignedOnceAndInOrder(t *testing.T) {
	h := newShop(t)
	h.happen("invoice", "before")
	secret := []byte("0123456789abcdef")
	row, err := h.s.Create(t.Context(), h.web.URL+"/paid", []string{"invoice"}, secret)
	if err != nil || row.ID != 1 {
		t.Fatal(row.ID, err)
	}
	for i := range 20 {
		h.happen("payment", "not of its kinds")
		h.happen("invoice", fmt.Sprint("tea ", i))
	}
	for i := range 20 {
		m := h.next()
		want := fmt.Sprintf(`{"index":%d,"time":`, 2*i+3)
		if !strings.HasPrefix(m.body, want) || !strings.Contains(m.body, fmt.Sprintf(`"kind":"invoice","key":"tea %d","state":"paid"}`, i)) {
			t.Fatalf("%d: %s", i, m.body)
		}
		if m.id != fmt.Sprintf("1-%d", 2*i+3) || m.timestamp != "1700000000" || m.signature != Signature(secret, m.id, m.timestamp, []byte(m.body)) {
			t.Errorf("%+v", m)
		}
	}
	if d := h.delivery(1, 41, "delivered"); d.Tries != 1 || d.Outcome != "204 No Content" {
		t.Errorf("%+v", d)
	}
}

// The vector of github.com/standard-webhooks/standard-webhooks, its libraries' tests.
func TestSignaturesAreThoseOfStandardWebhooks(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := Signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestADeliveryIsTriedLaterAndLaterOverRestartsForThreeDays(t *testing.T) {
	h := newShop(t)
	if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil {
		t.Fatal(err)
	}
	h.answers(500)
	h.happen("invoice", "a")
	first := h.next()
	d := h.delivery(1, 1, store.Pending)
	tries, waited := 1, time.Duration(0)
	for d.State == store.Pending {
		if tries%4 == 0 {
			h.end()
			h.open()
		}
		pause := time.Duration(d.Next)*time.Second - time.Duration(h.clock().Unix())*time.Second
		h.pass(pause - time.Second)
		waited += pause
		h.pass(time.Second)
		if m := h.next(); m.id != first.id || m.body != first.body {
			t.Fatalf("%+v is not %+v", m, first)
		}
		tries++
		deadline := time.Now().Add(longest)
		for look := time.NewTicker(time.Millisecond); ; <-look.C {
			rows, err := h.store.Deliveries(t.Context(), 1, 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			if d = rows[0]; d.Tries == uint64(tries) || time.Now().After(deadline) {
				break
			}
		}
		if d.Tries != uint64(tries) || d.Outcome != "500 Internal Server Error" {
			t.Fatalf("%+v", d)
		}
	}
	if d.State != "failed" || waited > 73*time.Hour || waited < 60*time.Hour || tries < 12 {
		t.Errorf("%+v after %d tries and %v", d, tries, waited)
	}
	select {
	case m := <-h.sent:
		t.Errorf("%+v was sent once more", m)
	default:
	}
	// Somebody asks for it again, and now it is taken.
	h.answers(200)
	if err := h.s.Redeliver(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); m.id != first.id {
		t.Errorf("%+v", m)
	}
	h.delivery(1, 1, "delivered")
}

func TestAWebhookThatWasAwayGetsWhatHappenedMeanwhile(t *testing.T) {
	h := newShop(t)
	if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil {
		t.Fatal(err)
	}
	h.happen("invoice", "a")
	h.next()
	h.delivery(1, 1, "delivered")
	h.end()
	// The node is up, and dies before its loop has looked at what happened.
	s, err := store.Open(t.Context(), h.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"b", "c"} {
		if err := s.Write(t.Context(), durable.Event{Kind: "payment", Key: key, State: "complete"}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	h.open()
	for _, id := range []string{"1-2", "1-3"} {
		if m := h.next(); m.id != id {
			t.Errorf("%+v, want %s", m, id)
		}
	}
}

func TestWhoRedirectsHasNotTakenIt(t *testing.T) {
	h := newShop(t)
	if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil {
		t.Fatal(err)
	}
	h.answers(302)
	h.happen("invoice", "a")
	h.next()
	if d := h.delivery(1, 1, store.Pending); d.Outcome != "302 Found" {
		t.Errorf("%+v", d)
	}
	h.web.Close()
	h.pass(time.Hour)
	deadline := time.Now().Add(longest)
	for look := time.NewTicker(2 * time.Millisecond); h.delivery(1, 1, store.Pending).Outcome != "no answer"; <-look.C {
		if time.Now().After(deadline) {
			t.Fatal("never without an answer")
		}
	}
}

// A client that leaves, and a disk that is full, leave no webhook that comes back with the
// next start, and none that is gone from the list only.
func TestADeletionIsWrittenOrDidNotHappen(t *testing.T) {
	h := newShop(t)
	if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	h.store.SetFault(func(uint64) (bool, bool) { return true, false })
	if err := h.s.Delete(gone, 1); !errors.Is(err, store.ErrFault) {
		t.Error(err)
	}
	if rows := h.s.List(); len(rows) != 1 {
		t.Errorf("it is not written, and gone: %+v", rows)
	}
	h.end()
	h.open()
	if err := h.s.Delete(gone, 1); err != nil {
		t.Error(err)
	}
	h.end()
	h.open()
	if rows := h.s.List(); len(rows) != 0 {
		t.Errorf("it has come back: %+v", rows)
	}
}

func TestADeletedWebhookIsToldNoMoreAndWrongOnesAreRefused(t *testing.T) {
	h := newShop(t)
	for range 2 {
		if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.s.Delete(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	h.happen("invoice", "a")
	if m := h.next(); m.id != "2-1" {
		t.Errorf("%+v", m)
	}
	if rows := h.s.List(); len(rows) != 1 || rows[0].ID != 2 {
		t.Errorf("%+v", rows)
	}
	for _, at := range []string{"", "shop.example", "ftp://shop.example", "/paid", "http://", "http://user:word@shop.example", "http://a/" + strings.Repeat("x", 3000), "http://a b"} {
		if _, err := h.s.Create(t.Context(), at, nil, nil); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", at, err)
		}
	}
	if err := h.s.Delete(t.Context(), 1); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if err := h.s.Redeliver(t.Context(), 1, 1); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if err := h.s.Redeliver(t.Context(), 2, 9); !errors.Is(err, ErrNoEvent) {
		t.Error(err)
	}
	h.end()
	h.open()
	if row, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil || row.ID != 3 || len(row.Secret) != 32 {
		t.Errorf("%+v, %v", row, err)
	}
	for range Most - 2 {
		if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.s.Create(t.Context(), h.web.URL, nil, nil); !errors.Is(err, ErrMany) {
		t.Error(err)
	}
}

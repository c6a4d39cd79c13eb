package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png" // of screenshots
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpnet "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/leyden-ln/leyden/internal/race"
)

// The tests with a real browser share one Chromium: the one on the PATH, or that
// CHROMIUM names. Each window has cookies of its own, as another person's would.
var chromium struct {
	once  sync.Once
	ctx   context.Context
	close func()
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.close != nil {
		chromium.close()
	}
	os.Exit(code)
}

// elsewhere is a name that a test's browser takes to be loopback, as a name of an
// attacker's may be.
const elsewhere = "rebound.example"

// haveChromium says whether there is a browser. Where continuous integration runs
// there must be one. Under the race detector there is nothing to see: the browser is
// another process, and what it asks for is asked by the other tests too.
func haveChromium(t *testing.T) bool {
	t.Helper()
	if race.Enabled {
		t.Log("no browser under the race detector")
		return false
	}
	chromium.once.Do(startChromium)
	if chromium.err == nil {
		return true
	}
	if os.Getenv("LEYDEN_CI") != "" {
		t.Fatal(chromium.err)
	}
	t.Logf("NOT TESTED: %v", chromium.err)
	return false
}

func startChromium() {
	path := ""
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); name != "" && err == nil {
			path = found
			break
		}
	}
	if path == "" {
		chromium.err = fmt.Errorf("no chromium: put one on the PATH, or name it in CHROMIUM")
		return
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.WSURLReadTimeout(longest),
		chromedp.Flag("host-resolver-rules", "MAP "+elsewhere+" 127.0.0.1"), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it cannot make one for root
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.ctx = ctx
	chromium.close = func() {
		_ = chromedp.Cancel(ctx) // waits until it has ended
		cancel()
		end()
	}
	chromium.err = chromedp.Do(ctx)
}

// window is a browser's window at the pages of a node. What goes wrong in it is an
// error of its test: a script that fails, what the policy refused, a request to
// another host.
type window struct {
	t   *testing.T
	h   *house
	ctx context.Context

	mu    sync.Mutex
	wrong []string
}

// window opens a window; in logs it in.
func (h *house) window(t *testing.T) *window {
	t.Helper()
	ctx, end := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(ctx); err != nil { // the window lives as long as the context of the first call
		t.Fatal(err)
	}
	w := &window{t: t, h: h, ctx: ctx}
	if err := chromedp.Listen(ctx, w.listen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			w.leaveAPicture()
		}
		end()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, wrong := range w.wrong {
			t.Errorf("in the browser: %s", wrong)
		}
	})
	call(w, cdpnet.Enable, cdpnet.EnableParams{})
	call(w, log.Enable, cdp.Empty{})
	call(w, runtime.Enable, cdp.Empty{})
	w.size(1280, 900)
	return w
}

func (h *house) windowIn(t *testing.T) *window {
	t.Helper()
	w := h.window(t)
	w.open(strings.TrimPrefix(h.pages.Link(), h.pages.URL()))
	w.at("/")
	return w
}

// listen notes what goes wrong in the browser.
func (w *window) listen(event any) {
	wrong := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		wrong = fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			wrong = fmt.Sprintf("console: %+v", e.Args)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // an answer may be 403
			wrong = string(e.Entry.Source) + ": " + e.Entry.Text
		}
	case *cdpnet.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Hostname() != "127.0.0.1" && u.Hostname() != elsewhere && u.Scheme != "about" {
			wrong = "it asks for " + e.Request.URL
		}
	}
	if wrong != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrong = append(w.wrong, wrong)
	}
}

// leaveAPicture keeps what a window showed when its test failed.
func (w *window) leaveAPicture() {
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return
	}
	f, err := os.CreateTemp("", "leyden-web-*.png")
	if err != nil {
		return
	}
	defer f.Close()
	if _, err := f.Write(shot); err == nil {
		w.t.Logf("what the window of %s showed: %s", w.h.pages.self.Alias, f.Name())
	}
}

// do acts as a person does, who sees when a page has just put something new in the place of
// what was looked for: the browser no longer has it when it is to be moved to, and nothing
// has been done then.
func (w *window) do(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, longest)
	defer cancel()
	for {
		err := chromedp.Do(ctx, actions...)
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "Could not find node with given id") {
			w.t.Fatalf("in the window of %s: %v", w.h.pages.self.Alias, err)
		}
	}
}

func get[V any](w *window, action chromedp.Action[V]) V {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, longest)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		w.t.Fatalf("in the window of %s: %v", w.h.pages.self.Alias, err)
	}
	return v
}

// call gives the browser a command of its protocol.
func call[P, R any](w *window, command cdp.Command[P, R], params P) R {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, longest)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		w.t.Fatalf("in the window of %s: %v", w.h.pages.self.Alias, err)
	}
	return r
}

// open goes to a page of the node, and says with which status it came.
func (w *window) open(path string) int64 {
	w.t.Helper()
	return w.goTo(w.h.http.URL + path)
}

func (w *window) goTo(address string) int64 {
	w.t.Helper()
	w.do(chromedp.Navigate(address))
	return js[int64](w, `performance.getEntriesByType("navigation")[0].responseStatus`)
}

// wander goes to a page that may lead away before it is there.
func (w *window) wander(address string) {
	w.t.Helper()
	call(w, page.Navigate, page.NavigateParams{URL: address})
}

// js is what a script says about the page.
func js[V any](w *window, script string) V {
	w.t.Helper()
	return get(w, chromedp.Evaluate[V](script))
}

// path is where the window is.
func (w *window) path() string {
	w.t.Helper()
	return strings.TrimPrefix(get(w, chromedp.Location()), w.h.http.URL)
}

// becomes waits until a script says that something is so. While a page gives way to
// the next there is none to ask, and a question may stay without an answer.
func (w *window) becomes(what, script string) {
	w.t.Helper()
	deadline := time.Now().Add(longest)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		so, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		cancel()
		if err == nil && so {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the window of %s never %s (%v):\n%s", w.h.pages.self.Alias, what, err, w.shown())
		}
		<-look.C
	}
}

// shown is what the window shows, if it says so.
func (w *window) shown() string {
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body?.innerText`))
	if err != nil {
		return err.Error()
	}
	return shown
}

// at waits until the window is at a page whose path begins so, or is "/", and the
// page is whole.
func (w *window) at(prefix string) {
	w.t.Helper()
	quoted := fmt.Sprintf("%q", prefix)
	w.becomes("is at "+prefix, `(p => p.startsWith(`+quoted+`) && (`+quoted+` !== "/" || p === "/"))(location.pathname + location.search) && document.readyState === "complete"`)
}

// sees waits until the page shows all the texts.
func (w *window) sees(texts ...string) {
	w.t.Helper()
	for _, s := range texts {
		quoted, err := json.Marshal(s)
		if err != nil {
			w.t.Fatal(err)
		}
		w.becomes(fmt.Sprintf("shows %q", s), `document.body.innerText.includes(`+string(quoted)+`)`)
	}
}

func (w *window) fill(field, value string) {
	w.t.Helper()
	w.do(chromedp.WaitVisible(chromedp.CSS(field)),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).select()", field)), chromedp.SendKeys(chromedp.CSS(field), value))
}

func (w *window) click(what string) {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.CSS(what), chromedp.NodeVisible))
}

// shot is what the window shows, as a picture.
func (w *window) shot() image.Image {
	w.t.Helper()
	picture, _, err := image.Decode(bytes.NewReader(get(w, chromedp.CaptureScreenshot())))
	if err != nil {
		w.t.Fatal(err)
	}
	return picture
}

// scan reads the QR code that the window shows, as a camera in front of the screen
// would: from the picture's pixels alone, by a decoder that is not ours.
func (w *window) scan() string {
	w.t.Helper()
	shot := w.shot()
	text, err := read(shot, gozxing.DecodeHintType_TRY_HARDER)
	if err != nil { // what is in the code looks like one of its corners to this decoder, about once in fifty: it is shown where to look
		text, err = read(w.code(shot), gozxing.DecodeHintType_PURE_BARCODE)
	}
	if err != nil {
		w.t.Fatalf("no QR code can be read: %v", err)
	}
	return text
}

// code is the part of a picture of the window where the QR code is.
func (w *window) code(shot image.Image) image.Image {
	w.t.Helper()
	at := js[[]int](w, `(r => [r.left, r.top, r.right, r.bottom].map(Math.round))(document.querySelector("svg.qr").getBoundingClientRect())`)
	return shot.(interface {
		SubImage(r image.Rectangle) image.Image
	}).SubImage(image.Rect(at[0], at[1], at[2], at[3]))
}

func read(picture image.Image, how gozxing.DecodeHintType) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return "", err
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{how: true})
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// size sets how large the window is.
func (w *window) size(width, height int64) {
	w.t.Helper()
	w.do(chromedp.EmulateViewport(width, height))
}

// noScript turns scripts off for the pages that come.
func (w *window) noScript() {
	w.t.Helper()
	call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

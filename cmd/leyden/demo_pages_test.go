package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/leyden-ln/leyden/internal/race"
)

// aDemo runs the demonstration with these flags until the test ends, and gives the links
// that it prints, by their names.
func aDemo(t *testing.T, flags ...string) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "leyden") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := exec.Command(os.Args[0], append([]string{"demo", "--dir", dir}, flags...)...)
	c.Env = append(os.Environ(), beLeyden+"=1")
	var errs strings.Builder
	c.Stderr = &errs
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(2*longest, func() { _ = c.Process.Kill() })
	printed, links := "", map[string]string{}
	link := regexp.MustCompile(`^  (alice|bob|carol|both) +(http://\S+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "Ctrl-C ends it." {
		printed += lines.Text() + "\n"
		if m := link.FindStringSubmatch(lines.Text()); m != nil {
			links[m[1]] = m[2]
		}
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		for lines.Scan() {
			printed += lines.Text() + "\n"
		}
		if err := c.Wait(); err != nil || errs.Len() > 0 {
			t.Errorf("the demonstration ended with %v: %s\n%s", err, errs.String(), printed)
		}
		late.Stop()
	})
	if len(links) != 4 {
		t.Fatalf("the demonstration gave the links %v:\n%s", links, printed)
	}
	return links
}

// aBrowser is a Chromium; false where there is none, or nothing to see in it (under the
// race detector). Continuous integration must have one.
func aBrowser(t *testing.T) (ctx context.Context, ok bool) {
	t.Helper()
	path := ""
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && name != "" && err == nil {
			path = found
		}
	}
	switch {
	case race.Enabled:
		t.Log("no browser under the race detector")
		return nil, false
	case path == "" && os.Getenv("LEYDEN_CI") == "":
		t.Log("NOT TESTED: no chromium: put one on the PATH, or name it in CHROMIUM")
		return nil, false
	case path == "":
		t.Fatal("no chromium: put one on the PATH, or name it in CHROMIUM")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.WSURLReadTimeout(longest), chromedp.Flag("lang", "en"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it cannot make one for root
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until it has ended
		cancel()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, true
}

// window is one of the browser's, with cookies of its own.
type window struct {
	t   *testing.T
	ctx context.Context
}

// at opens a window at an address.
func at(t *testing.T, browser context.Context, address string) *window {
	t.Helper()
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	w := &window{t, ctx}
	t.Cleanup(func() {
		if t.Failed() {
			shown, err := says[string](w, `location.href + "\n" + document.body.innerText`)
			t.Log("what a window showed:", shown, err)
		}
	})
	w.do(chromedp.Navigate(address))
	return w
}

func (w *window) do(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, longest)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *window) click(what string) {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.CSS(what), chromedp.NodeVisible))
}

func (w *window) fill(field, value string) {
	w.t.Helper()
	w.do(chromedp.WaitVisible(chromedp.CSS(field)), chromedp.SendKeys(chromedp.CSS(field), value))
}

// says is the value of a script, if the page has one now.
func says[V any](w *window, script string) (v V, err error) {
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[V](script))
}

// sees waits until the page at a path shows texts.
func (w *window) sees(path string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		eventually(w.t, fmt.Sprintf("%q at %s", text, path), func() bool {
			so, err := says[bool](w, fmt.Sprintf(`location.pathname.startsWith(%q) && document.readyState === "complete" && document.body.innerText.includes(%q)`, path, text))
			return err == nil && so
		})
	}
}

func TestOnThePagesOfTheDemonstrationATokenIsInvoicedAndPaid(t *testing.T) {
	browser, ok := aBrowser(t)
	if !ok {
		return
	}
	links := aDemo(t, "--asset")
	const dollar = " \u2068Demo Dollar\u2069\u00a0#2147483651" // the first of its kind: a token for tests
	a, b := at(t, browser, links["alice"]), at(t, browser, links["bob"])
	a.sees("/", "one dinner", "−12.5"+dollar) // what the demonstration paid itself
	b.sees("/", "one dinner", "+12.5"+dollar)

	b.click(`a[href="/receive"]`)
	b.sees("/receive", "Demo Dollar")
	b.fill("#amount", "2.5")
	b.fill("#description", "one tea")
	b.fill("#label", "tea")
	b.click("form .main")
	b.sees("/invoices/", "2.5"+dollar, "waiting")
	invoice, err := says[string](b, `window.notReloaded = document.getElementById("bolt11").value`)
	if err != nil || !strings.HasPrefix(invoice, "obort2147483651:") {
		t.Fatalf("the invoice is %q, %v", invoice, err)
	}

	a.click(`a[href="/pay"]`)
	a.fill("#invoice", invoice)
	a.sees("/pay", "one tea", "Pay 2.5"+dollar, "for a fee of 0.000025"+dollar)
	a.click(`form[action="/pay/send"] .main`)
	a.sees("/payments/", "✓ Paid", "2.5"+dollar)
	b.sees("/invoices/", "✓ Paid", "2.5"+dollar)
	if still, err := says[string](b, `window.notReloaded`); err != nil || still != invoice {
		t.Errorf("Bob's page was loaded again: %q, %v", still, err)
	}
	a.click(`a[href^="/inside/"]`)
	a.sees("/inside/", "commitment_signed #", "before ", dollar+", after ")
	b.click(`a[href="/"]`)
	b.sees("/", "+2.5"+dollar)

	both := at(t, browser, links["both"])
	var frames []string
	eventually(t, "the window of both", func() bool {
		frames, err = says[[]string](both, `[...document.querySelectorAll("main iframe")].map(f => f.title)`)
		return err == nil && len(frames) > 0
	})
	if !slices.Equal(frames, []string{"alice", "bob"}) {
		t.Errorf("the window of both has %q", frames)
	}
	bar := at(t, browser, links["both"]+"chain")
	height := 0
	eventually(t, "the chain's height", func() bool {
		height, err = says[int](bar, `+document.body.innerText.match(/at block (\d+)/)[1]`)
		return err == nil
	})
	bar.click("#mine")
	bar.sees("/", fmt.Sprintf("at block %d", height+1))
}

package web

import (
	"fmt"
	"strings"
	"testing"
)

// The pages as one would have them who reads from right to left: nothing is cut off, and
// what is no language stays as it is.
func TestEveryPageFitsWhoReadsFromRightToLeft(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	text11, hash := letters(t, bob, "شاي بالنعناع")
	alice.ask(t, nil, "pay", text11)
	var channels struct{ Channels []channelRow }
	alice.ask(t, &channels, "listpeerchannels")
	of := channels.Channels[0].ID
	w := alice.windowIn(t)
	paths := []string{
		"/", "/receive", "/pay", "/pay?invoice=" + text11, "/invoices", "/payments", "/payments/" + hash, "/inside/" + hash, "/channels", "/open",
		"/channels/" + of + "/terms", "/channels/" + of + "/close?force=yes", "/forwards", "/network", "/onchain", "/settings", "/settings/runes", "/settings/metrics", "/password", "/nothing", "/login",
	}
	for _, path := range paths {
		w.open(path)
		js[string](w, `document.documentElement.dir = "rtl"`)
		for _, width := range []int64{360, 1280} {
			w.size(width, 800)
			w.fits(fmt.Sprintf("%s at %d", path, width))
			if wide := js[int](w, `document.documentElement.scrollLeft = -1000; Math.abs(document.documentElement.scrollLeft)`); wide != 0 {
				t.Errorf("%s at %d: it can be scrolled by %d", path, width, wide)
			}
		}
		// Hashes, commands and invoices are read from the left by everybody.
		if wrong := js[[]string](w, `[...document.querySelectorAll("code, pre, textarea")].filter(e => getComputedStyle(e).direction !== "ltr").map(e => e.outerHTML.slice(0, 80))`); len(wrong) > 0 {
			t.Errorf("%s: read from the right: %s", path, strings.Join(wrong, "\n"))
		}
	}
}

package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/makiuchi-d/gozxing"
)

// A detector for browsers that have none, which leaves what it is shown to the test,
// and a camera before which one holds a picture.
const standIns = `
window.BarcodeDetector = class {
	static async getSupportedFormats() { return ["qr_code"]; }
	detect(source) {
		const c = document.createElement("canvas");
		c.width = source.videoWidth || source.width;
		c.height = source.videoHeight || source.height;
		c.getContext("2d").drawImage(source, 0, 0);
		return new Promise(resolve => {
			window.asked = { picture: c.toDataURL("image/png").split(",")[1], answer: text => resolve(text ? [{ rawValue: text }] : []) };
		});
	}
};
window.file = (base64, type) => new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], "picture", { type });
window.hold = async base64 => {
	const picture = await createImageBitmap(file(base64, "image/png")), c = document.createElement("canvas");
	c.width = picture.width;
	c.height = picture.height;
	const draw = () => { c.getContext("2d").drawImage(picture, 0, 0); requestAnimationFrame(draw); };
	draw();
	navigator.mediaDevices.getUserMedia = async () => window.filmed = c.captureStream();
};
window.give = (event, f) => {
	const data = new DataTransfer();
	data.items.add(f);
	return document.body.dispatchEvent(event === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
		: new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true }));
};`

// detect answers the browser that looks for a code in a picture.
func (w *window) detect() (text string) {
	w.t.Helper()
	w.becomes("looks for a code", `!!window.asked`)
	b, err := base64.StdEncoding.DecodeString(js[string](w, `window.asked.picture`))
	if err != nil {
		w.t.Fatal(err)
	}
	picture, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	text, err = read(picture, gozxing.DecodeHintType_TRY_HARDER)
	if err != nil { // as in scan
		text, _ = read(picture, gozxing.DecodeHintType_PURE_BARCODE) // empty where there is none
	}
	w.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const { answer } = window.asked; window.asked = null; answer(%q); }`, text)))
	return text
}

func TestAnInvoiceIsReadFromAPictureOrByTheCamera(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	h := newHouse(t, newChain(t), "alice")
	var made struct {
		Hash string `json:"payment_hash"`
		Text string `json:"bolt11"`
	}
	h.ask(t, &made, "invoice", "1000sat", "tea", "A cup of tea")
	w := h.windowIn(t)
	w.open("/invoices/" + made.Hash)
	var code bytes.Buffer
	if err := png.Encode(&code, w.code(w.shot())); err != nil {
		t.Fatal(err)
	}
	shown := base64.StdEncoding.EncodeToString(code.Bytes())
	w.open("/receive")
	other := base64.StdEncoding.EncodeToString(get(w, chromedp.CaptureScreenshot()))

	w.open("/pay")
	if js[bool](w, `!("BarcodeDetector" in window) && !document.getElementById("scan").hidden`) {
		t.Error("a browser that cannot read a code offers to")
	}
	call(w, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: standIns})
	for _, way := range []string{"paste", "drop"} {
		w.open("/pay")
		w.sees(text("pay.scan.how"))
		if js[bool](w, fmt.Sprintf(`give(%q, file(%q, "image/png"))`, way, other)) {
			t.Errorf("%s: the browser does with it what it likes", way)
		}
		if got := w.detect(); got != "" {
			t.Fatalf("the decoder sees %q in a page without a code", got)
		}
		w.sees(text("pay.scan.none"))
		js[bool](w, fmt.Sprintf(`give(%q, file(%q, "image/png"))`, way, shown))
		if got := w.detect(); got != "LIGHTNING:"+strings.ToUpper(made.Text) {
			t.Fatalf("%s: the decoder sees %q", way, got)
		}
		w.sees(text("pay.scan.read"), "A cup of tea") // it was decoded by itself
	}
	w.open("/pay")
	js[bool](w, `give("drop", file(btoa("no picture"), "image/png"))`)
	w.sees(text("pay.scan.none"))
	js[bool](w, `give("drop", file(btoa("a text"), "text/plain"))`)
	if !js[bool](w, `give("paste", file(btoa("a text"), "text/plain"))`) {
		t.Error("what is no picture cannot be pasted")
	}

	if axe := axeSource(t); axe != "" {
		w.do(chromedp.Evaluate[chromedp.Void](axe))
	}
	w.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`hold(%q)`, shown), chromedp.EvalAwaitPromise))
	w.click("#scan-camera")
	w.sees(text("pay.scan.stop"))
	w.becomes("shows what the camera sees", `document.getElementById("scan-video").videoWidth > 0`)
	for _, look := range looks {
		w.size(look.width, look.height)
		w.colours(look.colour)
		w.fits("the camera, " + look.name)
		if os.Getenv("AXE") != "" && look.name != "wide" {
			w.accessible("the camera, " + look.name)
		}
		if folder := os.Getenv("SCREENSHOTS"); folder != "" {
			w.picture(filepath.Join(folder, "pay-camera-"+look.name+".png"), chromedp.FullScreenshot(100))
		}
	}
	w.click("#scan-camera") // off
	w.sees(text("pay.scan.camera"))
	if js[bool](w, `window.filmed.getTracks().some(t => t.readyState === "live")`) {
		t.Error("the camera goes on")
	}
	w.do(chromedp.Evaluate[chromedp.Void](`window.asked?.answer(""); window.asked = null`))
	w.click("#scan-camera")
	got := ""
	until(t, "the camera sees a code", func() bool { got = w.detect(); return got != "" }) // its first picture may be empty
	if got != "LIGHTNING:"+strings.ToUpper(made.Text) {
		t.Fatalf("the camera sees %q", got)
	}
	w.sees("A cup of tea", text("pay.scan.camera"))
	w.becomes("lets go of the camera", `window.filmed.getTracks().every(t => t.readyState === "ended")`)
	w.do(chromedp.Evaluate[chromedp.Void](`navigator.mediaDevices.getUserMedia = async () => { throw new Error("no"); }`))
	w.click("#scan-camera")
	w.sees(text("pay.scan.refused"))
}

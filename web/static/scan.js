// An invoice's QR code, from a picture that is pasted, dropped or opened, or from the
// camera. A browser that cannot read it (BarcodeDetector) shows nothing of this.
"use strict";

(async () => {
  const box = document.getElementById("scan");
  if (!box || !("BarcodeDetector" in window)) return;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes("qr_code")) return;
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  const [camera, open, file, video, said] = ["camera", "open", "file", "video", "said"].map((n) => document.getElementById("scan-" + n));
  const invoice = document.getElementById("invoice");
  let stream = null; // of the camera while it is on

  const say = (what) => { said.textContent = what ? box.dataset[what] : ""; };

  // take fills in what a code says, as if it had been typed.
  function take(text) {
    say("read");
    invoice.value = text;
    invoice.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // codeIn is what the QR code in a picture says; nothing where there is none.
  const codeIn = async (picture) => (await detector.detect(picture)).find((c) => c.rawValue)?.rawValue;

  async function readPicture(f) {
    say("");
    let text;
    try {
      const picture = await createImageBitmap(f);
      text = await codeIn(picture);
      picture.close();
    } catch { // it is no picture
    }
    if (text) take(text); else say("none");
  }

  function stop() {
    stream?.getTracks().forEach((t) => t.stop());
    stream = video.srcObject = null;
    video.hidden = true;
    camera.textContent = camera.dataset.start;
  }

  async function start() {
    say("");
    camera.disabled = true; // one camera is enough
    const mine = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
      .finally(() => { camera.disabled = false; });
    stream = video.srcObject = mine;
    video.hidden = false;
    camera.textContent = camera.dataset.stop;
    await video.play();
    while (stream === mine) {
      const text = await codeIn(video).catch(() => ""); // between two pictures there is none
      if (stream === mine && text) {
        stop();
        take(text);
      }
      await new Promise((done) => setTimeout(done, 150));
    }
  }

  const pictureOf = (data) => [...(data?.files ?? [])].find((f) => f.type.startsWith("image/"));

  camera.addEventListener("click", () => {
    if (stream) return stop();
    start().catch(() => { stop(); say("refused"); });
  });
  open.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files[0]) readPicture(file.files[0]);
    file.value = ""; // so that the same one can be opened again
  });
  document.addEventListener("paste", (event) => {
    const picture = pictureOf(event.clipboardData);
    if (!picture) return;
    event.preventDefault();
    readPicture(picture);
  });
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const picture = pictureOf(event.dataTransfer);
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // the browser would leave the page for the file
    if (picture) readPicture(picture); else say("none");
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
  addEventListener("pagehide", stop);

  camera.hidden = !navigator.mediaDevices?.getUserMedia; // only where a page is secure
  box.hidden = false;
})();

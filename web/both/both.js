// The bar asks for itself again whenever something else is to be shown. Without this a
// page that is loaded again and again does the same.
"use strict";

// A click needs its button from press to release: until then nothing gives way.
let pressed = false, release = () => {};
const up = () => { pressed = false; setTimeout(() => release()); }; // the click comes first
for (const down of ["pointerdown", "keydown"]) addEventListener(down, () => { pressed = true; });
for (const end of ["pointerup", "pointercancel", "keyup", "blur"]) addEventListener(end, up);
addEventListener("pointermove", (event) => { if (pressed && !event.buttons) up(); }); // released outside
const released = () => new Promise((resolve) => { release = resolve; if (!pressed) resolve(); });

(async () => {
  // What was clicked leads back here; who says "next" again and again keeps its place.
  const focus = (id) => { if (id && document.hasFocus()) document.getElementById(id)?.focus(); };
  focus(location.hash.slice(1));
  for (;;) {
    try {
      const answer = await fetch("chain?seen=" + encodeURIComponent(document.body.dataset.seen));
      if (!answer.ok) throw new Error(answer.statusText);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      if (next.dataset.seen === document.body.dataset.seen) continue;
      await released();
      const was = document.activeElement?.id || location.hash.slice(1);
      document.body.replaceWith(document.adoptNode(next));
      focus(was);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000)); // the demonstration is over, or a click leads away
    }
  }
})();

// What the pages do beyond htmx: copy, print, count down. Without it all else works.
"use strict";

// left says how much time is left, as 1d 1:02:03.
function left(until, day) {
  const s = Math.max(0, Math.floor(until - Date.now() / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(s / 86400);
  const clock = two(Math.floor((s % 3600) / 60)) + ":" + two(s % 60);
  const hours = Math.floor((s % 86400) / 3600);
  return (days ? days + day + " " : "") + (days || hours ? hours + ":" : "") + clock;
}

function tick() {
  for (const e of document.querySelectorAll("[data-until]")) {
    e.title ||= e.textContent;
    const now = left(Number(e.dataset.until), e.dataset.day);
    if (e.textContent !== now) e.textContent = now; // a change calls show again
  }
}

// show uncovers the buttons that need a script.
function show() {
  for (const e of document.querySelectorAll(".copy, .print")) e.hidden = false;
  tick();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy, .print");
  if (!button) return;
  if (button.classList.contains("print")) return window.print();
  const from = document.getElementById(button.dataset.copy);
  const text = from.value ?? from.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    from.select?.();
    document.execCommand("copy");
  }
  const before = button.textContent;
  button.textContent = button.dataset.done || "✓";
  setTimeout(() => { button.textContent = before; }, 1500);
});

// A click needs its button from press to release: what would be drawn anew meanwhile
// waits for it.
let pressed = false;
const waiting = [];
function release() {
  pressed = false;
  setTimeout(() => { while (!pressed && waiting.length) htmx.swap(waiting.shift()); }); // the click comes first
}
for (const down of ["pointerdown", "keydown"]) addEventListener(down, () => { pressed = true; }, true);
for (const up of ["pointerup", "pointercancel", "keyup", "blur"]) addEventListener(up, release, true);
addEventListener("pointermove", (event) => { if (pressed && event.pointerType === "mouse" && !event.buttons) release(); }, true); // released outside
document.addEventListener("htmx:before:swap", (event) => {
  if (!pressed || !event.target.matches?.("[hx-sse\\:connect]")) return;
  event.preventDefault();
  waiting.push(event.detail.ctx);
});

new MutationObserver(show).observe(document.getElementById("main"), { childList: true, subtree: true });
setInterval(tick, 1000);
show();

// The network around this node, on a canvas. What is drawn depends on how close one
// looks: of each few pixels the node with the most channels, the lines between the
// most important ones of those, and names where there is room. A node that is pointed
// at shows its own lines. The table below the picture says the same without it.
"use strict";

(async () => {
  const box = document.getElementById("graph");
  if (!box) return;
  const answer = await fetch("/network.bin");
  if (!answer.ok) return;
  const g = read(await answer.arrayBuffer());
  box.hidden = false;
  const canvas = document.getElementById("graph-canvas");
  const said = document.getElementById("graph-said");
  const pen = canvas.getContext("2d");
  const cell = 11, most = 1500, mostLines = 2000, mostNames = 40, size = 30000;
  const place = new Map();
  for (let i = 0; i < g.nodes; i++) place.set(idOf(i), i);
  const find = (id) => place.get(id.slice(0, 16));
  const ways = box.dataset.ways.split(";").map((way) => way.split(" ").map(find).filter((i) => i !== undefined)).filter((way) => way.length);
  const chosen = find(box.dataset.to);
  let view = { x: 0, y: 0, zoom: 1 }, wide = 0, high = 0, waiting = false, pointed = -1, shown = [];
  const unit = () => Math.max(1, Math.min(wide, high) / 2 - 20) / size * view.zoom; // before the page has its shape there is no room
  const toX = (i) => wide / 2 + (g.x[i] - view.x) * unit();
  const toY = (i) => high / 2 + (g.y[i] - view.y) * unit();

  // read takes a picture apart (package rings has its form).
  function read(buffer) {
    const [nodes, lines, rings] = new Uint32Array(buffer, 0, 3);
    let at = 16;
    const next = (of, count) => { const a = new of(buffer, at, count); at += a.byteLength; return a; };
    return {
      nodes, lines, outer: next(Uint16Array, rings), x: next(Int16Array, nodes), y: next(Int16Array, nodes), channels: next(Uint16Array, nodes),
      ends: next(Uint16Array, 2 * lines), hops: next(Uint8Array, nodes), ids: next(Uint8Array, 8 * nodes),
      names: new TextDecoder().decode(new Uint8Array(buffer, at)).split("\n"),
    };
  }

  function idOf(i) {
    let id = "";
    for (let k = 8 * i; k < 8 * i + 8; k++) id += g.ids[k].toString(16).padStart(2, "0");
    return id;
  }

  const nameOf = (i) => (i === 0 ? box.dataset.us : g.names[i] || idOf(i).slice(0, 10)).slice(0, 24);
  const radius = (i) => i === 0 ? 7 : Math.min(9, (g.nodes > 500 ? 1.6 : 4) + Math.sqrt(g.channels[i] * Math.sqrt(view.zoom)) / 7);
  const inside = (x, y, margin) => x > -margin && y > -margin && x < wide + margin && y < high + margin;

  // choose says which nodes are drawn: of each cell of the canvas the one that comes first.
  function choose() {
    const columns = Math.ceil(wide / cell) + 2, taken = new Uint8Array(columns * (Math.ceil(high / cell) + 2));
    const drawn = new Uint8Array(g.nodes);
    const must = new Set([0, ...ways.flat()]);
    if (chosen !== undefined) must.add(chosen);
    if (pointed >= 0) must.add(pointed);
    shown = [];
    const add = (i, always) => {
      const x = toX(i), y = toY(i);
      if (drawn[i] || !inside(x, y, cell)) return;
      const at = Math.floor(y / cell + 1) * columns + Math.floor(x / cell + 1);
      if (taken[at] && !always) return;
      taken[at] = drawn[i] = 1;
      shown.push(i);
    };
    for (const i of must) add(i, true);
    for (let i = 1; i < g.nodes && shown.length < most; i++) add(i, g.nodes <= 200);
    return drawn;
  }

  function draw() {
    waiting = false;
    const sharp = devicePixelRatio || 1;
    [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(wide * sharp)) canvas.width = Math.round(wide * sharp);
    if (canvas.height !== Math.round(high * sharp)) canvas.height = Math.round(high * sharp);
    const style = getComputedStyle(canvas), known = {};
    const colour = (name) => known[name] ??= style.getPropertyValue("--" + name);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const drawn = choose();

    // The rings, with how many hops away what is on them is.
    pen.lineWidth = 1;
    pen.strokeStyle = colour("line");
    const [x0, y0] = [wide / 2 - view.x * unit(), high / 2 - view.y * unit()];
    for (let h = 1; h < g.outer.length; h++) {
      pen.beginPath();
      pen.arc(x0, y0, g.outer[h] * unit() + 6, 0, 7);
      pen.stroke();
    }
    // Lines between what is drawn, fainter the more there is, and where that is little, also those out of sight.
    const path = (a, b) => { pen.moveTo(toX(a), toY(a)); pen.lineTo(toX(b), toY(b)); };
    const few = shown.length <= 200;
    let left = few ? mostLines : Math.min(mostLines, 250 * view.zoom);
    pen.strokeStyle = colour("soft");
    pen.globalAlpha = few ? 0.45 : 0.22;
    pen.beginPath();
    for (let e = 0; e < g.ends.length && left > 0; e += 2) {
      const [a, b] = [g.ends[e], g.ends[e + 1]];
      if (few ? drawn[a] || drawn[b] : drawn[a] && drawn[b]) { path(a, b); left--; }
    }
    pen.stroke();
    pen.globalAlpha = 1;
    const lines = (of, name, width, most) => {
      pen.strokeStyle = colour(name);
      pen.lineWidth = width;
      pen.beginPath();
      for (let e = 0; e < g.ends.length && most > 0; e += 2) if (g.ends[e] === of || g.ends[e + 1] === of) { path(g.ends[e], g.ends[e + 1]); most--; }
      pen.stroke();
    };
    lines(0, "bar-ours", 1.5, 400);
    if (pointed > 0) lines(pointed, "link", 1, 1000);
    pen.strokeStyle = colour("bar-flight");
    pen.lineWidth = 3;
    pen.beginPath();
    for (const way of ways) way.forEach((i, k) => path(k ? way[k - 1] : 0, i));
    pen.stroke();

    const kind = (i) => i === 0 || i === chosen || i === pointed ? "link" : g.hops[i] === 1 ? "bar-ours" : radius(i) < 3 ? "bar-theirs" : "calm";
    for (const name of ["bar-theirs", "calm", "bar-ours", "link"]) { // one path each: that is fast
      pen.fillStyle = colour(name);
      pen.beginPath();
      for (const i of shown) {
        if (kind(i) !== name) continue;
        const x = toX(i), y = toY(i), r = i === chosen ? Math.max(7, radius(i)) : radius(i);
        pen.moveTo(x + r, y);
        pen.arc(x, y, r, 0, 7);
      }
      pen.fill();
    }
    names(colour);
    said.textContent = box.dataset.shown.replace("%d", String(shown.length)).replace("%d", String(g.nodes));
  }

  // names writes them where there is room, of what matters first.
  function names(colour) {
    const letter = 0.75 * parseFloat(getComputedStyle(document.documentElement).fontSize);
    pen.font = letter + "px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    const boxes = [];
    for (const i of new Set([...(pointed >= 0 ? [pointed] : []), ...shown])) {
      if (boxes.length >= Math.min(mostNames, g.nodes > 500 ? 14 * view.zoom : mostNames)) break;
      const name = nameOf(i), w = pen.measureText(name).width, y = toY(i);
      let x = toX(i) + radius(i) + 4;
      if (!inside(toX(i), y, 0)) continue;
      if (x + w > wide - 2) x = toX(i) - radius(i) - 4 - w;
      if (x < 2 || boxes.some((o) => x < o.x + o.w + 8 && o.x < x + w + 8 && Math.abs(o.y - y) < 1.35 * letter)) continue;
      boxes.push({ x, y, w });
      pen.lineWidth = 4;
      pen.strokeStyle = colour("card");
      pen.strokeText(name, x, y);
      pen.fillStyle = colour("ink");
      pen.fillText(name, x, y);
    }
  }

  function redraw() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  // zoom looks closer by a factor, at a point of the canvas that stays where it is.
  function zoom(by, x = wide / 2, y = high / 2) {
    const before = unit();
    view.zoom = Math.min(60, Math.max(0.5, view.zoom * by));
    view.x += (x - wide / 2) * (1 / before - 1 / unit());
    view.y += (y - high / 2) * (1 / before - 1 / unit());
    redraw();
  }

  function pan(x, y) {
    const within = (v) => Math.min(size, Math.max(-size, v));
    view.x = within(view.x - x / unit());
    view.y = within(view.y - y / unit());
    redraw();
  }

  const moves = {
    in: () => zoom(1.5), out: () => zoom(1 / 1.5), all: () => { view = { x: 0, y: 0, zoom: 1 }; redraw(); },
    left: () => pan(60, 0), right: () => pan(-60, 0), up: () => pan(0, 60), down: () => pan(0, -60),
  };
  const keys = { "+": "in", "=": "in", "-": "out", 0: "all", ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

  function nearest(event) {
    let best = -1, least = 14 ** 2;
    for (const i of shown) {
      const d = (toX(i) - event.offsetX) ** 2 + (toY(i) - event.offsetY) ** 2;
      if (d < least) [best, least] = [i, d];
    }
    return best;
  }

  // One finger, or the mouse, moves the picture; two look closer.
  const fingers = new Map();
  let far = 0;
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y) || 1; };
  canvas.addEventListener("pointerdown", (event) => {
    if (!fingers.size) far = 0;
    fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const was = fingers.get(event.pointerId), now = { x: event.offsetX, y: event.offsetY };
    if (!was) {
      const i = nearest(event);
      canvas.style.cursor = i < 0 ? "" : "pointer";
      if (i !== pointed) { pointed = i; redraw(); }
      return;
    }
    far += Math.abs(now.x - was.x) + Math.abs(now.y - was.y);
    const before = fingers.size === 2 ? apart() : 0;
    fingers.set(event.pointerId, now);
    if (fingers.size === 1) pan(now.x - was.x, now.y - was.y);
    if (before) zoom(apart() / before, now.x, now.y);
  });
  canvas.addEventListener("pointerup", (event) => {
    const i = fingers.size === 1 && far < 5 ? nearest(event) : -1;
    fingers.delete(event.pointerId);
    if (i >= 0) location.assign("/network?to=" + idOf(i));
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { if (pointed >= 0) { pointed = -1; redraw(); } });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return; // the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const move = keys[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[move]();
  });
  for (const b of box.querySelectorAll("[data-move]")) b.addEventListener("click", () => moves[b.dataset.move]());
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  redraw();
})();

(() => {
  "use strict";
  const figure = document.getElementById("map");
  if (!figure) return;
  const canvas = figure.querySelector("canvas"), said = figure.querySelector("output"), legend = figure.querySelector("ul");
  const here = figure.dataset.row, found = new Set((figure.dataset.found || "").split(" "));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let map, only = null, view = { x: 0, y: 0, size: 1 }, dragged = null;

  const colours = () => {
    const style = getComputedStyle(figure);
    return { of: n => n < map.coloured ? style.getPropertyValue(`--m${n}`) : style.getPropertyValue("--other"),
             ink: style.getPropertyValue("--ink"), page: style.getPropertyValue("--page") };
  };
  const inset = v => 0.03 + 0.94 * v;
  const place = n => [(inset(map.x[n]) - view.x) / view.size * canvas.width, (1 - (inset(map.y[n]) - view.y) / view.size) * canvas.height];

  const draw = () => {
    const ratio = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio; canvas.height = canvas.clientHeight * ratio;
    const pen = canvas.getContext("2d"), colour = colours();
    const dot = Math.max(1.1, Math.min(5, 1.1 / Math.sqrt(view.size) * Math.sqrt(4000 / Math.max(map.rows.length, 400)))) * ratio;
    const layers = [...map.topics.keys()].reverse();
    for (const topic of layers) {
      pen.fillStyle = colour.of(topic);
      pen.globalAlpha = only === null || only === topic ? 0.85 : 0.08;
      for (let n = 0; n < map.rows.length; n++) {
        if (map.topic[n] !== topic) continue;
        const [x, y] = place(n);
        pen.beginPath(); pen.arc(x, y, dot, 0, 7); pen.fill();
      }
    }
    pen.globalAlpha = 1; pen.lineWidth = 2 * ratio; pen.strokeStyle = colour.ink; pen.fillStyle = colour.ink;
    for (let n = 0; n < map.rows.length; n++) {
      if (map.rows[n] !== here && !found.has(map.rows[n])) continue;
      const [x, y] = place(n);
      pen.beginPath(); pen.arc(x, y, dot + 3 * ratio, 0, 7);
      if (map.rows[n] === here) pen.fill(); else pen.stroke();
    }
  };
  const nearest = event => {
    const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
    const x = (event.clientX - box.left) * ratio, y = (event.clientY - box.top) * ratio;
    let best = -1, least = (12 * ratio) ** 2;
    for (let n = 0; n < map.rows.length; n++) {
      if (only !== null && map.topic[n] !== only) continue;
      const [a, b] = place(n), far = (a - x) ** 2 + (b - y) ** 2;
      if (far < least) { least = far; best = n; }
    }
    return best;
  };
  const open = n => { const to = new URL(location.pathname, location.href); to.searchParams.set("row", map.rows[n]); location.assign(to); };

  canvas.addEventListener("pointerdown", event => { dragged = { x: event.clientX, y: event.clientY, from: { ...view }, far: 0 }; });
  canvas.addEventListener("pointermove", event => {
    if (dragged && event.buttons) {
      const box = canvas.getBoundingClientRect();
      dragged.far = Math.max(dragged.far, Math.hypot(event.clientX - dragged.x, event.clientY - dragged.y));
      if (dragged.far > 4) {
        view.x = dragged.from.x - (event.clientX - dragged.x) / box.width * view.size;
        view.y = dragged.from.y + (event.clientY - dragged.y) / box.height * view.size;
        draw();
      }
      return;
    }
    const n = nearest(event);
    canvas.style.cursor = n < 0 ? "grab" : "pointer";
    said.textContent = n < 0 ? "" : `${map.topics[map.topic[n]]}, ${map.rows[n].slice(0, 12)}`;
  });
  canvas.addEventListener("pointerup", event => {
    const n = dragged && dragged.far <= 4 ? nearest(event) : -1;
    dragged = null;
    if (n >= 0) open(n);
  });
  canvas.addEventListener("wheel", event => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(event.deltaY / 300), event);
  }, { passive: false });
  const zoom = (factor, event) => {
    const box = canvas.getBoundingClientRect(), size = Math.min(1, Math.max(0.02, view.size * factor));
    const x = event ? (event.clientX - box.left) / box.width : 0.5, y = event ? 1 - (event.clientY - box.top) / box.height : 0.5;
    view = { x: view.x + x * (view.size - size), y: view.y + y * (view.size - size), size };
    draw();
  };
  for (const button of figure.querySelectorAll("button[data-zoom]"))
    button.addEventListener("click", () => {
      const factor = Number(button.dataset.zoom);
      if (factor) zoom(factor); else { view = { x: 0, y: 0, size: 1 }; draw(); }
    });

  fetch(location.href.split(/[?#]/)[0].replace(/\/$/, "") + "/map.json", { credentials: "same-origin" }).then(answer => answer.ok ? answer.json() : Promise.reject(answer.status)).then(read => {
    if (!read.rows.length) return;
    map = read;
    map.topics.slice(0, map.coloured).forEach((name, n) => {
      const item = document.createElement("li"), button = document.createElement("button"), key = document.createElement("i");
      key.className = `m${n}`;
      button.type = "button"; button.setAttribute("aria-pressed", "false");
      button.append(key, name);
      button.addEventListener("click", () => {
        only = only === n ? null : n;
        for (const [other, each] of [...legend.querySelectorAll("button")].entries()) each.setAttribute("aria-pressed", String(only === other));
        draw();
      });
      item.append(button); legend.append(item);
    });
    figure.classList.add("drawn");
    draw();
    new ResizeObserver(draw).observe(canvas);
    dark.addEventListener("change", draw);
  }).catch(() => {});
})();

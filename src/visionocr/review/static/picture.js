// The picture of a page: zoom, pan, turn, and boxes over it.

const $ = (id) => document.getElementById(id);
const view = $("view"), turned = $("turned"), sheet = $("sheet"), image = $("image"), boxes = $("boxes");
let zoom = 1, angle = 0, places = { lines: [], doubts: [] }, here = null, onPick = () => {};

export function pickLine(action) { onPick = action; }

export function showPicture(address) {
  places = { lines: [], doubts: [] };
  here = null;
  boxes.replaceChildren();
  angle = 0;
  turned.hidden = true;
  image.src = address;
}

export function showPlaces(found, doubt) {
  places = found;
  boxes.replaceChildren();
  here = null;
  found.doubts.forEach((each, at) => {
    if (each.box) draw(each.box, `doubt ${each.kind} ${at === doubt ? "now" : ""}`);
  });
}

export function showLine(number) {
  here?.remove();
  here = number === null ? null : draw(places.lines[number], "here");
  if (here) reveal(here);
}

export function showDoubt(number) {
  const drawn = [...boxes.querySelectorAll(".doubt")];
  const order = places.doubts.filter((each) => each.box);
  drawn.forEach((box, at) => box.classList.toggle("now", order[at] === places.doubts[number]));
  const box = boxes.querySelector(".now");
  if (box) reveal(box);
}

export function zoomBy(factor, at) {
  const before = at && spot(at);
  zoom = factor === 0 ? 1 : Math.min(8, Math.max(0.25, zoom * factor));
  lay();
  if (before) {
    const rect = turned.getBoundingClientRect();
    view.scrollLeft += rect.left + before.x * rect.width - at.clientX;
    view.scrollTop += rect.top + before.y * rect.height - at.clientY;
  }
}

export function turn() {
  angle = (angle + 90) % 360;
  lay();
}

function spot(at) {
  const rect = turned.getBoundingClientRect();
  return { x: (at.clientX - rect.left) / rect.width, y: (at.clientY - rect.top) / rect.height };
}

function lay() {
  if (!image.naturalWidth) return;
  const room = view.clientWidth - 24;
  const isSideways = angle % 180 !== 0;
  const shape = image.naturalHeight / image.naturalWidth;
  const width = isSideways ? room * zoom / shape : room * zoom;
  const size = [width, width * shape];
  const [across, down] = isSideways ? [size[1], size[0]] : size;
  turned.style.width = `${across}px`;
  turned.style.height = `${down}px`;
  sheet.style.width = `${size[0]}px`;
  sheet.style.height = `${size[1]}px`;
  sheet.style.left = `${(across - size[0]) / 2}px`;
  sheet.style.top = `${(down - size[1]) / 2}px`;
  sheet.style.transform = `rotate(${angle}deg)`;
}

function draw([left, top, right, bottom], kind) {
  const box = document.createElement("div");
  box.className = kind;
  box.style.left = `${left * 100}%`;
  box.style.top = `${top * 100}%`;
  box.style.width = `${(right - left) * 100}%`;
  box.style.height = `${(bottom - top) * 100}%`;
  boxes.append(box);
  return box;
}

function reveal(box) {
  const inner = box.getBoundingClientRect(), outer = view.getBoundingClientRect();
  const margin = Math.min(80, outer.height / 5);
  if (inner.top < outer.top + margin || inner.bottom > outer.bottom - margin) {
    view.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
  }
  if (inner.left < outer.left || inner.right > outer.right) {
    view.scrollLeft += Math.min(inner.left - outer.left - 20, (inner.left + inner.right - outer.left - outer.right) / 2);
  }
}

function nearestLine(x, y) {
  let best = null, least = 0.02;
  places.lines.forEach(([left, top, right, bottom], number) => {
    const distance = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    if (distance < least) [best, least] = [number, distance];
  });
  return best;
}

let drag = null;
view.addEventListener("pointerdown", (event) => {
  if (event.button || event.target !== image) return;
  drag = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop, moved: false };
});
addEventListener("pointermove", (event) => {
  if (!drag || event.pointerType === "touch") return;
  const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
  drag.moved ||= Math.hypot(across, down) > 4;
  if (drag.moved) {
    view.classList.add("dragging");
    view.scrollLeft = drag.left - across;
    view.scrollTop = drag.top - down;
  }
});
addEventListener("pointerup", (event) => {
  const ended = drag;
  drag = null;
  view.classList.remove("dragging");
  if (!ended || ended.moved || event.target !== image) return;
  const line = nearestLine(event.offsetX / image.offsetWidth, event.offsetY / image.offsetHeight);
  if (line !== null) onPick(line);
});
view.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 300), event);
}, { passive: false });
image.draggable = false;
image.addEventListener("load", () => { turned.hidden = false; lay(); });
new ResizeObserver(lay).observe(view);
$("zoom-in").onclick = () => zoomBy(1.25);
$("zoom-out").onclick = () => zoomBy(0.8);
$("zoom-fit").onclick = () => zoomBy(0);
$("turn").onclick = turn;

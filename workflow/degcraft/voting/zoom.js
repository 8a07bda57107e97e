// Zoom: all pictures show the same part at the same size.

const GREATEST = 8;
const seen = { zoom: 1, x: 0.5, y: 0.5 }; // x, y: the point of the picture in the middle of its view, 0 to 1

/** Show the part around x, y at a zoom; stay within the picture. */
function look(zoom, x, y) {
  seen.zoom = Math.min(Math.max(zoom, 1), GREATEST);
  const edge = 0.5 / seen.zoom;
  seen.x = Math.min(Math.max(x, edge), 1 - edge);
  seen.y = Math.min(Math.max(y, edge), 1 - edge);
  const root = document.documentElement;
  for (const name of ["zoom", "x", "y"]) root.style.setProperty(`--${name}`, seen[name]);
  root.classList.toggle("zoomed", seen.zoom > 1);
  document.getElementById("zoom").value = `${Number(seen.zoom.toFixed(1))}×`;
}

/** Zoom so that what lies under a pointer stays there. */
function lookAt(view, event, zoom) {
  const box = view.getBoundingClientRect();
  const [right, down] = [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
  const [x, y] = [seen.x + right / seen.zoom, seen.y + down / seen.zoom];
  const wanted = Math.min(Math.max(zoom, 1), GREATEST);
  look(wanted, x - right / wanted, y - down / wanted);
}

/** Keys + - 0 and Shift with arrows; true if the key was one of them. */
function zoomKey(event) {
  const step = 0.25 / seen.zoom;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "+" || event.key === "=") look(seen.zoom * 1.5, seen.x, seen.y);
  else if (event.key === "-") look(seen.zoom / 1.5, seen.x, seen.y);
  else if (event.key === "0") look(1, 0.5, 0.5);
  else if (event.shiftKey && event.key in moves) look(seen.zoom, seen.x + moves[event.key][0], seen.y + moves[event.key][1]);
  else return false;
  event.preventDefault();
  return true;
}

const fingers = new Map(); // pointers that are down on a view

/** Drag a zoomed view, or pinch it with two fingers. */
function panned(event) {
  const view = event.target.closest?.(".view");
  const last = fingers.get(event.pointerId);
  if (!view || !last) return;
  const box = view.getBoundingClientRect();
  const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  const apart = (place) => Math.hypot(place.clientX - others[0].clientX, place.clientY - others[0].clientY) || 1;
  if (others.length === 1) lookAt(view, event, (seen.zoom * apart(event)) / apart(last));
  else if (seen.zoom > 1) {
    const [right, down] = [(event.clientX - last.clientX) / box.width, (event.clientY - last.clientY) / box.height];
    look(seen.zoom, seen.x - right / seen.zoom, seen.y - down / seen.zoom);
  }
  fingers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
}

document.addEventListener("pointerdown", (event) => {
  if (event.target.closest?.(".view") && event.button === 0) {
    fingers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
  }
});
document.addEventListener("pointermove", panned);
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, (event) => fingers.delete(event.pointerId));
}
document.addEventListener("dblclick", (event) => {
  const view = event.target.closest(".view");
  if (view) lookAt(view, event, seen.zoom > 1 ? 1 : 4);
});
document.addEventListener(
  "wheel",
  (event) => {
    const view = event.target.closest?.(".view");
    if (!view || !(event.ctrlKey || view.closest("dialog"))) return;
    event.preventDefault();
    lookAt(view, event, seen.zoom * Math.exp(-event.deltaY / 300));
  },
  { passive: false },
);
document.getElementById("in").onclick = () => look(seen.zoom * 1.5, seen.x, seen.y);
document.getElementById("out").onclick = () => look(seen.zoom / 1.5, seen.x, seen.y);
document.getElementById("fit").onclick = () => look(1, 0.5, 0.5);

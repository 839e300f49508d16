// On a narrow screen the panel is a sheet over the map: half, nearly all, or only its head.

const HEIGHTS = ["half", "tall", "low"];
const DRAG_PIXELS = 40;

/** Let the handle change the sheet's height, by a tap or by a drag up or down. */
export function addSheet(handle) {
  const { dataset } = document.body;
  dataset.sheet = "half";
  const choose = (height) => { dataset.sheet = height; };
  let from = null;
  let wasDragged = false;
  handle.addEventListener("pointerdown", (event) => {
    from = event.clientY;
    wasDragged = false;
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointerup", (event) => {
    const moved = event.clientY - from;
    wasDragged = Math.abs(moved) > DRAG_PIXELS;
    if (!wasDragged) return;
    const order = ["low", "half", "tall"];
    const next = order.indexOf(dataset.sheet) + (moved < 0 ? 1 : -1);
    choose(order[Math.min(Math.max(next, 0), 2)]);
  });
  handle.addEventListener("click", () => {
    if (!wasDragged) choose(HEIGHTS[(HEIGHTS.indexOf(dataset.sheet) + 1) % HEIGHTS.length]);
  });
}

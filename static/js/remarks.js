/* Sets the fields of a new remark from the document, while <details data-remark> is open.
   [data-place] is a paragraph, a page or a recording; its value is that of an option of the field remark_place. A press
   on a paragraph chooses it; a press on a picture puts a pin there, dragging marks a region; a recording that is paused
   gives its time. [data-pin] puts a pin in the middle of the chosen page: arrow keys move it, Enter goes to the text,
   Delete takes it away. Without this script the fields are filled in by hand. */
"use strict";

document.querySelectorAll("details[data-remark]").forEach((fold) => {
  const form = fold.closest("form");
  const field = (name) => form.elements.namedItem(`remark_${name}`);
  const sides = ["x", "y", "width", "height"];
  const choice = field("place"), text = field("text"), clock = field("time");
  const pages = [...form.querySelectorAll(".pinned-page[data-place]")];
  const media = [...form.querySelectorAll(":is(audio, video)[data-place]")];
  const handle = Object.assign(document.createElement("button"), { type: "button", className: "pin new-pin", textContent: "+" });
  const frame = Object.assign(document.createElement("span"), { className: "new-region" });
  let dragged = null;

  const limit = (value, most = 100) => Math.min(most, Math.max(0, value));
  const round = (value) => Math.round(value * 10) / 10;
  const read = () => sides.map((side) => Number((field(side)?.value || "0").replace(",", ".")) || 0);
  handle.setAttribute("aria-label", "New pin: arrow keys move it, Enter goes to the remark, Delete takes it away");

  function set(name, value) {
    const input = field(name);
    if (!input || input.value === String(value)) return;
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /* Shows pin and region where the fields say. */
  function draw() {
    const page = pages.find((each) => each.dataset.place === choice.value);
    const isShown = page && field("x").value !== "";
    handle.remove();
    frame.remove();
    if (!isShown) return;
    const [x, y, width, height] = read();
    Object.assign(handle.style, { left: `${x}%`, top: `${y}%` });
    Object.assign(frame.style, { left: `${x}%`, top: `${y}%`, width: `${width}%`, height: `${height}%` });
    page.append(...(width && height ? [frame, handle] : [handle]));
  }

  function put(place, x, y, width = 0, height = 0) {
    set("place", place);
    if (clock) set("time", "");
    [x, y, width, height].forEach((value, index) => set(sides[index], round(value)));
    draw();
  }

  function clear() {
    if (field("x")) sides.forEach((side) => set(side, ""));
    draw();
  }

  function goToText() {
    text.scrollIntoView({ block: "center" });
    text.focus({ preventScroll: true });
  }

  function locate(page, event) {
    const box = page.querySelector("img").getBoundingClientRect();
    return [limit(100 * (event.clientX - box.left) / box.width), limit(100 * (event.clientY - box.top) / box.height)];
  }

  pages.forEach((page) => {
    const picture = page.querySelector("img");
    picture.draggable = false;
    page.querySelector("a").draggable = false;
    picture.addEventListener("pointerdown", (event) => {
      if (!fold.open || event.button !== 0) return;
      dragged = { page, from: locate(page, event) };
      picture.setPointerCapture(event.pointerId);   // a drag that is released outside the picture ends at its edge
    });
    picture.addEventListener("pointercancel", () => { dragged = null; });
    picture.addEventListener("click", (event) => {
      if (!fold.open || event.ctrlKey || event.metaKey || event.shiftKey || event.detail === 0) return;   // Enter opens the picture
      event.preventDefault();
      const [x, y] = locate(page, event), [fromX, fromY] = dragged?.page === page ? dragged.from : [x, y];
      const width = Math.abs(x - fromX), height = Math.abs(y - fromY);
      dragged = null;
      if (width > 2 && height > 2) put(page.dataset.place, Math.min(x, fromX), Math.min(y, fromY), width, height);
      else put(page.dataset.place, x, y);
      goToText();
    });
  });

  form.querySelectorAll(".pinned-paragraph[data-place]").forEach((paragraph) => {
    paragraph.addEventListener("click", (event) => {
      if (!fold.open || event.target.closest("a") || !getSelection().isCollapsed) return;
      clear();
      if (clock) set("time", "");
      set("place", paragraph.dataset.place);
      goToText();
    });
  });

  media.forEach((each) => {
    each.addEventListener("pause", () => {
      if (!fold.open || each.ended || text.value) return;
      clear();
      set("place", each.dataset.place);
      set("time", window.tracker.player.clock(each.currentTime));
    });
  });

  handle.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 5 : 1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) {
      const [x, y, width, height] = read();
      put(choice.value, limit(x + move[0], 100 - width), limit(y + move[1], 100 - height), width, height);
      handle.focus();
    } else if (event.key === "Enter") {
      goToText();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
      goToText();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  fold.querySelector("[data-pin]")?.addEventListener("click", () => {
    const page = pages.find((each) => each.dataset.place === choice.value) || pages[0];
    page.closest("details")?.setAttribute("open", "");
    put(page.dataset.place, 50, 50);
    handle.scrollIntoView({ block: "center" });
    handle.focus({ preventScroll: true });
  });
  choice.addEventListener("change", () => {
    if (!pages.some((each) => each.dataset.place === choice.value)) clear();
    draw();
  });
  sides.forEach((side) => field(side)?.addEventListener("change", draw));
  form.addEventListener("copy-restored", () => { if (text.value) fold.open = true; draw(); });
  fold.addEventListener("toggle", draw);
  form.classList.toggle("placing", fold.open);
  fold.addEventListener("toggle", () => form.classList.toggle("placing", fold.open));
  draw();
});

/* The matrix of evidence and criteria by mouse, touch and keyboard; each tick is saved at once.
   <form data-matrix data-tick-url="/…/tick"> (a div where nothing can be ticked), [data-matrix-strip], table.matrix; the last row of thead
   holds th[data-text]; a checkbox's value is "<evidence id>-<criterion id>"; a decided cell holds a link, with
   data-note saying who decided and when. In tfoot one td a column is the count.
   A tick: POST evidence, criterion, on (1 or 0); and also, once for each ticked box "also-<criterion id>" below the
   matrix: its value, "<attempt id>-<criterion id>" in another unit. Reply {"saved_at", "message"?, "version"?}.
   Arrow keys, Home, End move; one cell at a time is a tab stop; space ticks. */
"use strict";

function matrix(form) {
  const table = form.querySelector("table.matrix");
  const strip = form.querySelector("[data-matrix-strip]");
  const status = document.createElement("p");
  const heads = [...table.tHead.rows].at(-1).cells;
  const rows = [[...heads], ...[...table.tBodies[0].rows].map((row) => [...row.cells])];
  const target = (row, column) => rows[row]?.[column]?.querySelector("input, a, span[tabindex]");
  let stop = null, asked = 0;
  status.className = "matrix-status";
  status.setAttribute("role", "status");
  form.querySelector(".matrix-box").before(status);

  const place = (element) => {
    const cell = element.closest("td, th");
    return [rows.findIndex((row) => row.includes(cell)), cell.cellIndex];
  };

  function setTabStop(element) {
    if (stop) stop.tabIndex = -1;
    stop = element;
    stop.tabIndex = 0;
  }

  function move(from, down, right) {
    const [row, column] = place(from);
    for (let r = row + down, c = column + right; rows[r] && c > 1 && c < rows[r].length; r += down, c += right) {
      const element = target(r, c);
      if (element) { element.focus(); return; }
      if (!down && !right) return;
    }
  }

  function moveToEnd(from, last) {
    const [row] = place(from);
    const elements = rows[row].slice(2).map((cell) => cell.querySelector("input, a, span[tabindex]")).filter(Boolean);
    elements.at(last ? -1 : 0)?.focus();
  }

  const line = (bold, text) => {
    const paragraph = document.createElement("p");
    const strong = document.createElement("b");
    strong.textContent = bold;
    paragraph.append(strong, ` ${text}`);
    return paragraph;
  };

  function describe(cell) {
    const head = heads[cell.cellIndex];
    if (!strip || !head?.dataset.text) return;
    const lines = [line(head.textContent.trim(), head.dataset.text)];
    const row = cell.closest("tbody tr");
    if (row) {
      const inside = cell.querySelector("input, a, span");
      const state = inside?.matches("input") ? (inside.checked ? "claimed, not yet assessed" : "not claimed")
        : cell.classList.contains("met") ? "met" : cell.classList.contains("more") ? "needs more" : inside ? "claimed, not yet assessed" : "not claimed";
      const note = inside?.dataset.note ? `: ${inside.dataset.note}` : "";
      lines.push(line(`Evidence ${row.cells[0].textContent.trim()}`, `${row.cells[1].querySelector("a")?.textContent.trim() ?? ""} – ${state}${note}`));
    }
    strip.replaceChildren(...lines);
  }

  function recount(column) {
    const foot = table.tFoot?.rows[0];
    if (!foot) return;
    const count = rows.slice(1).filter((row) => row[column].querySelector("input:checked, a, span")).length;
    const cell = foot.cells[column - 1];   // the first spans two columns
    cell.textContent = count;
    cell.classList.toggle("none", count === 0);
  }

  async function save(box) {
    const [evidence, criterion] = box.value.split("-");
    const on = box.checked, mine = ++asked, cell = box.parentElement;
    box.dataset.asked = mine;
    cell.classList.remove("failed");
    cell.classList.add("saving");
    recount(cell.cellIndex);
    try {
      const body = new URLSearchParams({ evidence, criterion, on: on ? 1 : 0 });
      if (on) form.querySelectorAll(`input[name="also-${criterion}"]:checked`).forEach((offer) => body.append("also", offer.value));
      const reply = await tracker.post(form.dataset.tickUrl, body);
      if (reply.version !== undefined) form.querySelectorAll("input[type=hidden][name=version]").forEach((field) => { field.value = reply.version; });
      tracker.say(status, reply.message || `Saved ${reply.saved_at || ""}`);
    } catch (problem) {
      if (Number(box.dataset.asked) === mine) {
        box.checked = !on;
        cell.classList.add("failed");
        recount(cell.cellIndex);
      }
      const sentence = problem.kind === "refused" ? problem.message : "Not saved: there is no connection. The change was undone. Try again when the connection is back.";
      tracker.say(status, sentence, true);
    }
    if (Number(box.dataset.asked) === mine) cell.classList.remove("saving");
    describe(cell);
  }

  rows.forEach((row) => row.slice(2).forEach((cell) => cell.querySelectorAll("input, a, span[tabindex]").forEach((element) => { element.tabIndex = -1; })));
  const first = target(1, 2) || table.querySelector("tbody td:not(.what) :is(input, a)");
  if (first) setTabStop(first);
  if (strip) strip.replaceChildren(line("", "Point at or touch a cell, or go to it with the arrow keys, to read its criterion and the decision."));

  table.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(".what, thead tr:not(:last-child)")) return;
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) move(event.target, ...step);
    else if (event.key === "Home" || event.key === "End") moveToEnd(event.target, event.key === "End");
    else return;
    event.preventDefault();
  });
  table.addEventListener("focusin", (event) => {
    const cell = event.target.closest("td:not(.what), thead tr:last-child th");
    if (!cell) return;
    if (event.target !== stop && event.target.tabIndex === -1) setTabStop(event.target);
    describe(cell);
  });
  table.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("td:not(.what), thead tr:last-child th");
    if (cell) describe(cell);
  });
  table.addEventListener("click", (event) => {
    const head = event.target.closest("thead th[data-text]");
    if (head && strip) { event.preventDefault(); describe(head); }
  });
  table.addEventListener("change", (event) => { if (event.target.matches("input[type=checkbox]")) save(event.target); });
}

document.querySelectorAll("[data-matrix]").forEach(matrix);

/* Checking a unit beside its source: what one points at on one side is highlighted on the other and brought into view.
   [data-review] holds statements with data-lines="14 15" and source lines with id="line-14" and data-of="r5".
   Everything else on the screen is plain forms and links. */
"use strict";

function review(screen) {
  const source = screen.querySelector(".review-source");
  const wide = window.matchMedia("(width >= 1000px)");
  let highlighted = [];

  function open() {
    if (wide.matches) source.open = true;
  }

  function highlight(parts) {
    highlighted.forEach((part) => part.classList.remove("is-highlighted"));
    highlighted = parts.filter(Boolean);
    highlighted.forEach((part) => part.classList.add("is-highlighted"));
  }

  function linesOf(statement) {
    return (statement.dataset.lines || "").split(" ").filter(Boolean).map((number) => document.getElementById(`line-${number}`));
  }

  function show(statement) {
    const lines = linesOf(statement);
    highlight([statement, ...lines]);
    if (wide.matches) lines[0]?.scrollIntoView({ block: "center" });
  }

  screen.classList.add("can-highlight");
  screen.addEventListener("focusin", (event) => {
    const statement = event.target.closest("[data-lines]");
    if (statement) show(statement);
  });
  screen.addEventListener("pointerover", (event) => {
    const statement = event.target.closest("[data-lines]");
    if (statement) highlight([statement, ...linesOf(statement)]);
  });
  source.addEventListener("click", (event) => {
    const line = event.target.closest("[data-of]");
    if (!line || event.target.closest("a") || String(window.getSelection())) return;
    const statement = document.getElementById(line.dataset.of);
    highlight([line, statement]);
    statement?.scrollIntoView({ block: "center" });
  });
  wide.addEventListener("change", open);
  open();
  const opened = screen.querySelector(".is-open") || (location.hash && document.querySelector(location.hash));
  const statement = opened?.closest?.("[data-lines]");
  if (statement) {
    show(statement);
    statement.scrollIntoView({ block: "nearest" });
  }
}

document.querySelectorAll("[data-review]").forEach(review);

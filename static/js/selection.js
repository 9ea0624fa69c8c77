/* A list whose rows are ticked: form[data-selection] with boxes of the same name, also outside of it (form="…").
   [data-tick="all"] and [data-tick="none"] are links that do the same by reloading the page; [data-tick="7"] ticks the
   boxes with data-of="7", those of one candidate;
   [data-ticked-count] says how many rows are ticked. */
"use strict";

function selection(form) {
  const boxes = [...form.elements].filter((element) => element.type === "checkbox");
  const count = form.querySelector("[data-ticked-count]");

  function say() {
    const ticked = boxes.filter((box) => box.checked).length;
    tracker.say(count, `${ticked} ticked`);
  }

  boxes.forEach((box) => box.addEventListener("change", say));
  document.querySelectorAll("[data-tick]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    const which = link.dataset.tick;
    boxes.forEach((box) => {
      if (which === "all" || which === "none") box.checked = which === "all";
      else if (box.dataset.of === which) box.checked = true;
    });
    say();
  }));
  window.addEventListener("pageshow", say);
}

document.querySelectorAll("form[data-selection]").forEach(selection);

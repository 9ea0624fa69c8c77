/* A list whose rows are ticked: form[data-selection] with boxes of the same name, also outside of it (form="…").
   [data-tick="all"] and [data-tick="none"] are links that do the same by reloading the page;
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
    boxes.forEach((box) => { box.checked = link.dataset.tick === "all"; });
    say();
  }));
  window.addEventListener("pageshow", say);
}

document.querySelectorAll("form[data-selection]").forEach(selection);

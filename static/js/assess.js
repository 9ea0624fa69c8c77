/* Keyboard shortcuts and the count of decided claims on the page that assesses an item. autosave.js saves the form.
   <form data-assess> holds a fieldset.assess-item for each claim, with radio buttons in the order met, needs more,
   not met. [data-assess-count] shows how many are decided. a[data-next] and a[data-previous] lead to the items
   beside this one. */
"use strict";

document.querySelectorAll("form[data-assess]").forEach((form) => {
  const items = [...form.querySelectorAll("fieldset.assess-item")];
  const line = form.querySelector("[data-assess-count]");
  const walk = window.tracker.walkFieldsets(items);

  function count() {
    if (!line) return;
    const decided = items.filter((item) => item.querySelector("input[type=radio]:checked")).length;
    line.textContent = decided === items.length ? `All ${items.length} decided` : `${decided} of ${items.length} decided`;
  }

  function open(area) {
    if (!area) return;
    const fold = area.closest("details");
    if (fold) fold.open = true;
    area.focus();
  }

  const outcomes = [...(items[0]?.querySelectorAll("input[type=radio]") ?? [])].map((radio) => radio.labels[0].textContent.trim());
  window.tracker.addShortcuts([
    { keys: ["1", "2", "3"], label: outcomes.join(", "), act: (key) => walk.choose(Number(key) - 1) },
    { keys: ["j", "k"], label: "Next or previous criterion", act: (key) => walk.move(key === "j" ? 1 : -1) },
    { keys: ["n"], label: "Next item", act: () => document.querySelector("a[data-next]")?.click() },
    { keys: ["p"], label: "Previous item", act: () => document.querySelector("a[data-previous]")?.click() },
    { keys: ["c"], label: "Comment on this criterion", act: () => open(walk.current()?.querySelector("textarea")) },
    { keys: ["f"], label: "Feedback", act: () => open(form.querySelector("textarea[name=feedback]")) },
  ]);
  form.addEventListener("change", count);
  count();
});

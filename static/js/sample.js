/* Keyboard shortcuts on the page on which a verifier samples an item. <form data-sample> holds a
   fieldset.sample-decision for each decision, with radio buttons in the order agree, disagree. [data-sample-item] agrees with every decision
   for which nothing is chosen; nothing is saved by it. */
"use strict";

document.querySelectorAll("form[data-sample]").forEach((form) => {
  const fieldsets = [...form.querySelectorAll("fieldset.sample-decision")];
  const walk = window.tracker.walkFieldsets(fieldsets);

  function agree() {
    if (walk.choose(0)) walk.move(1);
  }

  function disagree() {
    if (walk.choose(1)) walk.current()?.querySelector("textarea")?.focus();
  }

  /* Agrees with each decision for which nothing is chosen; a disagreement stays. */
  function sampleItem() {
    fieldsets.filter((fieldset) => !fieldset.querySelector("input[type=radio]:checked")).forEach((fieldset) => {
      const radio = fieldset.querySelector("input[value=agree]");
      radio.checked = true;
      ["input", "change"].forEach((name) => radio.dispatchEvent(new Event(name, { bubbles: true })));
    });
  }
  form.querySelector("[data-sample-item]")?.addEventListener("click", sampleItem);

  window.tracker.addShortcuts([
    { keys: ["i"], label: "Sample this item: agree with all other decisions", act: sampleItem },
    { keys: ["a"], label: "Agree, and go to the next decision", act: agree },
    { keys: ["d"], label: "Disagree, and write the action required", act: disagree },
    { keys: ["j"], label: "Next decision", act: () => walk.move(1) },
    { keys: ["k"], label: "Previous decision", act: () => walk.move(-1) },
    { keys: ["n"], label: "Next item", act: () => document.querySelector("a[data-next]")?.click() },
    { keys: ["p"], label: "Previous item", act: () => document.querySelector("a[data-previous]")?.click() },
    { keys: ["s"], label: "Save the sample", act: () => form.requestSubmit() },
  ]);
});

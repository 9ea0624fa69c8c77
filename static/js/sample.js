/* Keyboard shortcuts on the page on which a verifier samples an item. <form data-sample> holds a
   fieldset.sample-decision for each decision, with radio buttons in the order agree, disagree. */
"use strict";

document.querySelectorAll("form[data-sample]").forEach((form) => {
  const walk = window.tracker.walkFieldsets([...form.querySelectorAll("fieldset.sample-decision")]);

  function agree() {
    if (walk.choose(0)) walk.move(1);
  }

  function disagree() {
    if (walk.choose(1)) walk.current()?.querySelector("textarea")?.focus();
  }

  window.tracker.addShortcuts([
    { keys: ["a"], label: "Agree, and go to the next decision", act: agree },
    { keys: ["d"], label: "Disagree, and write the action required", act: disagree },
    { keys: ["j"], label: "Next decision", act: () => walk.move(1) },
    { keys: ["k"], label: "Previous decision", act: () => walk.move(-1) },
    { keys: ["n"], label: "Next item", act: () => document.querySelector("a[data-next]")?.click() },
    { keys: ["p"], label: "Previous item", act: () => document.querySelector("a[data-previous]")?.click() },
    { keys: ["s"], label: "Save the sample", act: () => form.requestSubmit() },
  ]);
});

/* Keyboard shortcuts and the count of decided claims on the page that assesses an item. autosave.js saves the form.
   <form data-assess> holds a fieldset.assess-item for each claim, with radio buttons in the order met, needs more,
   not met. [data-assess-count] shows how many are decided. [data-all-met] marks what is not decided as met. a[data-next]
   and a[data-previous] lead to the items beside this one. a[data-missing] leads to what a refusal is about. */
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

  const undecided = () => items.filter((item) => !item.querySelector("input[type=radio]:checked"));
  const checks = [...form.querySelectorAll(".vacs input")];

  function change(box) {
    box.checked = true;
    ["input", "change"].forEach((name) => box.dispatchEvent(new Event(name, { bubbles: true })));
  }

  function bringIntoView(part) {
    part?.scrollIntoView({ block: "center" });
    const control = part?.matches("input, textarea") ? part : part?.querySelector("input, textarea");
    control?.focus({ preventScroll: true });
  }

  /* Sets the outcome and goes to the next claim that is not decided, or to the checks after the last. */
  function decide(number) {
    if (!walk.current()) bringIntoView(undecided()[0] || items[0]);
    const from = items.indexOf(walk.current());
    if (!walk.choose(number)) return;
    const open = undecided();
    bringIntoView(open.find((item) => items.indexOf(item) > from) || open[0] || checks[0]);
  }

  function markAllMet() {
    undecided().forEach((item) => change(item.querySelector("input[type=radio][value=met]")));
    bringIntoView(checks[0]);
  }
  form.querySelector("[data-all-met]")?.addEventListener("click", markAllMet);

  function confirmChecks() {
    checks.filter((box) => !box.checked).forEach(change);
    bringIntoView(checks[0]);
  }

  // Without its button there is no shortcut: a record that does not count cannot be accepted, and none is returned.
  function press(key, label, act) {
    const button = form.querySelector(`button[name=act][value=${act}]`);
    return button ? [{ keys: [key], label, act: () => form.requestSubmit(button) }] : [];
  }

  const outcomes = [...(items[0]?.querySelectorAll("input[type=radio]") ?? [])].map((radio) => radio.labels[0].textContent.trim());
  window.tracker.addShortcuts([
    { keys: ["a"], label: "All others met", act: markAllMet },
    { keys: ["m", "n", "x"], label: `${outcomes.join(", ")}, then the next claim`, act: (key) => decide("mnx".indexOf(key)) },
    { keys: ["1", "2", "3"], label: `${outcomes.join(", ")}, and stay`, act: (key) => walk.choose(Number(key) - 1) },
    { keys: ["j", "k"], label: "Next or previous criterion", act: (key) => walk.move(key === "j" ? 1 : -1) },
    { keys: ["v"], label: "Valid, authentic and current", act: confirmChecks },
    ...press("y", "Accept", "accept"),
    ...press("r", "Return", "return"),
    { keys: ["]", "["], label: "Next or previous item", act: (key) => document.querySelector(key === "]" ? "a[data-next]" : "a[data-previous]")?.click() },
    { keys: ["c"], label: "Comment on this criterion", act: () => open(walk.current()?.querySelector("textarea")) },
    { keys: ["f"], label: "Feedback", act: () => open(form.querySelector("textarea[name=feedback]")) },
  ]);
  form.addEventListener("change", count);
  const missing = document.querySelector("a[data-missing]");
  if (missing) bringIntoView(document.querySelector(missing.hash));
  count();
});

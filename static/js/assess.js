/* Keyboard shortcuts and the count of decided claims on the page that assesses an item. autosave.js saves the form.
   <form data-assess> holds a fieldset.assess-item for each claim, with radio buttons in the order met, needs more,
   not met. [data-assess-count] shows how many are decided. a[data-next] and a[data-previous] lead to the items
   beside this one. A button [data-keys-help] opens the list of shortcuts.
   Shortcuts do nothing while the user types, and can be turned off in that list. */
"use strict";

function assess(form) {
  const items = [...form.querySelectorAll(".assess-item")];
  const line = form.querySelector("[data-assess-count]");
  const outcomes = [...(items[0]?.querySelectorAll("input[type=radio]") ?? [])].map((radio) => radio.labels[0].textContent.trim());
  const keys = [["1, 2, 3", outcomes.join(", ")], ["j, k", "Next or previous criterion"], ["n, p", "Next or previous item"], ["c", "Comment on this criterion"], ["f", "Feedback"], ["?", "Show this list"]];
  const off = "keys-off";
  const help = document.createElement("dialog");

  function current() {
    return items.find((item) => item.contains(document.activeElement)) || null;
  }

  function go(step) {
    const at = items.indexOf(current());
    const item = items[at < 0 ? 0 : Math.max(0, Math.min(items.length - 1, at + step))];
    const radio = item?.querySelector("input[type=radio]:checked") || item?.querySelector("input[type=radio]");
    radio?.focus();
    item?.scrollIntoView({ block: "nearest" });
  }

  function set(number) {
    if (!current()) go(0);
    const radio = current()?.querySelectorAll("input[type=radio]")[number - 1];
    if (!radio || radio.disabled) return;
    radio.checked = true;
    radio.focus();
    radio.dispatchEvent(new Event("input", { bubbles: true }));
    count();
  }

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

  function makeHelp() {
    help.className = "keys";
    help.setAttribute("aria-labelledby", "keys-title");
    const title = document.createElement("h2");
    title.id = "keys-title";
    title.textContent = "Keyboard shortcuts";
    const list = document.createElement("dl");
    keys.forEach(([pressed, description]) => {
      const term = document.createElement("dt"), meaning = document.createElement("dd");
      pressed.split(", ").forEach((one) => {
        const key = document.createElement("kbd");
        key.textContent = one;
        term.append(key, " ");
      });
      meaning.textContent = description;
      list.append(term, meaning);
    });
    const choice = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.className = "form-check-input";
    box.checked = !localStorage.getItem(off);
    box.addEventListener("change", () => { box.checked ? localStorage.removeItem(off) : localStorage.setItem(off, "1"); });
    choice.append(box, "Use keyboard shortcuts");
    const end = document.createElement("form");
    end.method = "dialog";
    end.className = "actions";
    end.innerHTML = '<button class="btn btn-outline-primary">Close</button>';
    help.append(title, list, choice, end);
    document.body.append(help);
  }

  document.addEventListener("keydown", (event) => {
    const field = event.target;
    const typing = field.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
    if (typing || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "?" && localStorage.getItem(off)) return;
    const acts = {
      1: () => set(1), 2: () => set(2), 3: () => set(3), j: () => go(1), k: () => go(-1),
      n: () => document.querySelector("a[data-next]")?.click(), p: () => document.querySelector("a[data-previous]")?.click(),
      c: () => open(current()?.querySelector("textarea")), f: () => open(form.querySelector("textarea[name=feedback]")), "?": () => help.showModal(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });

  makeHelp();
  document.querySelectorAll("[data-keys-help]").forEach((opener) => opener.addEventListener("click", () => help.showModal()));
  form.addEventListener("change", count);
  count();
}

document.querySelectorAll("form[data-assess]").forEach(assess);

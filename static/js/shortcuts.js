/* Keyboard shortcuts of a page, with a dialog that lists them.
   tracker.addShortcuts(shortcuts): a list of {keys: ["j"], label: "Next criterion", act: function}. A shortcut without
   a label is not listed. Buttons [data-keys-help] open the list, and so does the key "?".
   Shortcuts do nothing while the user types, and can be turned off in the list. */
"use strict";

window.tracker.addShortcuts = function addShortcuts(shortcuts) {
  const off = "keys-off";
  const help = document.createElement("dialog");
  const listed = [...shortcuts, { keys: ["?"], label: "Show this list", act: () => help.showModal() }];

  function makeHelp() {
    help.className = "keys";
    help.setAttribute("aria-labelledby", "keys-title");
    const title = document.createElement("h2");
    title.id = "keys-title";
    title.textContent = "Keyboard shortcuts";
    const list = document.createElement("dl");
    listed.filter((shortcut) => shortcut.label).forEach((shortcut) => {
      const term = document.createElement("dt"), meaning = document.createElement("dd");
      shortcut.keys.forEach((one) => {
        const key = document.createElement("kbd");
        key.textContent = one;
        term.append(key, " ");
      });
      meaning.textContent = shortcut.label;
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
    const typing = event.target.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
    if (typing || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "?" && localStorage.getItem(off)) return;
    const shortcut = listed.find((each) => each.keys.includes(event.key));
    if (!shortcut) return;
    event.preventDefault();
    shortcut.act(event.key);
  });

  makeHelp();
  document.querySelectorAll("[data-keys-help]").forEach((opener) => opener.addEventListener("click", () => help.showModal()));
};

/* Move the focus among the fieldsets of a form. Returns {current, move(step), choose(number)}: the fieldset with the
   focus or null; focus the next or previous one; check its radio button of that number, counted from 0. */
window.tracker.walkFieldsets = function walkFieldsets(fieldsets) {
  const current = () => fieldsets.find((fieldset) => fieldset.contains(document.activeElement)) || null;

  function move(step) {
    const at = fieldsets.indexOf(current());
    const fieldset = fieldsets[at < 0 ? 0 : Math.max(0, Math.min(fieldsets.length - 1, at + step))];
    const radio = fieldset?.querySelector("input[type=radio]:checked") || fieldset?.querySelector("input[type=radio]");
    radio?.focus();
    fieldset?.scrollIntoView({ block: "nearest" });
  }

  function choose(number) {
    if (!current()) move(0);
    const radio = current()?.querySelectorAll("input[type=radio]")[number];
    if (!radio || radio.disabled) return null;
    radio.checked = true;
    radio.focus();
    ["input", "change"].forEach((name) => radio.dispatchEvent(new Event(name, { bubbles: true })));
    return radio;
  }

  return { current, move, choose };
};

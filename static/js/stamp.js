/* Stamps on the page of an observation. A tap on Stamp writes [10:09 5] into the narrative, at the cursor, where the
   form's submit button would save the page and write it at the end. autosave.js saves what changed.
   <form data-observe> holds textarea[name=narrative]; each [data-stamp-row] a button[data-mark] and [data-stamp-times],
   in a [data-stamp-unit] with [data-stamp-count]. [data-stamp-status] says what was stamped, with a button that undoes it.
   A stamp just before the cursor of the same minute takes the next criterion too: [10:36 13, j]. */
"use strict";

document.querySelectorAll("form[data-observe]").forEach((form) => {
  const narrative = form.elements.namedItem("narrative");
  const status = form.querySelector("[data-stamp-status]");
  const rows = [...form.querySelectorAll("[data-stamp-row]")].map((row) => ({
    row, mark: row.querySelector("[data-mark]").dataset.mark, times: row.querySelector("[data-stamp-times]"),
  }));
  const pattern = /\[((?:[01]?\d|2[0-3]):[0-5]\d)[ \t]+([^[\]\n]{1,200})\]/g;
  let cursor = null;   // a button takes the focus, and with it the cursor of some browsers

  const clock = () => new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/London" });

  function readTimes() {
    const times = new Map();
    for (const [, at, marks] of narrative.value.matchAll(pattern)) {
      marks.split(",").map((mark) => mark.trim().replace(/\s+/g, " ")).forEach((mark) => {
        const known = times.get(mark) || [];
        if (!known.includes(at)) times.set(mark, [...known, at]);
      });
    }
    return times;
  }

  function show() {
    const times = readTimes();
    rows.forEach(({ mark, times: place }) => { place.textContent = (times.get(mark) || []).join(" "); });
    form.querySelectorAll("[data-stamp-unit]").forEach((unit) => {
      const stamped = [...unit.querySelectorAll("[data-stamp-times]")].filter((place) => place.textContent);
      unit.querySelector("[data-stamp-count]").textContent = stamped.length;
    });
  }

  function replaceText(before, after) {
    narrative.value = before + after;
    cursor = before.length;
    narrative.setSelectionRange(cursor, cursor);
    narrative.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  }

  function stamp(mark) {
    const at = clock(), place = cursor ?? narrative.value.length;
    const before = narrative.value.slice(0, place), after = narrative.value.slice(place);
    const same = before.match(/\[((?:[01]?\d|2[0-3]):[0-5]\d) ([^[\]\n]{1,180})\] ?$/);
    const undo = { value: narrative.value, cursor: place };
    if (same && same[1] === at) {
      replaceText(`${before.slice(0, same.index)}[${at} ${same[2]}, ${mark}] `, after.replace(/^ /, ""));
    } else {
      replaceText(`${before}${before && !/\s$/.test(before) ? " " : ""}[${at} ${mark}] `, after.replace(/^ /, ""));
    }
    say(`Stamped ${mark} at ${at}. `, undo, narrative.value);
  }

  function say(sentence, before, stamped) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "as-link";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      if (narrative.value !== stamped) {
        status.textContent = "You have typed since. Delete the stamp in the narrative.";
        return;
      }
      replaceText(before.value.slice(0, before.cursor), before.value.slice(before.cursor));
      status.textContent = "The stamp is undone.";
    });
    status.replaceChildren(sentence, button);
  }

  ["keyup", "click", "select", "input", "blur"].forEach((name) => narrative.addEventListener(name, () => {
    cursor = narrative.selectionEnd;
    if (name === "input") show();
  }));
  form.addEventListener("copy-restored", show);
  if (narrative.value !== narrative.defaultValue) show();   // it was restored before this script ran
  rows.forEach(({ row, mark }) => row.querySelector("[data-mark]").addEventListener("click", (event) => {
    event.preventDefault();
    stamp(mark);
  }));
});

/* Counts the choices that autosave.js keeps in this browser and that are not saved.
   [data-unsaved-choices="sample-7-"] shows how many radio buttons named decision-… are chosen in the copies whose keys
   begin like that, and is empty without any. [data-before] is put before the count. What is around it, [data-unsaved-note], is hidden without any. */
"use strict";

(() => {
  const places = [...document.querySelectorAll("[data-unsaved-choices]")];

  function countChoices(prefix) {
    const start = `unsaved:${document.body.dataset.person}:${prefix}`;
    const chosen = new Set();   // two windows may keep a copy of the same choice
    window.tracker.kept().filter((key) => key.startsWith(start)).forEach((key) => {
      try {
        Object.entries(JSON.parse(localStorage.getItem(key)).typed)
          .filter(([name, values]) => name.startsWith("decision-") && values.length)
          .forEach(([name]) => chosen.add(name));
      } catch { /* not a copy that this version wrote */ }
    });
    return chosen.size;
  }

  function show() {
    places.forEach((place) => {
      const count = countChoices(place.dataset.unsavedChoices);
      place.textContent = count ? `${place.dataset.before || ""}${count} chosen, not saved` : "";
      const note = place.closest("[data-unsaved-note]");
      if (note) note.hidden = !count;
    });
  }

  document.addEventListener("copy-kept", show);
  window.addEventListener("storage", show);
  show();
})();

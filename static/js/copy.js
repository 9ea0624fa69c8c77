/* [data-copy="id"] is a button that copies the text of that element; [data-copied="id"] says that it did.
   Where the browser does not allow it, the text is selected instead. */
"use strict";

document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", async () => {
  const source = document.getElementById(button.dataset.copy);
  const status = document.querySelector(`[data-copied="${button.dataset.copy}"]`);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    tracker.say(status, "Copied");
  } catch {
    getSelection().selectAllChildren(source);
    tracker.say(status, "Selected: copy it with your browser.");
  }
}));

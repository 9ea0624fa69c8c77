/* On the queue, ] opens the oldest item: a[data-next]. It is turned off with the shortcuts of assess.js. */
"use strict";

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key !== "]" || typing || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("keys-off")) return;
  document.querySelector("a[data-next]")?.click();
});

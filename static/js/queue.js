/* On the queue, n opens the item that has waited longest: a[data-next]. Turned off with the other keys of assess.js. */
"use strict";

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key !== "n" || typing || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("keys-off")) return;
  document.querySelector("a[data-next]")?.click();
});

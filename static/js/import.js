/* Progress of an import: <div data-import="/imports/7/progress"> with a <progress>, [data-import-text] and
   [data-import-waiting]. The reply is {"state", "done", "total", "text", "is_waiting"}. The page is reloaded when the
   import has ended. Without this script the server makes the page refresh itself. */
"use strict";

document.querySelectorAll("[data-import]").forEach((part) => {
  const bar = part.querySelector("progress");
  const text = part.querySelector("[data-import-text]");
  const waiting = part.querySelector("[data-import-waiting]");

  async function update() {
    try {
      const response = await fetch(part.dataset.import, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(response.statusText);
      const progress = await response.json();
      bar.value = progress.done;
      if (text.textContent !== progress.text) text.textContent = progress.text;
      waiting.hidden = !progress.is_waiting;
      if (progress.state !== "running") {
        location.reload();
        return;
      }
    } catch {
      text.textContent = "No connection. The import continues without this page.";
    }
    setTimeout(update, 1000);
  }

  setTimeout(update, 1000);
});

/* Follows an import: <div data-import="/imports/7/progress"> with a <progress>, [data-import-words] and
   [data-import-waiting]. Reply {"state", "done", "total", "words", "waiting"}. Once it has ended the page is asked for
   again. Without this script the server has the page refreshed by itself. */
"use strict";

document.querySelectorAll("[data-import]").forEach((part) => {
  const bar = part.querySelector("progress");
  const words = part.querySelector("[data-import-words]");
  const waiting = part.querySelector("[data-import-waiting]");

  async function look() {
    try {
      const answer = await fetch(part.dataset.import, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const found = await answer.json();
      bar.value = found.done;
      if (words.textContent !== found.words) words.textContent = found.words;
      waiting.hidden = !found.waiting;
      if (found.state !== "running") {
        location.reload();
        return;
      }
    } catch {
      words.textContent = "No connection just now. The import goes on without this page.";
    }
    setTimeout(look, 1000);
  }

  setTimeout(look, 1000);
});

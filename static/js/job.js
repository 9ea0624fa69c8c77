/* Progress of a job: <div data-job="/jobs/7/progress"> with a <progress>, [data-job-text] and [data-job-stuck]. The reply
   is {"state", "done", "total", "text", "is_open", "is_stuck"}. The page is reloaded when the job has ended. Without
   this script the server makes the page refresh itself. */
"use strict";

document.querySelectorAll("[data-job]").forEach((part) => {
  const bar = part.querySelector("progress");
  const text = part.querySelector("[data-job-text]");
  const stuck = part.querySelector("[data-job-stuck]");

  async function update() {
    try {
      const response = await fetch(part.dataset.job, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(response.statusText);
      const progress = await response.json();
      bar.value = progress.done;
      if (text.textContent !== progress.text) text.textContent = progress.text;
      stuck.hidden = !progress.is_stuck;
      if (!progress.is_open) {
        location.reload();
        return;
      }
    } catch {
      text.textContent = "No connection. The job continues without this page.";
    }
    setTimeout(update, 1000);
  }

  setTimeout(update, 1000);
});

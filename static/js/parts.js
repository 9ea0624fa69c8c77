/* Uploads recordings in parts, which continue after a cut.
   <div data-parts data-parts-url="/records/7/uploads" data-part-size="4194304" data-parts-limit="524288000"> a file input,
   <ul data-parts-list>, <p data-parts-status>.
   POST to the address with `key` starts an upload or finds it again; POST …/ID/parts sends the next part, …/ID/finish puts
   them together, …/ID/stop discards them. Each reply {"upload", "parts", "size", "has_ended"} says what was received.
   The same file chosen again after the page was closed continues where it stopped.
   tracker.parts: {url, partSize, post(address, fields, row), openAnew()}, for recorder.js. */
"use strict";

document.querySelectorAll("[data-parts]").forEach((part) => {
  const form = part.closest("form");
  const list = part.querySelector("[data-parts-list]"), status = part.querySelector("[data-parts-status]");
  const url = part.dataset.partsUrl, partSize = Number(part.dataset.partSize), limit = Number(part.dataset.partsLimit);
  let running = 0, added = 0, held = null;

  const body = (fields) => Object.entries(fields).reduce((data, [name, value]) => { data.append(name, value); return data; }, new FormData());
  const wait = (seconds) => new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    window.addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
  });

  /* Repeats a request until it is answered; a refusal ends it. */
  async function post(address, fields, row) {
    for (let seconds = 2; ; seconds = Math.min(60, 2 * seconds)) {
      if (row.isStopped) throw Object.assign(new Error("Stopped."), { kind: "stopped" });
      try {
        return await window.tracker.post(address, body(fields));
      } catch (problem) {
        if (problem.kind === "refused") throw problem;
        row.say(problem.kind === "signed-out"
          ? "You have been signed out. Sign in in another window; the upload then continues."
          : row.lost || "The connection was lost. The upload continues by itself.");
        await wait(seconds);
      }
    }
  }

  async function send(source, row) {
    let at = await post(url, { key: source.key }, row);
    row.upload = at.upload;
    for (;;) {
      while (at.size < source.size) {
        row.show(at.size / source.size);
        const content = await source.slice(at.size, Math.min(source.size, at.size + partSize));
        const next = await post(`${url}/${at.upload}/parts`, { number: at.parts, part: content }, row);
        if (next.has_ended) throw Object.assign(new Error("This upload was stopped in another window."), { kind: "refused" });
        at = next;
      }
      row.say("Checking");
      const reply = await post(`${url}/${at.upload}/finish`, { parts: at.parts, name: source.name }, row);
      if (reply.id !== undefined) return reply;
      at = reply;
    }
  }

  function createRow(name) {
    const item = document.createElement("li"), bar = document.createElement("progress");
    const label = document.createElement("span"), state = document.createElement("span"), stop = document.createElement("button");
    item.className = "file";
    label.className = "file-name";
    label.textContent = name;
    state.className = "file-status";
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `Uploading ${name}`);
    stop.type = "button";
    stop.className = "as-link";
    stop.textContent = "Stop";
    stop.append(Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: ` ${name}` }));
    item.append(label, bar, state, stop);
    list.append(item);
    const row = {
      item,
      isStopped: false,
      say: (sentence) => { state.textContent = sentence; },
      show: (share) => { bar.value = 100 * share; state.textContent = `${Math.floor(100 * share)} %`; },
      fail: (sentence) => { item.className = "file failed"; bar.remove(); state.textContent = sentence; },
    };
    stop.addEventListener("click", async () => {
      row.isStopped = true;
      if (row.upload) await window.tracker.post(`${url}/${row.upload}/stop`, body({})).catch(() => {});
      item.remove();
    });
    return row;
  }

  function showStatus() {
    const sentence = held ? "The form is saved as soon as the recording is uploaded." : "Uploading. You can continue writing.";
    window.tracker.say(status, running ? sentence : "");
  }

  /* Sends a source with a row of its own, and opens the page anew with its player once all are added. */
  async function upload(source) {
    const row = createRow(source.name);
    running += 1;
    showStatus();
    try {
      await send(source, row);
      row.item.remove();
      added += 1;
    } catch (problem) {
      if (problem.kind !== "stopped") row.fail(`Not added: ${problem.message}`);
    }
    running -= 1;
    showStatus();
    if (!running && held) submitHeldForm();
    else if (!running && added) openAnew();
  }

  function submitHeldForm() {
    const { submitter } = held;
    held = null;
    if (!list.querySelector(".failed")) form.requestSubmit(submitter);
  }

  function openAnew() {
    const reload = () => { location.hash = "files"; location.reload(); };
    form.addEventListener("draft-saved", reload, { once: true });
    form.addEventListener("draft-failed", () => window.tracker.say(status, "Added. Load the page again to play it."), { once: true });
    form.dispatchEvent(new CustomEvent("save-now"));
  }

  function addFile(file) {
    if (!file.size) return createRow(file.name).fail("Not added: the file is empty. Choose another.");
    if (file.size > limit) return createRow(file.name).fail(`Not added: it is larger than ${Math.floor(limit / 1e6)} MB. Shorten or split it.`);
    const slice = (from, to) => file.slice(from, to);
    return upload({ key: `${file.size}-${file.lastModified}`, name: file.name, size: file.size, slice });
  }

  part.querySelectorAll("input[type=file]").forEach((input) => input.addEventListener("change", () => {
    [...input.files].forEach(addFile);
    input.value = "";   // uploaded here, so the form must not send them again
  }));
  form.addEventListener("submit", (event) => {
    if (!running || event.submitter?.value === "discard") return;
    event.preventDefault();
    held = event;
    showStatus();
  });
  window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
  window.tracker.parts = { url, partSize, post, openAnew };
});

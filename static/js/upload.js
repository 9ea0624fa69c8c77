/* Uploads each chosen file by itself, with its own progress; no failure is silent.
   <div data-upload data-upload-url="/evidence/7/files" data-upload-limit="104857600"> a file input (and
   one for the camera), <ul data-upload-list>, <p data-upload-status>.
   Files may also be dropped on the part.
   One POST a file: multipart, field `file`. Reply 200: {"id", "name", "size": "2.3 MB", "url",
   "preview_url", "remove_url", "move_url"}, the address of an image or nothing; a refusal 4xx: {"message"}. Removing: POST
   to remove_url. Moving: POST `move`, up or down, to move_url.
   Without an address the form's autosave saves first; its reply brings "upload_url".
   The form is sent when the uploads have ended, and only at the second attempt when one has failed. */
"use strict";

function sizeOf(bytes) {
  if (bytes < 1000) return tracker.counted(bytes, "byte", "bytes");
  return bytes < 999500 ? `${Math.round(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function createElement(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function createThumbnail(url) {
  const image = createElement("img", "thumbnail");
  image.alt = "";   // the name beside it says what it is
  image.loading = "lazy";
  image.src = url;
  return image;
}

function button(label, about, act) {
  const element = createElement("button", "as-link", label);
  element.type = "button";
  element.append(createElement("span", "visually-hidden", ` ${about}`));
  element.addEventListener("click", act);
  return element;
}

/* As destructive.ask of templates/components/destructive.html draws it. */
function askToRemove(about, act) {
  const question = createElement("details", "destructive in-row");
  const summary = createElement("summary", "btn btn-outline-danger", "Remove");
  summary.append(createElement("span", "visually-hidden", `: ${about}`));
  const body = createElement("div", "destructive-question");
  const confirm = button("Remove the file", about, act);
  confirm.className = "btn btn-outline-danger";
  body.append(createElement("p", "", "The file is deleted from this draft."), confirm);
  question.append(summary, body);
  return question;
}

function uploads(part) {
  const form = part.closest("form");
  const list = part.querySelector("[data-upload-list]");
  const status = part.querySelector("[data-upload-status]");
  const limit = Number(part.dataset.uploadLimit);
  const queue = [];
  let running = 0, failed = 0, held = null, warned = false;

  function address() {
    if (part.dataset.uploadUrl) return Promise.resolve(part.dataset.uploadUrl);
    return new Promise((resolve, reject) => {
      form.addEventListener("draft-saved", () => resolve(part.dataset.uploadUrl), { once: true });
      form.addEventListener("draft-failed", (event) => reject(event.detail), { once: true });
      form.dispatchEvent(new CustomEvent("save-now"));
    });
  }

  function add(file) {
    const row = createElement("li", "file");
    row.append(createElement("span", "file-name", file.name), createElement("span", "file-size", sizeOf(file.size)));
    list.append(row);
    if (file.size === 0) return fail(row, file, "Not added: the file is empty. Choose another.", false);
    if (file.size > limit) return fail(row, file, `Not added: it is larger than ${sizeOf(limit)}. Choose a smaller file, or keep it at work and say where.`, false);
    return start(row, file);
  }

  function start(row, file) {
    row.classList.remove("failed");
    row.querySelectorAll("progress, .file-status, button").forEach((old) => old.remove());
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `Uploading ${file.name}`);
    row.append(bar, createElement("span", "file-status", "Waiting"));
    queue.push({ row, file, bar });
    next();
  }

  async function next() {
    if (running || !queue.length) return;   // one at a time, so that they keep their order
    const item = queue.shift();
    running += 1;
    showStatus();
    try {
      await send(item, await address());
    } catch (problem) {
      fail(item.row, item.file, problem.message, problem.kind !== "refused");
    }
    running -= 1;
    showStatus();
    next();
    if (!running && !queue.length) submitHeldForm();
  }

  function send({ row, file, bar }, url) {
    return new Promise((resolve, reject) => {
      const state = row.querySelector(".file-status");
      const request = new XMLHttpRequest();
      const body = new FormData();
      body.append("file", file);
      request.open("POST", url);
      Object.entries(tracker.headers()).forEach(([name, value]) => request.setRequestHeader(name, value));
      request.upload.addEventListener("progress", (event) => {
        bar.value = (100 * event.loaded) / event.total;
        state.textContent = event.loaded < event.total ? `${Math.floor(bar.value)} %` : "Checking";
      });
      const refuse = (message, kind) => reject(Object.assign(new Error(message), { kind }));
      const stop = button("Stop", file.name, () => request.abort());
      row.append(stop);
      request.addEventListener("abort", () => { refuse("Not added: you stopped the upload.", "offline"); });
      request.addEventListener("error", () => refuse("Not added: the connection was lost.", "offline"));
      request.addEventListener("load", () => {
        let reply = null;
        try { reply = JSON.parse(request.responseText); } catch { /* an HTML page was returned: see below */ }
        if (request.status < 300 && reply && reply.id !== undefined) {
          showAdded(row, reply);
          resolve();
        } else if (request.status >= 400 && request.status < 500 && reply) {
          refuse(reply.message || "Not added: the server refused it.", "refused");
        } else {
          refuse(request.status < 300 || request.status === 401 ? "Not added: you have been signed out. Sign in again, then upload it." : "Not added: the server could not store it.", "offline");
        }
      });
      request.send(body);
    });
  }

  function showAdded(row, reply) {
    row.className = "file added";
    const name = createElement("a", "file-name", reply.name);
    name.href = reply.url;
    const thumbnail = reply.preview_url ? [createThumbnail(reply.preview_url)] : [];
    row.replaceChildren(...thumbnail, name, createElement("span", "file-size", reply.size), createElement("span", "file-status", "✓ Added"));
    if (reply.move_url) ["up", "down"].forEach((direction) => row.append(moveButton(row, reply, direction)));
    if (reply.remove_url) row.append(askToRemove(reply.name, () => remove(row, reply.remove_url)));
  }

  function fail(row, file, message, canRetry) {
    failed += 1;
    warned = false;
    row.className = "file failed";
    row.querySelectorAll("progress, .file-status, button").forEach((old) => old.remove());
    const settle = () => { failed -= 1; showStatus(); };
    if (canRetry) row.append(button("Try again", file.name, () => { settle(); start(row, file); }));
    row.append(button("Remove from list", file.name, () => { settle(); row.remove(); }));
    row.append(createElement("span", "file-status", message));
    showStatus();
  }

  function moveButton(row, { name, move_url: url }, direction) {
    const element = button(direction === "up" ? "Up" : "Down", `: move ${name} ${direction}`, () => move(row, url, direction));
    element.classList.add(`move-${direction}`);
    return element;
  }

  async function move(row, url, direction) {
    const neighbour = direction === "up" ? row.previousElementSibling : row.nextElementSibling;
    if (!neighbour) return;
    try {
      await tracker.post(url, new URLSearchParams({ move: direction }));
      if (direction === "up") neighbour.before(row);
      else neighbour.after(row);
      const isAtEnd = !(direction === "up" ? row.previousElementSibling : row.nextElementSibling);
      const kept = isAtEnd ? (direction === "up" ? "down" : "up") : direction;   // the other button is hidden there
      row.querySelector(`.move-${kept}`).focus();
      tracker.say(status, `Now file ${[...list.children].indexOf(row) + 1} of ${list.children.length}.`);
    } catch (problem) {
      tracker.say(status, problem.message, true);
    }
  }

  async function remove(row, url) {
    try {
      await tracker.post(url, new URLSearchParams());
      row.remove();
      tracker.say(status, "Removed.");
    } catch (problem) {
      tracker.say(status, problem.message, true);
    }
  }

  function showStatus() {
    const waiting = running + queue.length;
    if (waiting) tracker.say(status, held ? `The form is saved as soon as ${tracker.counted(waiting, "file is", "files are")} uploaded …` : `Uploading ${tracker.counted(waiting, "file", "files")} …`);
    else if (failed) tracker.say(status, `${tracker.counted(failed, "file was", "files were")} not added.`, true);
    else tracker.say(status, "");
  }

  function submitHeldForm() {
    if (!held || failed) { held = null; return; }
    const { submitter } = held;
    held = null;
    form.requestSubmit(submitter);
  }

  part.querySelectorAll("input[type=file]").forEach((input) => input.addEventListener("change", () => {
    [...input.files].forEach(add);
    input.value = "";   // uploaded here, so the form must not send them again
  }));
  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  part.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    part.classList.add("drop-target");
  });
  part.addEventListener("dragleave", (event) => {
    if (!part.contains(event.relatedTarget)) part.classList.remove("drop-target");
  });
  part.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    part.classList.remove("drop-target");
    [...event.dataTransfer.files].forEach(add);
  });
  part.querySelectorAll("[data-remove-url]").forEach((old) => old.addEventListener("click", (event) => {
    event.preventDefault();
    remove(old.closest("li"), old.dataset.removeUrl);
  }));
  part.querySelectorAll("[data-move-url]").forEach((old) => old.addEventListener("click", (event) => {
    event.preventDefault();
    move(old.closest("li"), old.dataset.moveUrl, old.value);
  }));
  form.addEventListener("submit", (event) => {
    if (running + queue.length) {
      event.preventDefault();
      held = event;
      showStatus();
    } else if (failed && !warned) {
      event.preventDefault();
      warned = true;
      tracker.say(status, `${tracker.counted(failed, "file was", "files were")} not added. Try again, or remove it from the list. Press the button again to continue without it.`, true);
      list.querySelector(".failed button").focus();
    }
  });
  window.addEventListener("beforeunload", (event) => { if (running + queue.length) event.preventDefault(); });
}

document.querySelectorAll("[data-upload]").forEach(uploads);

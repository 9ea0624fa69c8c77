/* Saves a form while it is typed, and keeps in the browser what is not saved yet.
   <form data-autosave="/evidence/7/draft" data-autosave-key="evidence-7"> … <p data-autosave-status></p>
   Sends, urlencoded: every changed field under its own name, `changed` = its name (a cleared checkbox appears
   only there), and the form's hidden inputs. Never password or file fields.
   Reply: {"saved_at": "10:42"}, and optionally "fields" {hidden input: new value}, "autosave_url",
   "action" (the form's), "address" (the page's), "upload_url", "refused" {field: why it was not saved}.
   A form submitted during a save is sent after the reply, which may bring a version and an address.
   What the server has not acknowledged stays in localStorage under unsaved:<person>:<key> and is restored
   when the form is opened again. Other scripts: a "save-now" event on the form saves at once; "draft-saved"
   (detail: the reply) and "draft-failed" follow. */
"use strict";

function autosave(form) {
  const status = form.querySelector("[data-autosave-status]");
  const key = `unsaved:${document.body.dataset.person}:${form.dataset.autosaveKey || location.pathname}`;
  const changed = new Map();   // name → number of the change, so that typing during a save is not lost
  let counter = 0, timer = 0, busy = false, again = false, held = null, wait = 2000;

  const fields = (name) => [...form.elements].filter((field) => field.name === name);
  const savable = (field) => field.name && field.name !== "csrf_token"
    && !["password", "file", "hidden", "submit", "button"].includes(field.type) && field.tagName !== "FIELDSET";
  const values = (name) => fields(name)
    .filter((field) => !["checkbox", "radio"].includes(field.type) || field.checked)
    .map((field) => field.value);

  function store(sent = false) {
    try {
      if (!changed.size) return localStorage.removeItem(key);
      const typed = Object.fromEntries([...changed.keys()].map((name) => [name, values(name)]));
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), sent, typed }));
    } catch { /* private windows may refuse storage; then only the server has it */ }
    return undefined;
  }

  function markChanged(field, soon) {
    changed.set(field.name, ++counter);
    store();
    clearTimeout(timer);
    timer = setTimeout(save, soon ? 0 : 800);
  }

  function body(names) {
    const sent = new URLSearchParams();
    form.querySelectorAll("input[type=hidden]").forEach((field) => {
      if (field.name !== "csrf_token") sent.append(field.name, field.value);
    });
    names.forEach((name) => {
      sent.append("changed", name);
      values(name).forEach((value) => sent.append(name, value));
    });
    return sent;
  }

  function acknowledged(sent, reply) {
    const refused = reply.refused || {};
    sent.forEach((number, name) => { if (changed.get(name) === number && !(name in refused)) changed.delete(name); });
    store();
    Object.entries(reply.fields || {}).forEach(([name, value]) => fields(name).forEach((field) => { field.value = value; }));
    if (reply.autosave_url) form.dataset.autosave = reply.autosave_url;
    if (reply.action) form.action = reply.action;
    if (reply.address) history.replaceState(null, "", reply.address);
    if (reply.upload_url) form.querySelectorAll("[data-upload]").forEach((part) => { part.dataset.uploadUrl = reply.upload_url; });
    const problems = Object.values(refused);
    tracker.say(status, [`Saved ${reply.saved_at || ""}`, ...problems].join(". Not saved: "), problems.length > 0);
    form.dispatchEvent(new CustomEvent("draft-saved", { detail: reply }));
  }

  async function save() {
    clearTimeout(timer);
    if (busy) { again = true; return; }
    busy = true;
    const sent = new Map(changed);
    tracker.say(status, "Saving …");
    try {
      acknowledged(sent, await tracker.post(form.dataset.autosave, body([...sent.keys()])));
      wait = 2000;
    } catch (problem) {
      tracker.say(status, problem.message, true);
      form.dispatchEvent(new CustomEvent("draft-failed", { detail: problem }));
      if (problem.kind !== "refused") {
        timer = setTimeout(save, wait);
        wait = Math.min(wait * 2, 60000);
      }
    }
    busy = false;
    if (held) { submitHeldForm(); return; }
    if (again) { again = false; if (changed.size) save(); }
  }

  function submitHeldForm() {
    const submitter = held;
    held = null;
    if (submitter) form.requestSubmit(submitter.button);
  }

  function restore() {
    let stored;
    try { stored = JSON.parse(localStorage.getItem(key)); } catch { return; }
    if (!stored) return;
    let different = false;
    Object.entries(stored.typed).forEach(([name, typed]) => {
      if (JSON.stringify(values(name)) === JSON.stringify(typed)) return;
      different = true;
      fields(name).forEach((field) => {
        if (["checkbox", "radio"].includes(field.type)) field.checked = typed.includes(field.value);
        else field.value = typed[0] ?? "";
      });
      changed.set(name, ++counter);
    });
    if (!different) return store();
    const line = document.createElement("p");
    line.className = "flash";
    const at = new Date(stored.at).toLocaleString("en-GB", { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
    line.textContent = `What you typed on ${at} was not saved. It has been restored below and is being saved now.`;
    line.setAttribute("role", "status");
    form.prepend(line);
    return save();
  }

  form.addEventListener("input", (event) => {
    const field = event.target;
    if (savable(field) && field.form === form) markChanged(field, ["checkbox", "radio"].includes(field.type));
  });
  form.addEventListener("change", (event) => {
    if (changed.has(event.target.name) && event.target.form === form) save();
  });
  form.addEventListener("save-now", save);
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    clearTimeout(timer);
    if (busy && !form.dataset.waited) {
      event.preventDefault();
      held = { button: event.submitter };
      setTimeout(() => { if (held) { form.dataset.waited = "yes"; submitHeldForm(); } }, 5000);   // a save that stalls does not block the form
      return;
    }
    store(true);   // base.js removes it on the next page, unless that is an error page
  });
  window.addEventListener("online", () => { if (changed.size) save(); });
  restore();
}

document.querySelectorAll("form[data-autosave]").forEach(autosave);

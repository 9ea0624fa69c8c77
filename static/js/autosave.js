/* Saves a form while it is typed, and keeps in the browser what is not saved yet.
   <form data-autosave="/evidence/7/draft" data-autosave-key="evidence-7"> … <p data-autosave-status></p>
   Sends, urlencoded: every changed field under its own name, `changed` = its name (a cleared checkbox appears
   only there), and the form's hidden inputs. Never password or file fields.
   Reply: {"saved_at": "10:42"}, and optionally "fields" {hidden input: new value}, "autosave_url", "autosave_key",
   "action" (the form's), "address" (the page's), "upload_url", "refused" {field: why it was not saved}.
   A form submitted during a save is sent after the reply, which may bring a version and an address.
   What the server has not acknowledged stays in localStorage under unsaved:<person>:<key>:<form> and is restored
   when the form is opened again. Other scripts: a "save-now" event on the form saves at once; "draft-saved"
   (detail: the reply) and "draft-failed" follow; "copy-restored" after the browser's copy was put into the form.
   A form without an address (data-autosave="") is kept in this browser only, until it is sent: nothing is saved on the
   server before. The event "copy-kept" on the document follows each of its changes (unsaved_choices.js counts them).
   <form> is the input `key` of a new item, or random: each open form has its own copy. It holds a lock of that name, so
   that another form does not take it over while this one is open. The copies of other new items (data-autosave-new
   says what they are) are offered, not restored. A form sent whole carries `save_id`: see base.js. */
"use strict";

function autosave(form) {
  const status = form.querySelector("[data-autosave-status]");
  const isLocal = !form.dataset.autosave;
  const person = `unsaved:${document.body.dataset.person}:`;
  const instance = form.elements.namedItem("key")?.value || tracker.randomId();
  const saveId = tracker.randomId();
  let base = person + (form.dataset.autosaveKey || location.pathname);
  let key = `${base}:${instance}`;
  const changed = new Map();   // name → number of the change, so that typing during a save is not lost
  let counter = 0, timer = 0, busy = false, again = false, held = null, wait = 2000;

  const fields = (name) => [...form.elements].filter((field) => field.name === name);
  const savable = (field) => field.name && field.name !== "csrf_token"
    && !["password", "file", "hidden", "submit", "button"].includes(field.type) && field.tagName !== "FIELDSET"
    && field.dataset.notKept === undefined;   // a code and a signature are typed anew
  const values = (name) => fields(name)
    .filter((field) => !["checkbox", "radio"].includes(field.type) || field.checked)
    .map((field) => field.value);

  /* The line keeps the height it had: what is below it would move away from a finger that is about to press it. */
  function report(sentence, problem = false) {
    if (status) status.style.minHeight = `${status.offsetHeight}px`;
    tracker.say(status, sentence, problem);
  }

  /* Held until the page goes: see isOpenElsewhere. */
  function lock() {
    navigator.locks?.request(key, () => new Promise(() => {})).catch(() => {});
  }

  /* Whether another open form has this copy. The page before this one may take a moment to let it go. */
  async function isOpenElsewhere(name) {
    if (!navigator.locks || name === key) return false;
    try {
      await navigator.locks.request(name, { signal: AbortSignal.timeout(1000) }, () => {});
      return false;
    } catch {
      return true;
    }
  }

  /* Carries the copy over to the item, which has its number now. */
  function moveTo(newKey) {
    try { localStorage.removeItem(key); } catch { /* as in store */ }
    base = person + newKey;
    key = `${base}:${instance}`;
    delete form.dataset.autosaveNew;
    lock();
    store();
  }

  /* Returns whether the browser keeps the copy: a private window may refuse, and then only the server has it. */
  function store(sent = "") {
    try {
      if (!changed.size) {
        localStorage.removeItem(key);
        return true;
      }
      const typed = Object.fromEntries([...changed.keys()].map((name) => [name, values(name)]));
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), sent, typed }));
      return true;
    } catch {
      return false;
    }
  }

  /* Keeps a form without an address, and says so. */
  function keepHere() {
    const isKept = store();
    report(isKept ? "Kept in this browser, not saved yet." : "Not saved yet, and this browser keeps no copy.", !isKept);
    document.dispatchEvent(new CustomEvent("copy-kept"));
  }

  function markChanged(field, soon) {
    changed.set(field.name, ++counter);
    if (isLocal) {
      keepHere();
      return;
    }
    store();
    clearTimeout(timer);
    timer = setTimeout(save, soon ? 0 : 800);
  }

  /* A value that the page filled in ([data-default]) is saved with the first change of the form. */
  function markDefaults() {
    form.querySelectorAll("[data-default]").forEach((field) => {
      delete field.dataset.default;
      if (!changed.has(field.name)) changed.set(field.name, ++counter);
    });
  }

  function body(names) {
    const sent = new URLSearchParams();
    form.querySelectorAll("input[type=hidden]").forEach((field) => {
      if (!["csrf_token", "save_id"].includes(field.name)) sent.append(field.name, field.value);
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
    if (reply.autosave_key && person + reply.autosave_key !== base) moveTo(reply.autosave_key);
    else store();
    Object.entries(reply.fields || {}).forEach(([name, value]) => fields(name).forEach((field) => { field.value = value; }));
    if (reply.autosave_url) form.dataset.autosave = reply.autosave_url;
    if (reply.action) form.action = reply.action;
    if (reply.address) history.replaceState(null, "", reply.address);
    if (reply.upload_url) form.querySelectorAll("[data-upload]").forEach((part) => { part.dataset.uploadUrl = reply.upload_url; });
    const problems = Object.values(refused);
    report([`Saved ${reply.saved_at || ""}`, ...problems].join(". Not saved: "), problems.length > 0);
    form.dispatchEvent(new CustomEvent("draft-saved", { detail: reply }));
  }

  async function save() {
    if (isLocal) return;
    clearTimeout(timer);
    if (busy) { again = true; return; }
    busy = true;
    markDefaults();
    const sent = new Map(changed);
    report("Saving …");
    try {
      acknowledged(sent, await tracker.post(form.dataset.autosave, body([...sent.keys()])));
      wait = 2000;
    } catch (problem) {
      report(problem.message, true);
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

  /* Puts a copy into the form, without what has been changed since; returns whether the form looks different now. */
  function putBack(stored) {
    let different = false;
    const isOnPage = (name) => !isLocal || fields(name).length > 0;   // a decision that can no longer be sampled has no field
    Object.entries(stored.typed).filter(([name]) => !changed.has(name) && isOnPage(name)).forEach(([name, typed]) => {
      changed.set(name, ++counter);
      if (JSON.stringify(values(name)) === JSON.stringify(typed)) return;
      different = true;
      fields(name).forEach((field) => {
        if (["checkbox", "radio"].includes(field.type)) field.checked = typed.includes(field.value);
        else field.value = typed[0] ?? "";
      });
    });
    return different;
  }

  function describe(at) {
    return new Date(at).toLocaleString("en-GB", { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
  }

  function showLine(sentence) {
    const line = document.createElement("p");
    line.className = "flash";
    line.textContent = sentence;
    line.setAttribute("role", "status");
    form.prepend(line);
    return line;
  }

  function takeOver(copies) {
    const newestFirst = copies.sort((one, other) => other.stored.at - one.stored.at);
    const different = newestFirst.map((copy) => putBack(copy.stored)).some(Boolean);
    copies.forEach((copy) => { if (copy.name !== key) localStorage.removeItem(copy.name); });
    form.dispatchEvent(new CustomEvent("copy-restored"));
    if (isLocal) {
      keepHere();
      return;
    }
    store();
    if (form.dataset.unsavedText !== undefined) return;   // the page says that it is not saved yet
    if (different) {
      const typed = `What you typed on ${describe(newestFirst[0].stored.at)}`;
      const line = showLine(`${typed} was not saved. It has been restored below.`);
      form.addEventListener("draft-saved", () => { line.textContent = `${typed} was not saved then. It has been restored below, and is saved now.`; }, { once: true });
    }
    if (changed.size) save();
  }

  function offer(copy) {
    const line = showLine(`What you typed for ${form.dataset.autosaveNew} on ${describe(copy.stored.at)} was not saved. `);
    const add = (label, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "as-link";
      button.textContent = label;
      button.addEventListener("click", () => { line.remove(); act(); });
      line.append(button, " ");
    };
    add("Restore it here", () => takeOver([copy]));
    add("Delete it", () => localStorage.removeItem(copy.name));
  }

  async function restore() {
    const copies = [];
    for (const name of tracker.kept().filter((each) => each === base || each.startsWith(`${base}:`))) {
      try {
        const stored = JSON.parse(localStorage.getItem(name));
        if (stored && !(await isOpenElsewhere(name))) copies.push({ name, stored });
      } catch { /* not a copy that this version wrote */ }
    }
    const isOther = (copy) => form.dataset.autosaveNew && copy.name !== key;
    copies.filter(isOther).forEach(offer);
    const own = copies.filter((copy) => !isOther(copy));
    if (own.length) takeOver(own);
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
    if (!form.elements.namedItem("save_id")) {
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: "save_id", value: saveId });
      form.append(field);
    }
    store(saveId);   // base.js removes it once the server has confirmed this save
  });
  window.addEventListener("online", () => { if (changed.size) save(); });
  document.addEventListener("token-refreshed", () => { if (changed.size && form.dataset.unsavedText === undefined) save(); });
  lock();
  (form.dataset.unsavedText || "").split(" ").filter(Boolean).forEach((name) => changed.set(name, ++counter));
  restore();
}

document.querySelectorAll("form[data-autosave]").forEach(autosave);

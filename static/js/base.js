/* On every page. Marks the page as scripted (html.js), sends things to the server for the other files
   (tracker.post), and small comforts:
   [data-show-password] > input     gets a button Show / Hide
   textarea[data-grow]              grows where the browser cannot do it by itself
   [data-print]                     prints the page
   [data-focus]                     takes the focus when the page opens (the error summary)
   [data-undo-seconds]              goes when its time is over
   form[data-sign-out]              clears what this browser kept of unsaved typing
   every form                       is not sent twice; data-again on a form that may be */
"use strict";

document.documentElement.classList.add("js");

const tracker = {
  offline: "Not saved: there is no connection. It is kept in this browser and will be sent when the connection is back.",
  signedOut: "Not saved: you have been signed out. Open another window, sign in there, then continue here.",

  token() {
    const meta = document.querySelector("meta[name=csrf-token]");
    return meta ? meta.content : "";
  },

  headers() {
    return { Accept: "application/json", "X-CSRFToken": this.token(), "X-Requested-With": "fetch" };
  },

  /* Posts and gives back the reply's JSON. What goes wrong is an Error whose message is the sentence to
     show and whose kind is "offline", "signed-out" or "refused". */
  async post(address, body) {
    let reply;
    try {
      reply = await fetch(address, { method: "POST", headers: this.headers(), body, redirect: "manual" });
    } catch {
      throw Object.assign(new Error(this.offline), { kind: "offline" });
    }
    if (reply.type === "opaqueredirect" || reply.status === 401) {
      throw Object.assign(new Error(this.signedOut), { kind: "signed-out" });
    }
    const said = await reply.json().catch(() => ({}));
    if (!reply.ok) {
      const kind = reply.status >= 500 ? "offline" : "refused";
      const sentence = said.message || "Not saved: the server could not save it. Try again.";
      throw Object.assign(new Error(sentence), { kind });
    }
    return said;
  },

  say(place, sentence, problem = false) {
    if (!place) return;
    place.textContent = sentence;
    place.classList.toggle("problem", problem);
  },

  counted(number, singular, plural) {
    return `${number} ${number === 1 ? singular : plural}`;
  },

  /* What autosave.js keeps in this browser until the server has it. */
  kept() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith("unsaved:"));
    } catch {
      return [];
    }
  },
};
window.tracker = tracker;

function offerToShow(box) {
  const input = box.querySelector("input");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-outline-primary";
  button.textContent = "Show";
  button.setAttribute("aria-label", "Show the password");
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.textContent = show ? "Hide" : "Show";
    button.setAttribute("aria-label", show ? "Hide the password" : "Show the password");
  });
  input.form?.addEventListener("submit", () => { input.type = "password"; });
  box.append(button);
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 4}px`;
}

document.querySelectorAll("[data-show-password]").forEach(offerToShow);
document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => window.print()));
document.querySelector("[data-focus]")?.focus();
document.querySelectorAll("[data-undo-seconds]").forEach((part) => {
  setTimeout(() => part.remove(), Number(part.dataset.undoSeconds) * 1000);
});

if (!CSS.supports("field-sizing", "content")) {
  document.querySelectorAll("textarea[data-grow]").forEach((area) => {
    area.addEventListener("input", () => grow(area));
    grow(area);
  });
}

/* A form that was sent whole has been taken or shown again with what was typed; only an error page says
   neither. */
if (!document.querySelector("[data-error-page]")) {
  tracker.kept().filter((key) => localStorage.getItem(key).includes('"sent":true')).forEach((key) => localStorage.removeItem(key));
}

function signOut(event) {
  const mine = tracker.kept().filter((key) => key.startsWith(`unsaved:${document.body.dataset.person}:`));
  const question = "Some of what you typed is not saved yet. Signing out removes it from this browser. Sign out?";
  if (mine.length && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  tracker.kept().forEach((key) => localStorage.removeItem(key));
}
document.querySelectorAll("form[data-sign-out]").forEach((form) => form.addEventListener("submit", signOut));

/* Last in line, so that whoever holds a form back (upload.js) is heard first. Buttons stay usable to the
   browser: a disabled one would not send its name. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "get" || "again" in form.dataset) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.querySelectorAll("button:not([type=button])").forEach((button) => button.setAttribute("aria-disabled", "true"));
  setTimeout(() => sendable(form), 8000);
});

function sendable(form) {
  delete form.dataset.sent;
  form.querySelectorAll("button[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
}
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(sendable));

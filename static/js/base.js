/* On every page. Marks the page as scripted (html.js), sends things to the server for the other files
   (tracker.post), and small comforts:
   [data-show-password] > input     gets a button Show / Hide
   textarea[data-grow]              grows where the browser cannot do it by itself
   [data-print]                     prints the page
   [data-focus]                     takes the focus when the page opens (the error summary)
   [data-scroll-hint]               is shown while the part after it is wider than its place, and scrolls sideways
   [data-undo-seconds]              goes when its time is over
   img.preview, img.thumbnail       is requested again when it could not be loaded
   [data-forget="key"]              drops what this browser kept of the form with that key: it cannot be sent any more
   form[data-sign-out]              clears what this browser kept of unsaved typing
   every form                       is not sent twice; data-again on a form that may be */
"use strict";

document.documentElement.classList.add("js");

const tracker = {
  offline: "Not saved: there is no connection. It is kept in this browser and will be sent when the connection is back.",
  signedOut: "Not saved: you have been signed out. Open another window, sign in there, then continue here.",
  tokenAt: Date.now(),   // when this page got its CSRF token

  token() {
    const meta = document.querySelector("meta[name=csrf-token]");
    return meta ? meta.content : "";
  },

  /* Gets a fresh CSRF token for this page and its forms; false if nobody, or another person, is signed in now. */
  async refreshToken() {
    const meta = document.querySelector("meta[name=csrf-token]");
    if (!meta?.dataset.refreshUrl) return false;
    const headers = { Accept: "application/json" };
    const said = await fetch(meta.dataset.refreshUrl, { headers, redirect: "manual" })
      .then((reply) => (reply.ok ? reply.json() : null)).catch(() => null);
    if (!said || String(said.person) !== document.body.dataset.person) return false;
    meta.content = said.token;
    document.querySelectorAll("input[name=csrf_token]").forEach((field) => { field.value = said.token; });
    this.tokenAt = Date.now();
    return true;
  },

  randomId() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  },

  headers() {
    return { Accept: "application/json", "X-CSRFToken": this.token(), "X-Requested-With": "fetch" };
  },

  /* Posts and gives back the reply's JSON. What goes wrong is an Error whose message is the sentence to
     show and whose kind is "offline", "signed-out" or "refused". */
  async post(address, body, isRetry = false) {
    let reply;
    try {
      reply = await fetch(address, { method: "POST", headers: this.headers(), body, redirect: "manual" });
    } catch {
      throw Object.assign(new Error(this.offline), { kind: "offline" });
    }
    if (reply.type === "opaqueredirect" || reply.status === 401) {
      this.isSignedOut = true;
      throw Object.assign(new Error(this.signedOut), { kind: "signed-out" });
    }
    const said = await reply.json().catch(() => ({}));
    if (said.expired) {
      if (!isRetry && await this.refreshToken()) return this.post(address, body, true);
      throw Object.assign(new Error(this.signedOut), { kind: "signed-out" });
    }
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

/* On a phone the tabs are one line that scrolls: the current one is in view. */
document.querySelectorAll(".tabs ul").forEach((list) => {
  const current = list.querySelector("[aria-current]");
  if (current) list.scrollLeft = current.offsetLeft + current.offsetWidth - list.offsetLeft - list.clientWidth;
});

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
document.querySelectorAll("[data-scroll-hint]").forEach((hint) => {
  const box = hint.nextElementSibling;
  new ResizeObserver(() => { hint.hidden = box.scrollWidth <= box.clientWidth; }).observe(box);
});
document.querySelectorAll("[data-undo-seconds]").forEach((part) => {
  setTimeout(() => part.remove(), Number(part.dataset.undoSeconds) * 1000);
});

if (!CSS.supports("field-sizing", "content")) {
  document.querySelectorAll("textarea[data-grow]").forEach((area) => {
    area.addEventListener("input", () => grow(area));
    grow(area);
  });
}

/* A form that was sent whole is saved when the server says so, by a cookie with the id of that save. Nothing else
   says it: the next page may be the sign-in page. */
document.cookie.split("; ").filter((cookie) => /^(__Host-)?saved-/.test(cookie)).forEach((cookie) => {
  const name = cookie.split("=")[0];
  const isSaved = (key) => localStorage.getItem(key).includes(`"sent":"${name.slice(name.indexOf("saved-") + "saved-".length)}"`);
  tracker.kept().filter(isSaved).forEach((key) => localStorage.removeItem(key));
  document.cookie = `${name}=; Max-Age=0; Path=/; SameSite=Lax${location.protocol === "https:" ? "; Secure" : ""}`;
});

document.querySelectorAll("[data-forget]").forEach((end) => {
  tracker.kept().filter((key) => key.includes(`:${end.dataset.forget}:`)).forEach((key) => localStorage.removeItem(key));
});

/* The person may have signed in again in another window meanwhile. */
async function onReturn() {
  if (document.visibilityState !== "visible" || !document.body.dataset.person) return;
  if (Date.now() - tracker.tokenAt < 60000 && !tracker.isSignedOut) return;
  tracker.isSignedOut = !(await tracker.refreshToken());
  if (!tracker.isSignedOut) document.dispatchEvent(new CustomEvent("token-refreshed"));
}
document.addEventListener("visibilitychange", onReturn);
window.addEventListener("focus", onReturn);

/* Many new previews at once exceed what the server makes for one person at a time (429, 503). */
function retryImage(image) {
  const tries = Number(image.dataset.tries || 0);
  if (!image.matches("img.preview, img.thumbnail") || tries >= 10) return;
  image.dataset.tries = tries + 1;
  setTimeout(() => { image.src = image.getAttribute("src"); }, 1000 * (1 + tries + Math.random()));
}
document.addEventListener("error", (event) => event.target instanceof HTMLImageElement && retryImage(event.target), true);
document.querySelectorAll("img").forEach((image) => {
  if (image.complete && !image.naturalWidth && image.getAttribute("src")) retryImage(image);
});

function signOut(event) {
  const mine = tracker.kept().filter((key) => key.startsWith(`unsaved:${document.body.dataset.person}:`));
  const question = "Some of what you typed or recorded is not saved yet. Signing out removes it from this browser. Sign out?";
  if (mine.length && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  tracker.kept().forEach((key) => localStorage.removeItem(key));
  window.indexedDB?.deleteDatabase("recordings");   // recorder.js keeps there what is not sent yet
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
  submitButtons(form).forEach((button) => button.setAttribute("aria-disabled", "true"));
  setTimeout(() => sendable(form), 8000);
});

function sendable(form) {
  delete form.dataset.sent;
  submitButtons(form).forEach((button) => button.removeAttribute("aria-disabled"));
}

/* Those outside the form too, which name it by their attribute form. */
function submitButtons(form) {
  return [...form.elements].filter((each) => each.matches("button:not([type=button])"));
}
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(sendable));

/* Passkeys: form[data-passkey="create" or "get"] with data-passkey-question, the address that says what the
   authenticator is to be asked. Its answer goes into the form's hidden field `credential`, and the form is sent.
   [data-passkey-status] says what is going on. */
"use strict";

(function passkeys() {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const described = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  function asked(question) {
    return {
      ...question,
      challenge: bytes(question.challenge),
      ...(question.user && { user: { ...question.user, id: bytes(question.user.id) } }),
      ...(question.excludeCredentials && { excludeCredentials: described(question.excludeCredentials) }),
      ...(question.allowCredentials && { allowCredentials: described(question.allowCredentials) }),
    };
  }

  function answered(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    const { id, type } = credential;
    return JSON.stringify({ id, rawId: text(credential.rawId), type, response, clientExtensionResults: {} });
  }

  function why(error) {
    if (error.kind === "refused") return error.message;
    if (error.kind === "signed-out") return "You have been signed out. Reload the page and sign in again.";
    if (error.kind === "offline") return "There is no connection to the server. Check your connection, then try again.";
    if (error.name === "InvalidStateError") return "This device already has a passkey for this site.";
    if (error.name === "SecurityError") return "Passkeys do not work at this address. Use another method.";
    return "No passkey answered. Try again, or use another method.";
  }

  async function ask(form) {
    const status = form.querySelector("[data-passkey-status]");
    tracker.say(status, "Confirm on your device.");
    try {
      const question = asked(await tracker.post(form.dataset.passkeyQuestion, new FormData(form)));
      const credential = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: question })
        : await navigator.credentials.get({ publicKey: question });
      form.elements.credential.value = answered(credential);
    } catch (error) {
      tracker.say(status, why(error), true);
      return;
    }
    form.submit();
  }

  document.querySelectorAll("form[data-passkey]").forEach((form) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (form.dataset.asking) return;
      if (!window.PublicKeyCredential) {
        tracker.say(form.querySelector("[data-passkey-status]"), "This browser does not support passkeys. Use another method.", true);
        return;
      }
      form.dataset.asking = "yes";
      ask(form).finally(() => { delete form.dataset.asking; });
    });
  });
}());

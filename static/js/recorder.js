/* Records a discussion in the browser. What is recorded is kept on this device in pieces of a few seconds until the server
   has it, so that a closed tab or a lost connection loses nothing; then it is deleted here. base.js deletes the rest when
   the person signs out.
   <div data-recorder> holds [data-record], [data-pause], [data-stop], [data-recorded] for the time, meter[data-level] and
   [data-recorder-status]. It uses window.tracker.parts (parts.js) and the addresses of [data-parts].
   tracker.recorder: {now()}: the recording that runs, by its number, and its second; null while none runs. */
"use strict";

document.querySelectorAll("[data-recorder]").forEach((box) => {
  const { parts } = window.tracker;
  const find = (name) => box.querySelector(`[data-${name}]`);
  const status = find("recorder-status"), level = find("level"), person = document.body.dataset.person;
  const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
  const PIECE = 1000, MIN_PART = 48 * 1024;   // milliseconds of a piece; bytes from which a part is sent while recording
  let run = null;   // {key, recorder, elapsed, since, isEnded}

  const request = (made) => new Promise((resolve, reject) => {
    made.onsuccess = () => resolve(made.result);
    made.onerror = () => reject(made.error);
  });
  const opened = (() => {
    if (!window.indexedDB) return Promise.reject(new Error("no store"));
    const made = indexedDB.open("recordings", 1);
    made.onupgradeneeded = () => {
      made.result.createObjectStore("recordings", { keyPath: "key" });
      made.result.createObjectStore("pieces", { keyPath: ["key", "number"] });
    };
    return request(made).then((store) => { store.onversionchange = () => store.close(); return store; });
  })();
  opened.catch(() => {});

  async function act(name, mode, change) {
    const transaction = (await opened).transaction(name, mode, { durability: "strict" });
    const result = await change(transaction.objectStore(name));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
    return result;
  }
  const piecesOf = (key) => IDBKeyRange.bound([key, 0], [key, Infinity]);
  const listPieces = (key) => act("pieces", "readonly", (store) => request(store.getAll(piecesOf(key))));
  const putPieces = (pieces) => act("pieces", "readwrite", (store) => { pieces.forEach((each) => store.put(each)); });
  const deletePieces = (pieces) => act("pieces", "readwrite", (store) => { pieces.forEach((each) => store.delete([each.key, each.number])); });

  /* base.js asks before somebody signs out while such a mark is there, and removes it with everything else. */
  const mark = (key) => `unsaved:${person}:recording:${key}`;
  function setMark(key, isKept) {
    try {
      if (isKept) localStorage.setItem(mark(key), JSON.stringify({ at: Date.now(), sent: "", typed: {} }));
      else localStorage.removeItem(mark(key));
    } catch { /* a private window may refuse */ }
  }

  async function forget(key) {
    await act("pieces", "readwrite", (store) => { store.delete(piecesOf(key)); });
    await act("recordings", "readwrite", (store) => { store.delete(key); });
    setMark(key, false);
  }

  /* The next part: pieces that were tried as this part before, or else new ones, which are marked before they are sent.
     So a part that arrived although its answer was lost is never sent again as another one. */
  async function takePart(key, number, isEnded) {
    const pieces = await listPieces(key);
    await deletePieces(pieces.filter((each) => each.part !== undefined && each.part < number));
    const tried = pieces.filter((each) => each.part === number);
    if (tried.length) return tried;
    const fresh = pieces.filter((each) => each.part === undefined), taken = [];
    let size = 0;
    for (const each of fresh) {
      if (taken.length && size + each.blob.size > parts.partSize) break;
      taken.push(each);
      size += each.blob.size;
    }
    if (!taken.length || (!isEnded() && size < MIN_PART)) return [];
    taken.forEach((each) => { each.part = number; });
    await putPieces(taken);
    return taken;
  }

  /* Sends what is kept of a recording, while it runs and after it ended, and adds it to the record. */
  async function send(kept, isEnded) {
    const row = { say: (sentence) => window.tracker.say(status, sentence), isStopped: false, lost: "No connection. The recording is kept on this device, and sent when the connection is back." };
    let at = await parts.post(parts.url, { key: kept.key }, row);
    for (;;) {
      const pieces = await takePart(kept.key, at.parts, isEnded);
      if (pieces.length) {
        const part = new Blob(pieces.map((each) => each.blob));
        at = await parts.post(`${parts.url}/${at.upload}/parts`, { number: at.parts, part }, row);
        if (at.has_ended) break;
      } else if (isEnded()) {
        break;
      } else {
        await new Promise((resolve) => { setTimeout(resolve, PIECE); });
      }
    }
    if (!at.parts && !at.has_ended) { await forget(kept.key); return false; }
    row.say("Checking the recording");
    await parts.post(`${parts.url}/${at.upload}/finish`, { parts: at.parts, name: kept.name }, row);
    await forget(kept.key);
    return true;
  }

  async function deliver(kept, isEnded) {
    try {
      const isAdded = await send(kept, isEnded);
      window.tracker.say(status, isAdded ? "The recording is added." : "");
      if (isAdded && !run) parts.openAnew();
    } catch (problem) {
      window.tracker.say(status, `The recording was not added: ${problem.message} What was not sent is kept on this device. `, true);
      offerToDelete(kept.key);
    }
  }

  function offerToDelete(key) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "as-link";
    button.textContent = "Delete it from this device";
    button.addEventListener("click", async () => {
      if (!window.confirm("Delete what is kept of the recording on this device? You cannot undo this.")) return;
      await forget(key);
      window.tracker.say(status, "Deleted from this device.");
    });
    status.append(button);
  }

  function seconds() {
    return run.elapsed + (run.since ? (performance.now() - run.since) / 1000 : 0);
  }

  function showState() {
    const state = run?.recorder.state || "inactive";
    find("record").hidden = state !== "inactive";
    find("pause").hidden = state === "inactive";
    find("stop").hidden = state === "inactive";
    find("pause").textContent = state === "paused" ? "Continue recording" : "Pause recording";
    box.classList.toggle("is-recording", state === "recording");
  }

  function showLevel(stream) {
    const context = new AudioContext(), analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    analyser.fftSize = 512;
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      if (!run || run.recorder.state === "inactive") {
        clearInterval(timer);
        context.close();
        level.value = 0;
        return;
      }
      analyser.getFloatTimeDomainData(samples);
      level.value = run.recorder.state === "recording" ? Math.min(1, 3 * Math.max(...samples.map(Math.abs))) : 0;
      find("recorded").textContent = window.tracker.player.clock(seconds());
    }, 200);
  }

  function nameOf(type) {
    const at = new Date().toLocaleString("sv-SE", { timeZone: "Europe/London" }).replace(" ", " at ").replaceAll(":", ".");
    return `Discussion ${at}.${type.includes("mp4") ? "m4a" : type.includes("ogg") ? "ogg" : "webm"}`;
  }

  async function start() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      window.tracker.say(status, "The browser did not give access to a microphone. Allow it in the browser’s settings for this page, or upload a recording.", true);
      return;
    }
    const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each)) || "";
    const recorder = new MediaRecorder(stream, { ...(type && { mimeType: type }), audioBitsPerSecond: 48000 });
    const kept = { key: window.tracker.randomId(), person, address: parts.url, name: nameOf(recorder.mimeType || type) };
    let number = 0, isStored = true, writing = Promise.resolve();
    try {
      await act("recordings", "readwrite", (store) => { store.put(kept); });
    } catch {
      stream.getTracks().forEach((track) => track.stop());
      window.tracker.say(status, "This browser keeps nothing for this page, so a recording could be lost. Leave the private window, or upload a recording.", true);
      return;
    }
    setMark(kept.key, true);
    run = { key: kept.key, recorder, elapsed: 0, since: performance.now(), isEnded: false };
    const current = run;
    navigator.locks?.request(mark(kept.key), () => new Promise((resolve) => { current.release = resolve; })).catch(() => {});
    recorder.addEventListener("dataavailable", ({ data }) => {
      if (!data.size) return;
      const piece = { key: kept.key, number: number++, blob: data };
      writing = writing.then(() => putPieces([piece])).catch(() => {
        if (isStored) window.tracker.say(status, "This device has no room left. Stop the recording; what was recorded before is kept.", true);
        isStored = false;
      });
    });
    recorder.addEventListener("stop", async () => {
      stream.getTracks().forEach((track) => track.stop());
      await writing;
      current.isEnded = true;
      if (run === current) run = null;
      showState();
    });
    recorder.start(PIECE);
    window.tracker.say(status, "Recording. It is kept on this device and sent as you speak.");
    showState();
    showLevel(stream);
    await deliver(kept, () => current.isEnded);
    current.release?.();
  }

  function pause() {
    if (run.recorder.state === "recording") {
      run.elapsed = seconds();
      run.since = 0;
      run.recorder.pause();
    } else {
      run.since = performance.now();
      run.recorder.resume();
    }
    showState();
  }

  /* What another visit of this page left: it was closed while it recorded or sent. */
  async function sendLeft() {
    const all = await act("recordings", "readonly", (store) => request(store.getAll())).catch(() => []);
    for (const kept of all.filter((each) => each.person === person && each.address === parts.url)) {
      const isFree = !navigator.locks || await navigator.locks.request(mark(kept.key), { ifAvailable: true }, (lock) => Boolean(lock));
      if (!isFree) continue;
      window.tracker.say(status, "A recording from before is being sent.");
      await deliver(kept, () => true);
    }
  }

  if (!navigator.mediaDevices || !window.MediaRecorder) return;
  box.hidden = false;
  find("record").addEventListener("click", start);
  find("pause").addEventListener("click", pause);
  find("stop").addEventListener("click", () => run.recorder.stop());
  window.addEventListener("pagehide", () => { if (run?.recorder.state !== "inactive") run?.recorder.stop(); });
  window.addEventListener("beforeunload", (event) => { if (run) event.preventDefault(); });
  window.tracker.recorder = {
    now: () => (run ? { recording: window.tracker.player.media.length + 1, second: Math.floor(seconds()) } : null),
  };
  showState();
  sendLeft();
});

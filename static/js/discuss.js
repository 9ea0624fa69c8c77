/* Stamps on the page of a professional discussion. A press on Stamp adds the line "12:31 i" with the present second of the
   recording; the key s adds the time alone, to be completed. autosave.js saves what changed.
   <form data-discuss> holds textarea[name=stamped_times]; each [data-stamp-row] a button[data-mark] and
   [data-stamp-times], in a [data-stamp-unit] with [data-stamp-count]. [data-stamp-status] says what was stamped, with a
   button that undoes it. [data-timeline] shows the stamps of the recording that plays. */
"use strict";

document.querySelectorAll("form[data-discuss]").forEach((form) => {
  const { player } = window.tracker;
  const lines = form.elements.namedItem("stamped_times");
  const status = form.querySelector("[data-stamp-status]");
  const timeline = form.querySelector("[data-timeline]");
  const rows = [...form.querySelectorAll("[data-stamp-row]")].map((row) => ({
    row, mark: row.querySelector("[data-mark]").dataset.mark, times: row.querySelector("[data-stamp-times]"),
  }));
  const pattern = /^\s*((?:([1-9]\d?)\/)?(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d))\s+(.{1,200})$/;

  function readLines() {
    return lines.value.split("\n").map((line) => line.match(pattern)).filter(Boolean).map((match) => ({
      at: match[1], recording: Number(match[2] || 1), second: Number(match[3] || 0) * 3600 + Number(match[4]) * 60 + Number(match[5]),
      marks: match[6].split(",").map((mark) => mark.trim().replace(/\s+/g, " ")).filter(Boolean),
    }));
  }

  function createPlayLink(line, text) {
    const link = document.createElement("a");
    link.className = "play";
    link.href = `${player.media[line.recording - 1]?.getAttribute("src") || ""}#t=${line.second}`;
    link.dataset.play = line.second;
    link.dataset.playRecording = line.recording;
    link.textContent = text;
    return link;
  }

  function drawTimeline(stamped) {
    const current = player.current();
    if (!timeline || !current || !Number.isFinite(current.duration)) return;
    timeline.hidden = false;
    const played = document.createElement("span");
    played.className = "played";
    played.style.width = `${(100 * current.currentTime) / current.duration}%`;
    const recording = Number(current.dataset.recording);
    const marks = stamped.filter((line) => line.recording === recording && line.second <= current.duration).map((line) => {
      const link = createPlayLink(line, line.marks.join(", "));
      link.style.left = `${(100 * line.second) / current.duration}%`;
      link.tabIndex = -1;
      return link;
    });
    timeline.replaceChildren(played, ...marks);
  }

  function show() {
    const stamped = readLines(), times = new Map();
    stamped.forEach((line) => line.marks.forEach((mark) => times.set(mark, [...(times.get(mark) || []), line])));
    rows.forEach(({ mark, times: place }) => {
      place.replaceChildren(...(times.get(mark) || []).flatMap((line) => [createPlayLink(line, line.at), " "]));
    });
    form.querySelectorAll("[data-stamp-unit]").forEach((unit) => {
      const count = [...unit.querySelectorAll("[data-stamp-times]")].filter((place) => place.textContent).length;
      unit.querySelector("[data-stamp-count]").textContent = count;
    });
    drawTimeline(stamped);
  }

  function setLines(text) {
    lines.value = text;
    lines.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  }

  /* The present second of what is being recorded, or else of what is played. */
  function typedTime() {
    const current = player.current();
    const at = window.tracker.recorder?.now() || (current && { recording: Number(current.dataset.recording), second: current.currentTime });
    return at && `${at.recording > 1 ? `${at.recording}/` : ""}${player.clock(at.second)}`;
  }

  /* A criterion stamped at the second of the last line joins that line: 12:31 i, 8. */
  function addMark(at, mark) {
    const text = lines.value.replace(/\s+$/, "");
    const last = text.slice(text.lastIndexOf("\n") + 1);
    if (last.startsWith(`${at} `)) return `${text}, ${mark}\n`;
    return `${text}${text ? "\n" : ""}${at} ${mark}\n`;
  }

  function stamp(mark) {
    const at = typedTime();
    if (!at) {
      window.tracker.say(status, "Record, or add a recording, first. Nothing was stamped.", true);
      return;
    }
    const before = lines.value;
    setLines(addMark(at, mark));
    const after = lines.value, button = document.createElement("button");
    button.type = "button";
    button.className = "as-link";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      if (lines.value !== after) { status.textContent = "You have typed since. Delete the time in its line."; return; }
      setLines(before);
      status.textContent = "The stamp is undone.";
    });
    status.classList.remove("problem");
    status.replaceChildren(`Stamped ${mark} at ${at}. `, button);
  }

  function addTime() {
    const at = typedTime();
    if (!at) return;
    const text = lines.value.replace(/\s+$/, "");
    setLines(`${text}${text ? "\n" : ""}${at} `);
    lines.focus();
    lines.setSelectionRange(lines.value.length, lines.value.length);
  }

  rows.forEach(({ row, mark }) => row.querySelector("[data-mark]").addEventListener("click", (event) => {
    event.preventDefault();
    stamp(mark);
  }));
  lines.addEventListener("input", show);
  form.addEventListener("copy-restored", show);
  document.addEventListener("player-changed", () => drawTimeline(readLines()));
  window.tracker.addShortcuts([
    { keys: ["s"], label: "Add the time to the list, to type its criterion", act: addTime },
    { keys: ["p"], label: "Play or pause", act: player.toggle },
    { keys: [","], label: "15 seconds back", act: () => player.skip(-15) },
    { keys: ["."], label: "15 seconds on", act: () => player.skip(15) },
  ]);
  show();
});

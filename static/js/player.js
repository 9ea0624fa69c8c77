/* Plays recordings from the times of a discussion.
   audio or video[data-recording] is a recording by its number. a[data-play="751"][data-play-recording="1"] plays it from
   that second; without this script the link opens the file in the browser's own player.
   [data-player] holds [data-toggle], [data-skip] (seconds), [data-speed], [data-now] and [data-length].
   tracker.player: {media, current(), play(recording, second), clock(seconds)}, for discuss.js. The event "player-changed"
   on the document follows a new time, length or recording. */
"use strict";

window.tracker.player = (() => {
  const media = [...document.querySelectorAll("[data-recording]")];
  const bar = document.querySelector("[data-player]");
  let current = media[0] || null;

  const number = (element) => Number(element.dataset.recording);
  const changed = () => document.dispatchEvent(new CustomEvent("player-changed"));

  function clock(seconds) {
    const whole = Math.floor(seconds), two = (part) => String(part).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  }

  function once(element, ...events) {
    return new Promise((resolve) => {
      const done = () => { events.forEach((name) => element.removeEventListener(name, done)); resolve(); };
      events.forEach((name) => element.addEventListener(name, done));
    });
  }

  /* A file that a browser recorded does not say how long it is: only after its end was looked for can it be searched. */
  async function makeSeekable(element) {
    if (element.readyState < 1) {
      element.preload = "metadata";
      element.load();
      await once(element, "loadedmetadata", "error");
    }
    if (element.error || Number.isFinite(element.duration) || element.dataset.isSeekable) return;
    element.dataset.isSeekable = "yes";
    const isMuted = element.muted;
    element.muted = true;
    element.currentTime = 1e7;
    await Promise.race([once(element, "durationchange", "error"), new Promise((resolve) => { setTimeout(resolve, 15000); })]);
    element.currentTime = 0;
    element.muted = isMuted;
  }

  async function play(recording, second) {
    const element = media.find((each) => number(each) === recording);
    if (!element) return;
    if (current && current !== element) current.pause();
    current = element;
    await makeSeekable(element);
    element.currentTime = second;
    element.playbackRate = Number(bar?.querySelector("[data-speed]").dataset.speed || 1);
    element.play().catch(() => {});   // the browser may want a press on its own button first
    changed();
  }

  function show() {
    if (!bar || !current) return;
    bar.querySelector("[data-now]").textContent = clock(current.currentTime);
    bar.querySelector("[data-length]").textContent = Number.isFinite(current.duration) ? clock(current.duration) : "–";
    bar.querySelector("[data-toggle]").textContent = current.paused ? "Play" : "Pause";
  }

  function toggle() {
    if (!current) return;
    if (current.paused) play(number(current), current.ended ? 0 : current.currentTime);
    else current.pause();
  }

  function skip(seconds) {
    if (!current) return;
    const end = Number.isFinite(current.duration) ? current.duration : Infinity;
    current.currentTime = Math.min(end, Math.max(0, current.currentTime + seconds));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-play]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !media.length) return;
    event.preventDefault();
    play(Number(link.dataset.playRecording), Number(link.dataset.play));
    document.querySelectorAll("a.playing").forEach((old) => old.classList.remove("playing"));
    link.classList.add("playing");
  });
  media.forEach((element) => {
    element.addEventListener("play", () => {
      media.filter((other) => other !== element).forEach((other) => other.pause());
      current = element;
    });
    ["play", "pause", "timeupdate", "durationchange", "seeked"].forEach((name) => element.addEventListener(name, () => { show(); changed(); }));
    if (bar) makeSeekable(element).then(() => { show(); changed(); });
  });
  bar?.querySelector("[data-toggle]").addEventListener("click", toggle);
  bar?.querySelectorAll("[data-skip]").forEach((button) => button.addEventListener("click", () => skip(Number(button.dataset.skip))));
  bar?.querySelector("[data-speed]").addEventListener("click", (event) => {
    const speeds = ["1", "1.25", "1.5", "2", "0.75"], button = event.currentTarget;
    button.dataset.speed = speeds[(speeds.indexOf(button.dataset.speed) + 1) % speeds.length];
    button.textContent = `Speed ${button.dataset.speed}×`;
    media.forEach((each) => { each.playbackRate = Number(button.dataset.speed); });
  });

  return { media, current: () => current, play, toggle, skip, clock };
})();

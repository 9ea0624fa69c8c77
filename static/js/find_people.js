/* input[data-find-people="id of a select"] fills that list with the people whose name or address contains what is typed.
   data-find-url answers with {people: [[id, words], …], has_more}. Without this script the button Find does the same. */
"use strict";

const PAUSE = 250;   // milliseconds without a key before the server is asked

document.querySelectorAll("[data-find-people]").forEach((input) => {
  const list = document.getElementById(input.dataset.findPeople);
  const status = document.querySelector(`[data-found="${input.name}"]`);
  let timer = 0, asked = 0;

  const show = ({ people, has_more: hasMore }) => {
    const keep = [...list.options].filter((option) => option.selected || option === list.options[0]);
    const kept = new Set(keep.map((option) => option.value));
    list.replaceChildren(...keep, ...people.filter(([id]) => !kept.has(id)).map(([id, words]) => new Option(words, id)));
    status.textContent = hasMore ? "More people match than are shown. Enter more of the name."
      : people.length ? `${people.length} found` : "Nobody matches.";
  };

  const ask = async () => {
    const number = ++asked;
    const found = await fetch(`${input.dataset.findUrl}?q=${encodeURIComponent(input.value)}`)
      .then((answer) => answer.json()).catch(() => null);   // no connection, or the page to sign in
    if (number !== asked) return;
    if (found?.people) show(found);
    else status.textContent = "The search did not work. Press Find to try again.";
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value.trim()) timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();   // it would send the form around it
  });
});

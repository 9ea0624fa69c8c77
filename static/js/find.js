/* input[data-find="id"] hides the [data-row] elements inside that element without the words typed in it.
   A row with something ticked stays, so that nothing is sent unseen. */
"use strict";

document.querySelectorAll("[data-find]").forEach((input) => input.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault();   // it would send the form around it
}));

document.querySelectorAll("[data-find]").forEach((input) => input.addEventListener("input", () => {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  document.getElementById(input.dataset.find).querySelectorAll("[data-row]").forEach((row) => {
    const text = row.textContent.toLowerCase();
    row.hidden = !row.querySelector(":checked") && !words.every((word) => text.includes(word));
  });
}));

/* Shows the parts of a form that belong to the chosen method of evidence. A part in which something is entered stays.
   <details data-methods="witness_testimony expert_witness"> in a form with the field `method`. */
"use strict";

function showForMethod(part) {
  const form = part.closest("form");
  const methods = part.dataset.methods.split(" ");

  function update() {
    const isChosen = methods.includes(form.elements.namedItem("method").value);
    const isFilled = [...part.querySelectorAll("input")].some((field) => field.value);
    part.hidden = !isChosen && !isFilled;
    if (isChosen) part.open = true;
  }

  form.addEventListener("change", update);
  form.addEventListener("draft-saved", update);   // what the browser had kept is back in the form
  update();
}

document.querySelectorAll("[data-methods]").forEach(showForMethod);

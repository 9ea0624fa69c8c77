/* The criteria of one item: each tick is saved at once, and the status line counts them.
   <form data-ticks data-tick-url="/evidence/7/tick">, [data-ticks-running], units as [data-unit] with
   [data-unit-count], rows .criterion-row (data-new where no other item claims it); a checkbox's value is
   "<attempt id>-<criterion id>"; a text field in the row is its locator.
   A tick or a changed locator: POST attempt, criterion, on (1 or 0), locator; and also, once for each box in the
   row's .claim-too that is ticked: "<attempt id>-<criterion id>" of what is the same in another unit.
   Reply {"saved_at", "message"?, "version"?}. */
"use strict";

function ticks(form) {
  const running = form.querySelector("[data-ticks-running]");
  const status = document.createElement("span");
  const words = document.createElement("span");
  status.className = "saved";
  status.setAttribute("role", "status");
  running.replaceChildren(words, status);

  const criteria = (count) => tracker.counted(count, "criterion", "criteria");

  function count() {
    const ticked = [...form.querySelectorAll(".criterion-row:has(> :checked)")];
    const fresh = ticked.filter((row) => "new" in row.dataset);
    words.textContent = `This item: ${criteria(ticked.length)}${ticked.length ? `, ${fresh.length || "none"} of them with no other evidence` : ""}`;
    form.querySelectorAll("[data-unit]").forEach((unit) => {
      const place = unit.querySelector("[data-unit-count]");
      const own = ticked.filter((row) => unit.contains(row));
      const added = own.filter((row) => "new" in row.dataset).length;
      if (place) place.textContent = own.length ? `${criteria(own.length)}${added ? `, ${added} with no other evidence` : ""}` : "";
    });
  }

  async function save(row, changed) {
    const box = row.querySelector("input[type=checkbox]");
    const locator = row.querySelector("input:not([type=checkbox])");
    const offers = [...row.querySelectorAll(".claim-too input")];
    const [attempt, criterion] = box.value.split("-");
    const on = box.checked;
    row.classList.remove("failed");
    count();
    tracker.say(status, "Saving …");
    try {
      const body = new URLSearchParams({ attempt, criterion, on: on ? 1 : 0, locator: locator?.value ?? "" });
      const also = on ? offers.filter((offer) => offer.checked) : [];
      also.forEach((offer) => body.append("also", offer.value));
      const reply = await tracker.post(form.dataset.tickUrl, body);
      if (reply.version !== undefined) form.querySelectorAll("input[type=hidden][name=version]").forEach((field) => { field.value = reply.version; });
      also.forEach((offer) => mirror(offer.value, true));
      count();
      tracker.say(status, reply.message || `Saved ${reply.saved_at || ""}`);
    } catch (problem) {
      row.classList.add("failed");
      if (changed === box && box.checked === on) box.checked = !on;
      if (offers.includes(changed)) changed.checked = false;
      count();
      const sentence = problem.kind === "refused" ? problem.message : "Not saved: there is no connection. Try again when it is back.";
      tracker.say(status, sentence, true);
    }
  }

  /* The row of the same criterion in its own unit, elsewhere in the list. */
  const rowOf = (value) => form.querySelector(`#criterion-${CSS.escape(value)}`);

  function mirror(value, on) {
    const box = rowOf(value)?.querySelector("input[type=checkbox]");
    if (box) box.checked = on;
  }

  form.addEventListener("change", (event) => {
    let row = event.target.closest(".criterion-row");
    if (event.target.closest(".claim-too") && !event.target.checked) {   /* cleared: only that claim is removed */
      mirror(event.target.value, false);
      row = rowOf(event.target.value);
    }
    if (row) save(row, event.target);
  });
  count();
}

document.querySelectorAll("form[data-ticks]").forEach(ticks);

/* The criteria of one item: each tick is saved at once, and the status line counts them.
   <form data-ticks data-tick-url="/evidence/7/tick">, [data-ticks-running], units as [data-unit] with
   [data-unit-count], rows .criterion-row (data-gap where the criterion needs evidence); data-more-ticked is the number
   of claims that have no checkbox on the page; [data-search] hides the rows without its words as it is typed; a checkbox's value is
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
    const gaps = ticked.filter((row) => "gap" in row.dataset).length;
    const all = ticked.length + Number(form.dataset.moreTicked || 0);
    words.textContent = `${criteria(all)} chosen${all ? `, ${gaps || "none"} of them gaps` : ""}`;
    form.querySelectorAll("[data-unit]").forEach((unit) => {
      const place = unit.querySelector("[data-unit-count]");
      const own = ticked.filter((row) => unit.contains(row)).length;
      if (place) place.textContent = own ? ` · ${own} chosen` : "";
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

  /* Hide what the search does not find, with the headings that would stand over nothing, and open the units that
     have something. */
  function filter(text) {
    const sought = text.toLowerCase().split(/\s+/).filter(Boolean);
    form.querySelectorAll(".criterion-row").forEach((row) => {
      const words = row.querySelector(".criterion-words").textContent.toLowerCase();
      row.hidden = !sought.every((word) => words.includes(word));
    });
    const isShown = (part) => part.querySelector(".criterion-row:not([hidden])");
    form.querySelectorAll(".criteria").forEach((list) => {
      const heading = list.previousElementSibling;
      list.hidden = !isShown(list);
      if (heading?.matches("h3")) heading.hidden = list.hidden;
    });
    form.querySelectorAll("[data-unit]").forEach((unit) => { if (sought.length) unit.open = Boolean(isShown(unit)); });
  }
  form.querySelector("[data-search]")?.addEventListener("input", (event) => filter(event.target.value));

  function openTarget() {
    const target = location.hash.startsWith("#criterion-") && document.getElementById(location.hash.slice(1));
    const unit = target && target.closest("details");
    if (!unit || unit.open) return;
    unit.open = true;
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();
  count();
}

document.querySelectorAll("form[data-ticks]").forEach(ticks);

/* Small comforts. Every page works without this file.
   Copy buttons appear; after an htmx swap, focus and a spoken status go to what changed. */
"use strict";

function readyCopies(root) {
  if (!navigator.clipboard) return; // only on https or localhost; the title still shows the whole
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("button[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    say(copy.dataset.done);
    return;
  }
  // − and + beside a count on the pier page
  const step = event.target.closest("button[data-step]");
  if (step) {
    const input = document.getElementById(step.dataset.for);
    if (step.dataset.step.startsWith("=")) input.value = step.dataset.step.slice(1);
    else input.value = String(Math.max(0, (Number(input.value) || 0) + Number(step.dataset.step)));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return;
  }
  // an open menu closes when one goes elsewhere
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

function say(text) {
  const spoken = document.getElementById("spoken");
  spoken.textContent = "";
  window.setTimeout(() => { spoken.textContent = text; }, 50);
}

document.addEventListener("htmx:afterSwap", (event) => {
  const changed = event.detail.elt;
  readyCopies(changed);
  const focus = changed.querySelector("[data-focus]") || (changed.matches("[data-focus]") ? changed : null);
  if (focus) focus.focus();
  const told = changed.querySelector("[data-say]") || (changed.matches("[data-say]") ? changed : null);
  if (told) say(told.dataset.say);
});

// a form sent twice by an impatient finger is sent once
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method === "post" && !form.hasAttribute("hx-post")) {
    form.dataset.sent = "1";
    window.setTimeout(() => { delete form.dataset.sent; }, 4000);
  }
});

readyCopies(document);

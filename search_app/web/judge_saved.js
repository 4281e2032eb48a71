// Whether what was said is stored yet, at the top of the page.

import * as outbox from "./outbox.js";

const saved = document.getElementById("saved");
const letGo = document.getElementById("let-go");
let saidSomething = false;

function level({ waiting, refused, trouble }) {
  if (refused.length) return "bad";
  return waiting && trouble ? "waiting" : "fine";
}

function words({ waiting, refused, trouble, kept }) {
  if (refused.length) return `${refused.length} refused by the service`;
  if (waiting && trouble) return `${waiting} waiting · ${kept ? "kept here" : "keep this page open"}`;
  if (waiting) return "Saving…";
  return saidSomething ? "All saved" : "";
}

outbox.onChange((state) => {
  saidSomething ||= state.waiting > 0;
  saved.dataset.level = level(state);
  saved.textContent = words(state);
  saved.title = state.trouble;
  letGo.hidden = state.refused.length === 0;
});
letGo.addEventListener("click", outbox.forgetRefused);

// One picture, large: its neighbours in the list are a key away, and beside it what is known about it.

import { thumbnail } from "./api.js";
import { isForBrowser } from "./dom.js";
import * as facts from "./facts.js";
import { focusOn } from "./gallery.js";
import { buttons } from "./thumbs.js";
import * as why from "./why.js";

const dialog = document.getElementById("viewer");
const stage = document.getElementById("viewer-stage");
const frame = document.getElementById("viewer-frame");
const image = document.getElementById("viewer-image");
const thumbs = document.getElementById("viewer-thumbs");
const similar = document.getElementById("viewer-similar");
const [previous, next] = ["previous", "next"].map((name) => dialog.querySelector(`[data-do="${name}"]`));

let hits = [];
let shown = 0;
let asked = null;
let isSilent = false; // closed by the page, which knows
let calls = { onMove() {}, onClose() {}, onLike() {}, onSimilar() {} };

function show(rank) {
  shown = rank;
  const hit = hits[rank];
  frame.style.setProperty("--ratio", hit.width / hit.height);
  frame.style.setProperty("--most", `${2 * hit.width}px`); // small ones are not blown up without end
  image.src = hit.url;
  image.alt = hit.path;
  facts.show(hit);
  why.offer(asked, hit);
  similar.href = `?like=${hit.id}`;
  thumbs.replaceChildren(buttons(hit));
  previous.disabled = rank === 0;
  next.disabled = rank === hits.length - 1;
  const neighbour = hits[rank + 1];
  if (neighbour) new Image().src = neighbour.url;
}

function move(step) {
  if (hits[shown + step]) calls.onMove(hits[shown + step].id);
}

/** The picture alone, on the whole screen where the browser allows it. */
async function toggleAlone() {
  const isAlone = dialog.classList.toggle("alone");
  try {
    if (isAlone) await stage.requestFullscreen();
    else if (document.fullscreenElement) await document.exitFullscreen();
  } catch {
    // Then it fills the window.
  }
}

document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement) dialog.classList.remove("alone");
});

// Browsers do not show every format that is indexed (TIFF): a large thumbnail stands in.
image.addEventListener("error", () => {
  const substitute = new URL(thumbnail(hits[shown], 2048), location.href).href;
  if (image.src !== substitute) image.src = substitute;
});

const ACTIONS = {
  previous: () => move(-1),
  next: () => move(1),
  close: () => dialog.close(),
  alone: toggleAlone,
  like: () => calls.onLike(hits[shown].id, 1),
  unlike: () => calls.onLike(hits[shown].id, -1),
};
const KEYS = { ArrowLeft: "previous", ArrowRight: "next", f: "alone", "+": "like", "-": "unlike" };

dialog.addEventListener("click", (event) => {
  const action = event.target.closest("[data-do]")?.dataset.do;
  if (action) ACTIONS[action]();
  else if (event.target === stage) dialog.close();
});

dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "w") why.toggle();
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  ACTIONS[action]();
});

dialog.addEventListener("close", () => {
  image.removeAttribute("src");
  dialog.classList.remove("alone");
  why.hide();
  if (!isSilent) calls.onClose();
  isSilent = false;
  focusOn(hits[shown]?.id);
});

similar.addEventListener("click", (event) => {
  if (isForBrowser(event)) return;
  event.preventDefault();
  calls.onSimilar(hits[shown].id);
});

/** Open at the picture `id` of a list, found by `question`; false where the list does not have it. */
export function open(list, id, question) {
  const rank = list.findIndex((hit) => hit.id === id);
  if (rank < 0) return false;
  const isAsItWas = dialog.open && hits[shown]?.id === id && asked === question;
  hits = list;
  asked = question;
  if (!isAsItWas) show(rank);
  if (!dialog.open) dialog.showModal();
  return true;
}

export function close() {
  if (!dialog.open) return;
  isSilent = true;
  dialog.close();
}

/** Call back when another picture is wanted, when it is closed, and when more is to be asked. */
export function on(given) {
  calls = { ...calls, ...given };
}

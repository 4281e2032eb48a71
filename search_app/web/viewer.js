// One picture, large, with its neighbours in the list a key away.

import { thumbnail } from "./api.js";
import { focusOn } from "./gallery.js";
import { buttons } from "./thumbs.js";

const dialog = document.getElementById("viewer");
const image = document.getElementById("viewer-image");
const path = document.getElementById("viewer-path");
const facts = document.getElementById("viewer-facts");
const similar = document.getElementById("viewer-similar");
const thumbs = document.getElementById("viewer-thumbs");
const original = document.getElementById("viewer-original");
const [previous, next] = ["previous", "next"].map((name) => dialog.querySelector(`[data-do="${name}"]`));

let hits = [];
let shown = 0;

function show(rank) {
  if (rank < 0 || rank >= hits.length) return;
  shown = rank;
  const hit = hits[rank];
  image.src = hit.url;
  image.alt = hit.path;
  path.textContent = hit.path;
  facts.textContent = `score ${hit.score.toFixed(4)} · ${hit.width} × ${hit.height} pixels · id ${hit.id}`;
  similar.href = `?like=${hit.id}`;
  original.href = hit.url;
  thumbs.replaceChildren(buttons(hit));
  previous.disabled = rank === 0;
  next.disabled = rank === hits.length - 1;
}

// Browsers do not show every format that is indexed (TIFF): a large thumbnail stands in.
image.addEventListener("error", () => {
  const substitute = new URL(thumbnail(hits[shown], 2048), location.href).href;
  if (image.src !== substitute) image.src = substitute;
});

dialog.addEventListener("click", (event) => {
  const action = event.target.closest("[data-do]")?.dataset.do;
  if (action === "previous") show(shown - 1);
  else if (action === "next") show(shown + 1);
  else if (action === "close" || event.target === dialog || event.target.tagName === "FIGURE") dialog.close();
});

dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(shown - 1);
  if (event.key === "ArrowRight") show(shown + 1);
});

dialog.addEventListener("close", () => {
  image.removeAttribute("src");
  focusOn(shown);
});

/** Open at one of the pictures of a list. */
export function open(list, rank) {
  hits = list;
  show(rank);
  if (!dialog.open) dialog.showModal();
}

export function close() {
  if (dialog.open) dialog.close();
}

/** Call back with the id of a picture for which more like it are wanted. */
export function onSimilar(find) {
  similar.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    find(hits[shown].id);
  });
}

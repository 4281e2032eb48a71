// The grid of pictures. Names are only ever text, never markup.

import { thumbnail } from "./api.js";
import { buttons } from "./thumbs.js";

const grid = document.getElementById("grid");

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function tile(ratio) {
  const item = element("li", "tile");
  // Banners and towers are kept in bounds, or one of them would fill a screen.
  item.style.setProperty("--ratio", Math.min(Math.max(ratio, 0.45), 2.6).toFixed(3));
  return item;
}

function picture(hit, rank) {
  const item = tile(hit.width / hit.height);
  const link = element("a", "");
  link.href = hit.url;
  link.dataset.rank = rank;
  link.title = hit.path;
  const frame = element("span", "frame");
  const image = element("img", "");
  image.alt = hit.path;
  image.loading = rank < 12 ? "eager" : "lazy";
  image.decoding = "async";
  image.addEventListener("load", () => image.classList.add("here"));
  image.addEventListener("error", () => frame.classList.add("lost"));
  image.src = thumbnail(hit, 480);
  frame.append(image);
  const caption = element("span", "caption");
  const score = element("span", "score", hit.score.toFixed(3));
  score.title = "Cosine similarity";
  caption.append(element("span", "name", hit.path), score);
  link.append(frame, caption);
  item.append(link, buttons(hit));
  return item;
}

/** Add pictures; `rank` is the place of the first. */
export function add(hits, rank) {
  grid.append(...hits.map((hit, index) => picture(hit, rank + index)));
}

export function clear() {
  grid.replaceChildren();
}

/** Frames where pictures will be. */
export function showWaiting() {
  const shapes = [1.4, 0.75, 1, 1.6, 0.7, 1.3, 1, 0.8, 1.5, 1.2, 0.75, 1];
  clear();
  for (const ratio of shapes) {
    const item = tile(ratio);
    item.classList.add("waiting");
    item.setAttribute("aria-hidden", "true");
    item.append(element("span", "frame"));
    grid.append(item);
  }
}

/** Call back with the rank of a picture that is clicked; a click that asks for a new tab stays the browser's. */
export function onOpen(open) {
  grid.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-rank]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open(Number(link.dataset.rank));
  });
}

export function focusOn(rank) {
  grid.querySelector(`a[data-rank="${rank}"]`)?.focus();
}

// One picture in the grid: itself, how relevant it is, what it says in print, and what can be done with it.

import { thumbnail } from "./api.js";
import { button, element, icon, marked, percent } from "./dom.js";
import { buttons } from "./thumbs.js";

const EAGER = 12; // the first ones are in view, or nearly
const MARK_SEEN = 14; // characters before a mark that fit beside it
const BEFORE_MARK = 9;

/** A frame of a shape; banners and towers are kept in bounds, or one of them would fill a screen. */
export function frameOf(ratio) {
  const item = element("li", "tile");
  item.style.setProperty("--ratio", Math.min(Math.max(ratio, 0.56), 2.6).toFixed(3));
  return item;
}

function picture(hit, rank) {
  const image = element("img");
  image.alt = hit.path;
  image.width = hit.width;
  image.height = hit.height;
  image.loading = rank < EAGER ? "eager" : "lazy";
  image.decoding = "async";
  image.addEventListener("load", () => image.classList.add("here"));
  image.addEventListener("error", () => image.parentElement.classList.add("lost"));
  image.src = thumbnail(hit, 480);
  return image;
}

/** A line from shortly before its first mark on, so that the mark is seen where the line is cut off. */
function fromMark({ text, spans }) {
  const characters = [...text];
  const [from] = spans[0] ?? [0];
  if (from <= MARK_SEEN) return { text, spans };
  const early = characters.lastIndexOf(" ", from - BEFORE_MARK);
  const start = (early < 0 ? characters.lastIndexOf(" ", from - 1) : early) + 1;
  if (start === 0) return { text, spans };
  const cut = (place) => place - start + 1;
  return { text: `…${characters.slice(start).join("")}`, spans: spans.map(([begin, end]) => [cut(begin), cut(end)]) };
}

/** The words that brought it, or its name. */
function title(hit) {
  const [word] = hit.words ?? [];
  const shown = element("span", word ? "name print" : "name");
  const line = word && fromMark(word);
  shown.append(...(line ? marked(line.text, line.spans) : [hit.path.split("/").at(-1)]));
  shown.title = word ? `${word.text} (${hit.path})` : hit.path;
  return shown;
}

function does(name, label, hit, symbol) {
  const made = button(`does ${name}`, `${label}: ${hit.path}`, () => {}, icon(symbol));
  made.title = label;
  made.dataset.does = name;
  return made;
}

function unfold(hit) {
  const count = hit.copies.length;
  const label = `Show ${count === 1 ? "1 copy" : `${count} copies`} of ${hit.path}`;
  const made = button("copies", label, () => {}, icon("copies"), String(count + 1));
  made.dataset.does = "unfold";
  made.setAttribute("aria-expanded", "false");
  return made;
}

/** A new tile for a hit. */
export function tileOf(hit, rank) {
  const item = frameOf(hit.width / hit.height);
  item.dataset.id = hit.id;
  const link = element("a");
  link.href = hit.url;
  link.title = hit.path;
  const frame = element("span", "frame");
  frame.append(picture(hit, rank));
  link.append(frame);
  const bar = element("span", "relevance");
  bar.setAttribute("aria-hidden", "true");
  bar.append(element("i"));
  item.append(link, bar, element("div", "caption"), buttons(hit));
  renew(item, hit);
  return item;
}

/** The same picture in another answer: only what the question decides is drawn again, so that nothing flickers. */
export function renew(item, hit) {
  const link = item.querySelector("a");
  const relevance = percent(hit.relevance);
  link.setAttribute("aria-label", `${hit.path}, relevance ${relevance}`);
  const bar = item.querySelector(".relevance");
  bar.title = `Relevance ${relevance}`;
  bar.style.setProperty("--share", hit.relevance);
  item
    .querySelector(".caption")
    .replaceChildren(title(hit), does("like", "More like this", hit, "plus"), does("unlike", "Less like this", hit, "minus"));
  item.querySelector(".copies")?.remove();
  if (hit.copies?.length) item.append(unfold(hit));
}

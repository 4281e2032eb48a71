// What is told about the picture in the viewer.

import { element, marked, percent } from "./dom.js";
import { isRelevant } from "./gallery.js";

const BROUGHT_BY = {
  image: "what the picture shows",
  meaning: "what its printed words mean",
  form: "how its printed words are spelled",
};

const $ = (id) => document.getElementById(id);

function sizeOf(hit) {
  const millions = (hit.width * hit.height) / 1e6;
  const rough = millions >= 1 ? ` · ${millions.toFixed(1)} megapixels` : "";
  return `${hit.width} × ${hit.height}${rough} · id ${hit.id}`;
}

function lineOf(word) {
  const item = element("li", word.by === "meaning" ? "by-meaning" : "");
  item.append(...marked(word.text, word.spans));
  return item;
}

/** Fill the panel for one hit. */
export function show(hit) {
  const parts = hit.path.split("/");
  $("viewer-path").textContent = parts.at(-1);
  $("viewer-folder").textContent = parts.slice(0, -1).join(" / ");
  $("viewer-facts").textContent = sizeOf(hit);
  const told = `Relevance ${percent(hit.relevance)}${isRelevant(hit) ? "" : ", below the line"}`;
  $("viewer-relevance-text").textContent = told;
  $("viewer-relevance").style.setProperty("--share", hit.relevance);
  $("viewer-relevance").classList.toggle("low", !isRelevant(hit));
  $("viewer-by").textContent = hit.by ? `Found by ${BROUGHT_BY[hit.by]}` : "";
  const words = hit.words ?? [];
  $("viewer-words").replaceChildren(...words.map(lineOf));
  $("viewer-words-part").hidden = words.length === 0;
  $("viewer-original").href = hit.url;
}

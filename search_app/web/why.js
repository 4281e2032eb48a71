// "Why is this here?": shares of terms and channels, and the heat map over the picture.

import { explain, thumbnailOf } from "./api.js";
import { element } from "./dom.js";
import { drawHeat, drawWords } from "./overlay.js";
import { bodyOf, isExplainable } from "./question.js";

const CHANNELS = { image: "picture", meaning: "print, meaning", form: "print, spelling" };

const LEAST_LOOKS = 1; // evidence of the picture channel below which a heat map would show noise

const opener = document.getElementById("why");
const answer = document.getElementById("why-answer");
const canvas = document.getElementById("viewer-heat");
const layer = document.getElementById("viewer-marks");

let running = new AbortController();
let asked = null;
let hit = null;

function face(term) {
  if (term.text) return element("span", "what", term.text);
  if (term.id === undefined || term.id === null) return element("span", "what", "the given picture");
  const image = element("img");
  image.src = thumbnailOf(term.id, 96);
  image.alt = `picture ${term.id}`;
  return image;
}

function barOf(channel, says, largest) {
  const item = element("li", says < 0 ? "against" : "for");
  const bar = element("i", "share");
  bar.style.setProperty("--share", Math.abs(says) / largest);
  const value = element("span", "says", `${says < 0 ? "−" : "+"}${Math.abs(says).toFixed(1)}`);
  item.append(element("span", "channel", CHANNELS[channel] ?? channel), bar, value);
  return item;
}

function termOf(term, largest) {
  const made = element("section", "term");
  const head = element("h3");
  const weight = term.weight ?? 1;
  head.append(element("span", "sign", weight < 0 ? "less like" : "like"), face(term));
  if (Math.abs(weight) !== 1) head.append(element("span", "sign", `×${Math.abs(weight)}`));
  const list = element("ul", "shares");
  list.append(...Object.entries(term.evidence).map(([channel, says]) => barOf(channel, says, largest)));
  made.append(head, list);
  return made;
}

function show(explanation) {
  const terms = explanation.terms ?? [];
  const largest = Math.max(1, ...terms.flatMap((term) => Object.values(term.evidence).map(Math.abs)));
  const notes = [];
  const looks = terms.reduce((sum, term) => sum + Math.max(0, term.evidence.image ?? 0), 0);
  if (explanation.heat && looks < LEAST_LOOKS) {
    notes.push("The picture itself says next to nothing here, so there is no place in it to show.");
  } else if (explanation.heat) {
    drawHeat(canvas, explanation.heat);
    canvas.hidden = false;
    notes.push("The picture glows where it matches most, compared with the rest of this picture.");
  }
  drawWords(layer, explanation.words ?? []);
  answer.replaceChildren(...terms.map((term) => termOf(term, largest)), ...notes.map((text) => element("p", "note", text)));
}

export function hide() {
  running.abort();
  answer.replaceChildren();
  canvas.hidden = true;
  if (hit) drawWords(layer, hit.words ?? []);
  opener.setAttribute("aria-expanded", "false");
}

async function load() {
  running = new AbortController();
  const { signal } = running;
  opener.setAttribute("aria-expanded", "true");
  answer.replaceChildren(element("p", "note", "Looking…"));
  try {
    const explanation = await explain(hit.id, bodyOf(asked), signal);
    show(explanation);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    hide();
    opener.hidden = problem.status === 404; // the service cannot explain, or the picture is gone
    if (!opener.hidden) answer.replaceChildren(element("p", "note", problem.message));
  }
}

/** Offer to explain a hit of what is asked; until then its words alone are marked. */
export function offer(question, shown) {
  asked = question;
  hit = shown;
  hide();
  opener.hidden = !isExplainable(question);
}

export function toggle() {
  if (opener.hidden) return;
  if (opener.getAttribute("aria-expanded") === "true") hide();
  else load();
}

opener.addEventListener("click", toggle);

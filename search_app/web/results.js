// From a question to pictures: asks, shows what comes, asks for more, and says in words what happened.

import * as api from "./api.js";
import { countsBeyond } from "./counts.js";
import { element, withCode } from "./dom.js";
import * as fields from "./fields.js";
import * as filters from "./filters.js";
import * as gallery from "./gallery.js";
import { bodyOf } from "./question.js";

const PAGE = 30;
const PATIENCE = 180; // ms before it is said that an answer takes long
const DOUBT = 300; // ms before half a word is said to have no answer
const RETRY = 5000;

const status = document.getElementById("status");
const message = document.getElementById("message");
const again = document.getElementById("retry");
const more = document.getElementById("more");
const nothing = document.getElementById("no-match");

let hits = [];
let copies = new Map(); // id to the hits that are folded into it and shown
let body = null;
let running = new AbortController();
let retrying = 0;
let answered = () => {};

function pause(time, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, time);
    signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
  });
}

function become(state) {
  document.body.dataset.state = state;
  message.hidden = true;
  nothing.hidden = true;
  more.hidden = true;
}

function tell(title, text, canRetry) {
  const [heading, told] = message.children;
  heading.textContent = title;
  told.replaceChildren(...withCode(text.charAt(0).toUpperCase() + text.slice(1)));
  again.hidden = !canRetry;
  message.hidden = false;
}

/** All hits in the order of the grid, with the copies that are unfolded. */
export function list() {
  const flat = hits.flatMap((hit) => [hit, ...(copies.get(hit.id) ?? [])]);
  return [...flat.filter(gallery.isRelevant), ...flat.filter((hit) => !gallery.isRelevant(hit))];
}

export function reset() {
  running.abort();
  clearTimeout(retrying);
  hits = [];
  gallery.show([]);
  status.replaceChildren();
  delete document.body.dataset.busy;
  become("start");
}

/** Answer a question; while somebody types, half a word without an answer does not wipe the grid at once. */
export async function run(asked, { typing = false } = {}) {
  running.abort();
  clearTimeout(retrying);
  running = new AbortController();
  const { signal } = running;
  body = bodyOf(asked);
  const waiting = setTimeout(() => {
    document.body.dataset.busy = "";
    if (hits.length) return;
    become("loading");
    gallery.showWaiting();
  }, PATIENCE);
  signal.addEventListener("abort", () => clearTimeout(waiting));
  try {
    const answer = await api.search({ ...body, limit: PAGE, facets: fields.counted() }, signal);
    if (typing && answer.no_match && hits.length) await pause(DOUBT, signal);
    clearTimeout(waiting);
    show(answer);
    await countBeyond(answer.facets, signal);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    clearTimeout(waiting);
    fail(problem, asked);
  }
}

async function countBeyond(found, signal) {
  const beyond = await countsBeyond(body, fields.counted(), signal);
  filters.count({ ...found, ...beyond });
}

function show(answer) {
  hits = answer.hits;
  copies = new Map();
  delete document.body.dataset.busy;
  become("results");
  gallery.show(hits);
  report(answer);
  more.hidden = hits.length < PAGE;
  filters.count(answer.facets ?? {});
  answered(answer);
}

function report(answer) {
  const time = element("span", "time", `${Math.max(1, Math.round(answer.took_ms.total))} ms`);
  const count = answer.relevant.toLocaleString();
  const found = answer.relevant === 1 ? "1 picture matches" : `${count} pictures match`;
  nothing.hidden = !answer.no_match || hits.length === 0;
  status.classList.toggle("unseen", answer.no_match);
  status.replaceChildren(answer.no_match ? "Nothing matches" : found, time);
  if (hits.length) return;
  const isNarrow = Object.keys(body.filter).length > 0;
  tell("Nothing here matches", isNarrow ? "Take a filter away, or use other words." : "Try other words.", false);
}

function fail(problem, asked) {
  const isWaiting = problem.status === 0 || problem.status >= 500;
  hits = [];
  delete document.body.dataset.busy;
  gallery.show([]);
  become("error");
  const isUnindexed = problem.status === 503 && problem.message.includes("indexed yet");
  const isClosed = problem.status === 401;
  const title = isClosed ? "A key is needed" : isUnindexed ? "No pictures yet" : isWaiting ? "Not available right now" : "That did not work";
  status.replaceChildren(title);
  tell(title, problem.message, isWaiting);
  if (isWaiting) retrying = setTimeout(() => run(asked), RETRY);
}

async function loadMore() {
  if (more.disabled) return;
  const { signal } = running;
  more.disabled = true;
  try {
    const answer = await api.search({ ...body, limit: PAGE, offset: hits.length }, signal);
    const known = new Set(hits.map((hit) => hit.id));
    const fresh = answer.hits.filter((hit) => !known.has(hit.id));
    gallery.add(fresh, hits.length);
    hits = [...hits, ...fresh];
    more.hidden = answer.hits.length < PAGE;
  } catch (problem) {
    if (problem.name !== "AbortError") tell("No more just now", problem.message, false);
  } finally {
    more.disabled = false;
  }
}

/** Show the copies of a hit as pictures of their own, or fold them again. */
export async function toggleCopies(id) {
  if (copies.delete(id)) return gallery.unfold(id, []);
  const hit = hits.find((each) => each.id === id);
  const group = [hit.id, ...hit.copies];
  const question = { ...body, sort: "", fold: false, limit: group.length, filter: { copy_of: group } };
  try {
    const answer = await api.search(question, running.signal);
    copies.set(id, answer.hits.filter((each) => hit.copies.includes(each.id)));
    gallery.unfold(id, copies.get(id));
  } catch (problem) {
    if (problem.name !== "AbortError") tell("That did not work", problem.message, false);
  }
}

/** Call back with each answer that is shown; `retry` is what its button does. */
export function on({ onAnswer, onRetry }) {
  answered = onAnswer;
  again.addEventListener("click", onRetry);
}

more.addEventListener("click", loadMore);
// Scrolling brings more as long as it is relevant; what lies far below the line is for those who press the button.
new IntersectionObserver(
  ([seen]) => {
    if (seen.isIntersecting && !more.hidden && hits.length && gallery.isRelevant(hits.at(-1))) loadMore();
  },
  { rootMargin: "900px" },
).observe(more);

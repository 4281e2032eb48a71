// The search page: the address bar says what is shown, everything else follows from it.

import * as api from "./api.js";
import * as gallery from "./gallery.js";
import * as thumbs from "./thumbs.js";
import * as viewer from "./viewer.js";

const EXAMPLES = ["car", "a cold drink with ice", "perfume bottle", "running shoes", "chocolate", "a dog", "a beach at sunset"];

const form = document.getElementById("form");
const input = document.getElementById("query");
const limit = document.getElementById("limit");
const status = document.getElementById("status");
const source = document.getElementById("source");
const message = document.getElementById("message");
const retry = document.getElementById("retry");
const more = document.getElementById("more");

let hits = [];
let running = new AbortController();

/** What the address asks for: words (`q`), or a picture to find others like (`like`), and how many at a time. */
function asked() {
  const parameters = new URLSearchParams(location.search);
  const count = parameters.get("limit");
  return {
    words: (parameters.get("q") ?? "").trim(),
    like: parameters.get("like"),
    limit: [...limit.options].some((option) => option.value === count) ? Number(count) : 24,
  };
}

function addressOf({ words, like }) {
  const parameters = new URLSearchParams(like ? { like } : { q: words });
  if (limit.value !== "24") parameters.set("limit", limit.value);
  return `?${parameters}`;
}

function go(target) {
  history.pushState(null, "", addressOf(target));
  show();
}

function say(...parts) {
  status.replaceChildren(...parts);
}

function strong(text) {
  const made = document.createElement("strong");
  made.textContent = text;
  return made;
}

/** Text in which `backticks` mark what is to be typed. */
function withCode(text) {
  return text.split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    const made = document.createElement("code");
    made.textContent = part;
    return made;
  });
}

function tell(title, text, canRetry) {
  const [heading, body] = message.children;
  heading.textContent = title;
  body.replaceChildren(...withCode(text.charAt(0).toUpperCase() + text.slice(1)));
  retry.hidden = !canRetry;
  message.hidden = false;
}

function become(state) {
  document.body.dataset.state = state;
  message.hidden = true;
  more.hidden = true;
}

/** Show what the address asks for. */
async function show() {
  running.abort();
  running = new AbortController();
  viewer.close();
  const wanted = asked();
  input.value = wanted.words;
  limit.value = String(wanted.limit);
  hits = [];
  gallery.clear();
  thumbs.about(wanted.like ? "" : wanted.words);
  source.hidden = !wanted.like;
  document.title = wanted.words ? `${wanted.words} – Image search` : "Image search";
  if (!wanted.words && !wanted.like) {
    become("start");
    say();
    input.focus();
    return;
  }
  become("loading");
  say("Searching…");
  gallery.showWaiting();
  if (wanted.like) {
    const like = encodeURIComponent(wanted.like);
    source.href = `images/${like}`;
    source.querySelector("img").src = `images/${like}/thumbnail?size=96`;
  }
  await load(wanted, running.signal);
}

async function load(wanted, signal) {
  const offset = hits.length;
  const find = wanted.like ? api.similar : api.search;
  try {
    const answer = await find(wanted.like ?? wanted.words, wanted.limit, offset, signal);
    if (offset === 0) gallery.clear();
    become("results");
    gallery.add(answer.hits, offset);
    hits = hits.concat(answer.hits);
    report(wanted, answer);
    more.hidden = answer.hits.length < wanted.limit;
  } catch (problem) {
    if (problem.name === "AbortError") return;
    fail(problem);
  }
}

function report(wanted, answer) {
  const count = hits.length === 1 ? "1 picture" : `${hits.length} pictures`;
  const time = `${Math.max(1, Math.round(answer.took_ms.total))} ms`;
  if (wanted.like) say(`${count} like this one · ${time}`);
  else say(`${count} for `, strong(wanted.words), ` · ${time}`);
  if (hits.length === 0) tell("No pictures", "Nothing in the collection fits. Try other words.", false);
}

function fail(problem) {
  if (hits.length === 0) gallery.clear();
  become(hits.length === 0 ? "error" : "results");
  say();
  const waiting = problem.status === 0 || problem.status >= 500;
  tell(waiting ? "Not available right now" : "That did not work", problem.message, waiting);
}

async function showFacts() {
  const facts = document.getElementById("facts");
  try {
    const { model, collection, count, version } = await api.info();
    const index = collection === null ? "no index yet" : `${count.toLocaleString()} pictures in ${collection}`;
    facts.textContent = `${index} · model ${model} · version ${version}`;
  } catch {
    facts.textContent = "";
  }
}

function showExamples() {
  for (const words of EXAMPLES) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.textContent = words;
    link.href = addressOf({ words });
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go({ words });
    });
    item.append(link);
    document.getElementById("examples").append(item);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = input.value.trim();
  if (words) go({ words });
  else input.focus();
});
limit.addEventListener("change", () => go(asked()));
retry.addEventListener("click", show);
more.addEventListener("click", async () => {
  more.disabled = true;
  await load(asked(), running.signal);
  more.disabled = false;
});
addEventListener("popstate", show);
addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input, select, textarea");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  viewer.close();
  input.select();
  input.focus();
});
gallery.onOpen((rank) => viewer.open(hits, rank));
viewer.onSimilar((id) => go({ like: String(id) }));

showExamples();
showFacts();
show();

// The search page: the address bar says what is asked, everything else follows from it.

import * as address from "./address.js";
import * as api from "./api.js";
import * as chips from "./chips.js";
import { element, isForBrowser } from "./dom.js";
import * as fields from "./fields.js";
import * as filters from "./filters.js";
import * as gallery from "./gallery.js";
import { onGiven } from "./giving.js";
import { offerToForget } from "./key.js";
import "./keys.js";
import * as pictures from "./pictures.js";
import * as question from "./question.js";
import * as results from "./results.js";
import * as thumbs from "./thumbs.js";
import * as viewer from "./viewer.js";

const EXAMPLES = ["car", "a cold drink with ice", "perfume bottle", "running shoes", "a dog", "coffee without a cup"];
const BREATH = 40; // ms without a key before it is asked, where keys come fast
const COMMITTED = 900; // ms after the last key from which on words are meant

const form = document.getElementById("form");
const input = document.getElementById("query");
const mix = document.getElementById("mix");
const sort = document.getElementById("sort");
const refused = document.getElementById("refused"); // apart from what is told of a search that is still running

let asked = null; // what the page shows
let understood = null;
let typing = false; // the words are still being typed: one entry in the history for all of it
let breath = 0;
let lastKey = 0;
let pausing = 0;

/** Ask something else; `replace` keeps the history entry. */
function go(next, { replace = false, opened = false } = {}) {
  const entry = { ...address.entryOf(next), opened };
  history[replace ? "replaceState" : "pushState"](entry, "", address.write(next));
  follow(next);
}

function follow(next) {
  const before = asked;
  asked = next;
  if (before && address.isSameQuestion(before, next)) {
    look();
    return;
  }
  viewer.close();
  refused.textContent = "";
  understood = null;
  if (document.activeElement !== input || !typing) input.value = next.text;
  if (!typing) scrollTo(0, 0);
  if (address.isEmpty(next)) results.reset();
  else results.run(next, { typing }); // first of all: what follows is drawn while the service works
  showControls();
  thumbs.about(!typing && next.terms.length === 0 ? next.text : "");
  document.title = next.text ? `${next.text} – Image search` : "Image search";
}

function showControls() {
  for (const radio of document.getElementsByName("words")) radio.checked = radio.value === asked.words;
  sort.value = asked.sort;
  mix.hidden = asked.text === "";
  filters.choose(asked.filters);
  chips.show(asked, understood, go);
}

/** Show large what the address says, if it is among the hits. */
function look() {
  if (asked.view === null) viewer.close();
  else if (!viewer.open(results.list(), asked.view, asked)) viewer.close();
}

function leaveViewer() {
  if (asked.view === null) return;
  if (history.state?.opened) history.back();
  else go({ ...asked, view: null }, { replace: true });
}

function commit() {
  clearTimeout(pausing);
  if (!typing) return;
  typing = false;
  thumbs.about(asked.terms.length === 0 ? asked.text : "");
}

function typed() {
  clearTimeout(breath);
  clearTimeout(pausing);
  const isFast = performance.now() - lastKey < 3 * BREATH;
  lastKey = performance.now();
  if (isFast) breath = setTimeout(askTyped, BREATH);
  else askTyped(); // at once: a timer of no time would wait until the letter is painted
  pausing = setTimeout(commit, COMMITTED);
}

function askTyped() {
  const text = input.value.trim();
  if (text === asked.text) return;
  const replace = typing;
  typing = true;
  const isNew = text === "";
  go({ ...asked, text, view: null, understand: isNew || asked.understand }, { replace });
}

async function give(files) {
  commit();
  for (const file of files) {
    try {
      const key = await pictures.keep(file);
      go(question.withTerm(asked, { kind: "picture", value: key, weight: 1 }));
    } catch (problem) {
      refused.textContent = problem.message;
    }
  }
}

async function showFacts() {
  const facts = document.getElementById("facts");
  try {
    const { model, collection, count, version, fields: listed } = await api.info();
    fields.learn(listed);
    const index = collection === null ? "no index yet" : `${count.toLocaleString()} pictures in ${collection}`;
    facts.textContent = `${index} · model ${model} · version ${version}`;
  } catch {
    facts.textContent = "";
  }
}

function showExamples() {
  for (const text of EXAMPLES) {
    const item = element("li");
    const link = element("a", "", text);
    const target = { ...address.NOTHING, text };
    link.href = address.write(target);
    link.addEventListener("click", (event) => {
      if (isForBrowser(event)) return;
      event.preventDefault();
      go(target);
    });
    item.append(link);
    document.getElementById("examples").append(item);
  }
}

input.addEventListener("input", typed);
input.addEventListener("blur", commit);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(breath);
  const text = input.value.trim();
  if (text !== asked.text) go({ ...asked, text, view: null }, { replace: typing });
  commit();
  if (matchMedia("(pointer: coarse)").matches) input.blur(); // the keyboard covers the pictures
});
mix.addEventListener("click", () => {
  commit();
  go({ ...question.withTerm(asked, { kind: "text", value: asked.text, weight: 1 }), text: "" });
  input.value = "";
  input.focus();
});
for (const radio of document.getElementsByName("words")) {
  radio.addEventListener("change", () => go({ ...asked, words: radio.value, view: null }));
}
sort.addEventListener("change", () => go({ ...asked, sort: sort.value, view: null }));
document.querySelector(".brand").addEventListener("click", (event) => {
  if (isForBrowser(event)) return;
  event.preventDefault();
  go(address.NOTHING);
  input.focus();
});
addEventListener("popstate", ({ state }) => {
  typing = false;
  follow(address.read(location, state));
});

filters.onToggle((field, value) => go(question.withFilter(asked, field, value)));
results.on({
  onAnswer(answer) {
    ({ understood } = answer);
    chips.show(asked, understood, go);
    look();
  },
  onRetry: () => results.run(asked),
});
gallery.onAct((does, id) => {
  if (does === "open") go({ ...asked, view: id }, { opened: true });
  else if (does === "unfold") results.toggleCopies(id);
  else go(question.withLike(asked, id, does === "like" ? 1 : -1));
});
viewer.on({
  onMove: (id) => go({ ...asked, view: id }, { replace: true, opened: history.state?.opened }),
  onClose: leaveViewer,
  onLike: (id, weight) => go(question.withLike(asked, id, weight), { replace: history.state?.opened }),
  onSimilar: (id) => go(question.withLike(address.NOTHING, id, 1), { replace: history.state?.opened }),
});
onGiven(give);

history.scrollRestoration = "manual";
showExamples();
showFacts();
offerToForget(document.querySelector(".foot nav"));
follow(address.read(location, history.state));
if (address.isEmpty(asked)) input.focus();

// Before a round: who judges, and which round.

import { ask } from "./api.js";

const $ = (id) => document.getElementById(id);
const NAME = "judging.assessor";

/** The name that was given last, in this browser. */
export function remembered() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // Then it is typed again next time.
  }
}

/** Show the rounds there are, newest first. */
export async function listRounds() {
  const { rounds } = await ask("judgements/rounds");
  $("no-rounds").hidden = rounds.length > 0;
  $("begin").disabled = rounds.length === 0;
  $("rounds").hidden = rounds.length === 0;
  $("rounds").replaceChildren($("rounds").querySelector("legend"), ...rounds.map(choice));
}

function choice(each, place) {
  const label = document.createElement("label");
  const radio = document.createElement("input");
  Object.assign(radio, { type: "radio", name: "round", value: each.id, required: true, checked: place === 0 });
  const text = document.createElement("span");
  const name = document.createElement("strong");
  name.textContent = each.name;
  const facts = document.createElement("small");
  facts.textContent = [contents(each), ...each.progress.map((one) => share(one, each.size))].join(" · ");
  text.append(name, facts);
  label.append(radio, text);
  return label;
}

function contents(each) {
  if (each.kind === "grade") return `${each.queries} queries, ${each.size} pictures`;
  return `${each.size} pictures into ${each.categories.length} categories`;
}

function share({ assessor, graded, skipped }, size) {
  return `${assessor}\u00a0${Math.floor((100 * (graded + skipped)) / size)}\u00a0%`;
}

/** Call back with the assessor's name and the id of the round. */
export function onStart(start) {
  $("assessor").value = remembered();
  $("start").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("assessor").value.trim().replace(/\s+/g, " ");
    const id = new FormData(event.target).get("round");
    if (!name || !id) return;
    remember(name);
    start(name, id);
  });
}

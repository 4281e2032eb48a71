// Thumbs up and down on what a search found: judgements like those of the judging page, marked as thumbs.

import { ask } from "./api.js";
import * as outbox from "./outbox.js";

const UP = 2;
const DOWN = 0;
const SHAPE = "M7 11v9H4v-9zM7 11l4-8c1.6 0 2.5 1.2 2.2 2.8L12.6 9H19a2 2 0 0 1 2 2.4l-1.3 7A2 2 0 0 1 17.7 20H7";
const SVG = "http://www.w3.org/2000/svg";

let query = "";
let votes = new Map(); // image id to grade

/** Who votes: the name given on the judging page, or one drawn for this browser. */
function visitor() {
  try {
    const name = localStorage.getItem("judging.assessor") || localStorage.getItem("judging.visitor");
    if (name) return name;
    const digits = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0"));
    localStorage.setItem("judging.visitor", `visitor-${digits.join("")}`);
    return localStorage.getItem("judging.visitor");
  } catch {
    return "visitor";
  }
}

/** What is searched for now; empty where pictures were found by a picture, about which nobody is asked. */
export async function about(words) {
  query = words;
  votes = new Map();
  document.body.dataset.thumbs = words ? "on" : "off";
  if (!words) return;
  try {
    const mine = new URLSearchParams({ query: words, assessor: visitor(), source: "thumb", limit: 1000 });
    const { judgements } = await ask(`judgements?${mine}`);
    if (query !== words) return;
    const unsent = votes;
    votes = new Map([...judgements.map((each) => [each.image_id, each.grade]), ...unsent]);
    draw();
  } catch {
    // A service that cannot keep them is not asked to.
    if (query === words) document.body.dataset.thumbs = "off";
  }
}

function button(hit, grade, label) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.image = hit.id;
  made.dataset.grade = grade;
  made.title = label;
  made.setAttribute("aria-label", `${label}: ${hit.path}`);
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPE);
  if (grade === DOWN) path.setAttribute("transform", "rotate(180 12 12)");
  drawing.append(path);
  made.append(drawing);
  made.setAttribute("aria-pressed", String(votes.get(hit.id) === grade));
  made.addEventListener("click", () => vote(hit, grade));
  return made;
}

/** Two buttons for one hit. */
export function buttons(hit) {
  const made = document.createElement("span");
  made.className = "thumbs";
  made.append(button(hit, UP, "Fits the words"), button(hit, DOWN, "Does not fit the words"));
  return made;
}

function vote(hit, grade) {
  const again = votes.get(hit.id) === grade;
  if (again) votes.delete(hit.id);
  else votes.set(hit.id, grade);
  outbox.add({
    assessor: visitor(),
    source: "thumb",
    query,
    image_id: hit.id,
    ...(again ? { verdict: "withdrawn" } : { grade }),
  });
  draw();
}

function draw() {
  for (const each of document.querySelectorAll(".thumbs button")) {
    each.setAttribute("aria-pressed", String(votes.get(Number(each.dataset.image)) === Number(each.dataset.grade)));
  }
}

outbox.onChange(({ waiting, refused, trouble }) => {
  const told = document.getElementById("unsent");
  if (refused.length) told.textContent = `Refused by the service: ${refused.length} of your judgements, see Judge.`;
  else told.textContent = waiting && trouble ? `Not stored yet: ${waiting} of your judgements. ${trouble}` : "";
});
outbox.flush();

// The judging page: one picture at a time, a key for each grade. The server knows what is done; what was said here
// and is not there yet lies in the outbox.

import * as outbox from "./outbox.js";
import "./judge_saved.js";
import * as categories from "./judge_categories.js";
import { showEnd } from "./judge_end.js";
import { onKeys } from "./judge_keys.js";
import * as stage from "./judge_stage.js";
import * as setup from "./judge_setup.js";
import { ask } from "./api.js";

const GRADES = ["irrelevant", "somewhat relevant", "relevant"];
const AHEAD = 100; // asked for at once, so that a lost connection is no reason to stop
const REFILL = 40;
const PRELOADED = 5;

const $ = (id) => document.getElementById(id);
const sections = ["setup", "work", "end", "trouble"];

let round = null;
let assessor = "";
let coming = []; // items to judge, the first is shown
let past = []; // what was said, latest last
let total = 0;
let done = 0;
let refilling = false;

function show(section) {
  for (const name of sections) $(name).hidden = name !== section;
  document.body.dataset.state = section;
  $("far").hidden = section === "setup" || section === "trouble";
}

function fail(title, text, again) {
  const [heading, body] = $("trouble").children;
  heading.textContent = title;
  body.textContent = text;
  $("again").onclick = again;
  show("trouble");
}

const keyOf = (item) => `${item.query}\n${item.content_hash}`;

/** Ask for what comes next; what still waits in the outbox counts as said. */
async function fetchNext() {
  await outbox.flush();
  const address = `judgements/rounds/${encodeURIComponent(round.id)}/next`;
  return ask(`${address}?${new URLSearchParams({ assessor, limit: AHEAD })}`);
}

/** What lies in the outbox of this assessor and round: the last word on each picture. */
function unsent() {
  const mine = outbox.waiting().filter((each) => each.assessor === assessor && each.round === round.id);
  return new Map(mine.map((each) => [`${each.query ?? ""}\n${each.content_hash}`, each]));
}

/** Take what the server says, as if it knew what lies in the outbox. */
function take(answer) {
  coming = answer.items;
  past = answer.done.slice().reverse();
  total = answer.progress.total - answer.progress.missing;
  done = answer.progress.graded + answer.progress.skipped;
  for (const [key, { verdict, grade = null, categories: picked = [] }] of unsent()) {
    const waiting = coming.find((item) => keyOf(item) === key);
    const judged = past.find((item) => keyOf(item) === key);
    if (waiting && verdict !== "withdrawn") {
      coming = coming.filter((item) => item !== waiting);
      past.push({ ...waiting, verdict, grade, categories: picked });
      done += 1;
    } else if (judged && verdict === "withdrawn") {
      past = past.filter((item) => item !== judged);
      coming.unshift(judged);
      done -= 1;
    }
  }
}

async function begin(chosen) {
  round = chosen;
  $("round-name").textContent = round.name;
  try {
    take(await fetchNext());
    categories.offer(round.categories);
    $("grades").hidden = round.kind !== "grade";
    $("categories").hidden = round.kind !== "category";
    advance("");
  } catch (problem) {
    fail("Not available right now", problem.message, () => begin(chosen));
  }
}

async function refill() {
  if (refilling || coming.length > REFILL || done + coming.length >= total) return;
  refilling = true;
  try {
    const answer = await fetchNext();
    const known = new Set([...[...coming, ...past].map(keyOf), ...unsent().keys()]);
    coming.push(...answer.items.filter((item) => !known.has(keyOf(item))));
  } catch {
    // There is more to judge here; it is tried again with the next one.
  } finally {
    refilling = false;
  }
}

/** Show the first of what comes; `before` is the query that was shown. */
async function advance(before) {
  $("progress").max = Math.max(total, 1);
  $("progress").value = done;
  $("count").textContent = `${done} of ${total}`;
  $("undo").disabled = past.length === 0;
  if (coming.length === 0 && done < total) {
    await refill();
    if (coming.length === 0) {
      fail("Waiting for the service", "What you judged is kept here and sent as soon as it can be.", () => begin(round));
      return;
    }
  }
  if (coming.length === 0) {
    await finish();
    return;
  }
  show("work");
  const item = coming[0];
  const changed = item.query !== before;
  $("asked").textContent = round.kind === "grade" ? item.query : "Which categories does it belong to?";
  $("asked-where").textContent = round.kind === "grade" ? `Query ${item.query_number} of ${round.queries}` : "Pick all that fit";
  if (changed && before && round.kind === "grade") {
    stage.hold();
    move($("asked"), [{ opacity: 0, translate: "0 -0.5rem" }, { opacity: 1, translate: "0 0" }], 320);
  }
  showPicture(item);
  stage.preload(coming.slice(1, 1 + PRELOADED));
  refill();
}

function showPicture(item) {
  stage.show(item);
  $("before").hidden = item.verdict === null;
  $("before").textContent = item.verdict === "graded" && round.kind === "grade" ? `You said ${item.grade}` : "Seen before";
  for (const button of $("grades").children) {
    button.setAttribute("aria-pressed", String(item.verdict === "graded" && Number(button.dataset.grade) === item.grade));
  }
  if (round.kind === "category") categories.start(item.categories);
}

function send(item, answer) {
  outbox.add({
    assessor,
    kind: round.kind,
    round: round.id,
    content_hash: item.content_hash,
    ...(round.kind === "grade" ? { query: item.query } : {}),
    ...answer,
  });
}

/** Store an answer to the picture shown and go on. */
function answer(given, words) {
  if (document.body.dataset.state !== "work" || !stage.ready({ toSkip: given.verdict === "skipped" })) return;
  const item = coming.shift();
  send(item, given);
  past.push({ ...item, verdict: given.verdict, grade: given.grade ?? null, categories: given.categories ?? [] });
  done += 1;
  $("announce").textContent = words;
  advance(item.query);
}

function grade(value) {
  if (round?.kind !== "grade") return;
  if (stage.ready()) move($("grades").children[value], [{ scale: 0.96 }, { scale: 1 }], 160);
  answer({ verdict: "graded", grade: value }, GRADES[value]);
}

function confirmCategories() {
  const picked = categories.picked();
  answer({ verdict: "graded", categories: picked }, picked.join(", ") || "none of them");
}

function skip() {
  answer({ verdict: "skipped" }, "skipped");
}

function undo() {
  const item = past.pop();
  if (!item) return;
  send(item, { verdict: "withdrawn" });
  const before = coming[0]?.query ?? "";
  coming.unshift(item);
  done -= 1;
  $("announce").textContent = "taken back";
  advance(before);
}

/** Move a thing for a moment, unless its reader wants nothing to move. */
function move(thing, frames, duration) {
  thing.getAnimations().forEach((each) => each.cancel());
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) thing.animate(frames, { duration, easing: "ease-out" });
}

async function finish() {
  show("end");
  $("announce").textContent = "That was all. Thank you!";
  $("end-undo").disabled = past.length === 0;
  const stored = await outbox.flush();
  await showEnd(round, assessor, stored);
}

async function showRounds() {
  show("setup");
  $("round-name").textContent = "Judging";
  history.replaceState(null, "", "judge");
  try {
    await setup.listRounds();
  } catch (problem) {
    fail("Not available right now", problem.message, showRounds);
  }
}

async function resume(name, id) {
  assessor = name;
  history.replaceState(null, "", `judge?round=${encodeURIComponent(id)}`);
  try {
    await begin(await ask(`judgements/rounds/${encodeURIComponent(id)}`));
  } catch (problem) {
    fail("Not available right now", problem.message, problem.status === 404 ? showRounds : () => resume(name, id));
  }
}

for (const button of $("grades").children) button.addEventListener("click", () => grade(Number(button.dataset.grade)));
$("confirm").addEventListener("click", confirmCategories);
$("undo").addEventListener("click", undo);
$("end-undo").addEventListener("click", undo);
$("skip").addEventListener("click", skip);
$("leave").addEventListener("click", showRounds);
$("another").addEventListener("click", showRounds);
categories.onConfirm(confirmCategories);

onKeys({ grade, skip, undo });
setup.onStart(resume);
const wanted = new URLSearchParams(location.search).get("round");
if (wanted && setup.remembered()) resume(setup.remembered(), wanted);
else showRounds();

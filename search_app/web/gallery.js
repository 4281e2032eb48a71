// The grid: rows of one height, best first, a line where relevance ends, and what is nearest below it.

import { frameOf, renew, tileOf } from "./tile.js";
import { isForBrowser } from "./dom.js";

const LINE = 0.5;

const near = document.getElementById("grid");
const beyond = document.getElementById("beyond");
const far = document.getElementById("far");

let tiles = new Map(); // id to tile

export function isRelevant(hit) {
  return hit.relevance >= LINE;
}

function tileFor(hit, rank) {
  const known = tiles.get(hit.id);
  if (!known) return tileOf(hit, rank);
  renew(known, hit);
  return known;
}

/** Remember where the focus is in the grid, and put it back there when tiles have moved. */
function keepingFocus(draw) {
  const active = document.activeElement;
  const tile = active?.closest?.(".tile");
  const does = active?.dataset?.does;
  draw();
  if (!tile) return;
  const there = tiles.get(Number(tile.dataset.id));
  const target = does ? there?.querySelector(`[data-does="${does}"]`) : there?.querySelector("a");
  (target ?? document.getElementById("results")).focus({ preventScroll: true });
}

/** Show the hits of a new answer. */
export function show(hits) {
  const made = hits.map((hit, rank) => tileFor(hit, rank));
  keepingFocus(() => {
    near.replaceChildren(...made.filter((_, rank) => isRelevant(hits[rank])));
    far.replaceChildren(...made.filter((_, rank) => !isRelevant(hits[rank])));
    tiles = new Map(hits.map((hit, rank) => [hit.id, made[rank]]));
  });
  near.hidden = near.childElementCount === 0;
  beyond.hidden = far.childElementCount === 0;
}

/** Add the hits of a further page. */
export function add(hits, rank) {
  for (const [index, hit] of hits.entries()) {
    const tile = tileOf(hit, rank + index);
    tiles.set(hit.id, tile);
    (isRelevant(hit) ? near : far).append(tile);
  }
  near.hidden = near.childElementCount === 0;
  beyond.hidden = far.childElementCount === 0;
}

/** Put the tiles of copies behind the one they are folded into; without hits they go again. */
export function unfold(id, copies) {
  const tile = tiles.get(id);
  for (const each of document.querySelectorAll(`.tile[data-copy-of="${id}"]`)) each.remove();
  const made = copies.map((hit) => tileOf({ ...hit, copies: [] }, 0));
  for (const each of made) each.dataset.copyOf = id;
  tile?.after(...made);
  tile?.querySelector(".copies")?.setAttribute("aria-expanded", String(made.length > 0));
}

/** Frames where pictures will be. */
export function showWaiting() {
  tiles = new Map();
  far.replaceChildren();
  beyond.hidden = true;
  near.hidden = false;
  near.replaceChildren(
    ...[1.4, 0.75, 1, 1.6, 0.7, 1.3, 1, 0.8, 1.5, 1.2, 0.75, 1].map((ratio) => {
      const item = frameOf(ratio);
      item.classList.add("waiting");
      item.setAttribute("aria-hidden", "true");
      item.append(Object.assign(document.createElement("span"), { className: "frame" }));
      return item;
    }),
  );
}

/** Call `act(what, id)` when a picture is pressed: "open", or what a button in its tile does. */
export function onAct(act) {
  document.getElementById("results").addEventListener("click", (event) => {
    const tile = event.target.closest(".tile[data-id]");
    const does = event.target.closest("[data-does]")?.dataset.does ?? (event.target.closest("a") && "open");
    if (!tile || !does || (does === "open" && isForBrowser(event))) return;
    event.preventDefault();
    act(does, Number(tile.dataset.id));
  });
}

export function focusOn(id) {
  document.querySelector(`.tile[data-id="${id}"] a`)?.focus();
}

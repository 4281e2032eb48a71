// The end of a round: what was said, how well people agree, and the files.

import { ask } from "./api.js";

const $ = (id) => document.getElementById(id);

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

const figure = (value) => (value === null ? "–" : value.toFixed(2));

/** Common words for a figure (Landis & Koch 1977): a hint, no law. */
function inWords(value) {
  if (value === null) return "not defined";
  const steps = [[0.81, "almost perfect"], [0.61, "substantial"], [0.41, "moderate"], [0.21, "fair"], [0, "slight"]];
  return steps.find(([least]) => value >= least)?.[1] ?? "worse than chance";
}

function table(pairs) {
  const made = document.createElement("table");
  const head = document.createElement("tr");
  head.append(...["Who", "Both judged", "Same", "Cohen’s κ", "Weighted κ"].map((text) => element("th", text)));
  made.append(head);
  for (const pair of pairs) {
    const row = document.createElement("tr");
    const same = pair.same === null ? "–" : `${Math.round(100 * pair.same)} %`;
    const cells = [`${pair.first} and ${pair.second}`, pair.shared, same, figure(pair.kappa), figure(pair.weighted_kappa)];
    row.append(...cells.map((text) => element("td", text)));
    made.append(row);
  }
  return made;
}

/** Fill the last section; `stored` says whether the service has everything. */
export async function showEnd(round, assessor, stored) {
  const id = encodeURIComponent(round.id);
  $("export-qrels").href = `judgements/export?round=${id}`;
  $("export-topics").href = `judgements/export?round=${id}&form=topics`;
  $("end-counts").textContent = "";
  $("agreement").replaceChildren();
  try {
    const { progress } = await ask(`judgements/rounds/${id}`);
    const mine = progress.find((each) => each.assessor === assessor);
    if (mine) $("end-counts").textContent = `${mine.graded} judged, ${mine.skipped} skipped, ${stored ? "all" : "so far"} stored.`;
    const found = await ask(`judgements/rounds/${id}/agreement`);
    if (found.assessors.length < 2) {
      $("agreement").replaceChildren(element("p", "Nobody else has judged this round yet. When somebody does, this page tells how well you agree."));
      return;
    }
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0; // so that keys can scroll it where it is wider than the screen
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Agreement of each two");
    scroll.append(table(found.pairs));
    const alpha = round.kind === "grade" ? found.alpha_ordinal : found.alpha_nominal;
    const units = round.kind === "grade" ? `${found.units} pictures judged` : `${found.units} decisions, picture by picture and category by category,`;
    const sentence = `Agreement of all: Krippendorff’s α ${figure(alpha)}, ${inWords(alpha)} (${units} by two people or more).`;
    $("agreement").replaceChildren(element("p", sentence), scroll);
  } catch (problem) {
    $("end-counts").textContent = `${problem.message} What you judged is kept here and sent as soon as it can be.`;
  }
}

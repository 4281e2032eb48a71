// A button for each field with the values that were found, how often, and which of them are wanted.

import { counted, labelOf, nameOf } from "./fields.js";
import { element } from "./dom.js";

const bar = document.getElementById("filters");
const menus = new Map(); // field to {opener, panel, list}

let counts = {};
let wanted = new Map();
let toggle = () => {};

function place(panel, opener) {
  const box = opener.getBoundingClientRect();
  panel.style.setProperty("--left", `${Math.max(8, Math.min(box.left, innerWidth - panel.offsetWidth - 8))}px`);
  panel.style.setProperty("--top", `${box.bottom + 6}px`);
}

function menuOf(field) {
  if (menus.has(field)) return menus.get(field);
  const opener = element("button", "menu", nameOf(field));
  const panel = element("div", "panel");
  const list = element("ul");
  opener.type = "button";
  panel.id = `filter-${field.replace(/\W/g, "-")}`;
  panel.popover = "auto";
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", `Filter by ${nameOf(field).toLowerCase()}`);
  panel.append(list);
  opener.setAttribute("popovertarget", panel.id);
  opener.style.order = counted().includes(field) ? "0" : "1"; // asked by hand in the address: behind the usual ones
  panel.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") fill(field); // before it shows: nobody sees it empty
  });
  panel.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    place(panel, opener);
    list.querySelector("input")?.focus();
  });
  panel.addEventListener("keydown", (event) => step(event, list));
  bar.append(opener, panel);
  menus.set(field, { opener, panel, list });
  return menus.get(field);
}

/** Up and down go through the values. */
function step(event, list) {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!move) return;
  event.preventDefault();
  const inputs = [...list.querySelectorAll("input")];
  inputs[(inputs.indexOf(document.activeElement) + move + inputs.length) % inputs.length]?.focus();
}

function option(field, value, count) {
  const item = element("li");
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.value = value;
  box.checked = (wanted.get(field) ?? []).includes(String(value));
  box.addEventListener("change", () => toggle(field, String(value)));
  label.append(box);
  if (field === "colour") {
    const swatch = element("i", "swatch");
    swatch.dataset.colour = value;
    label.append(swatch);
  }
  label.append(element("span", "what", labelOf(field, value)), element("span", "count", count === null ? "" : String(count)));
  item.append(label);
  return item;
}

/** The values of a field; drawn only for those who look at them, as answers come with each key. */
function fill(field) {
  const found = counts[field] ?? [];
  const chosen = wanted.get(field) ?? [];
  const { list } = menus.get(field);
  const missing = chosen.filter((value) => !found.some((each) => String(each.value) === value));
  const focused = list.contains(document.activeElement) ? document.activeElement.value : null;
  list.replaceChildren(
    ...missing.map((value) => option(field, value, null)),
    ...found.map(({ value, count }) => option(field, value, count)),
  );
  if (focused !== null) [...list.querySelectorAll("input")].find((box) => box.value === focused)?.focus();
}

function showField(field) {
  const found = counts[field] ?? [];
  const chosen = wanted.get(field) ?? [];
  if (!found.length && !chosen.length && !menus.has(field)) return;
  const { opener, panel } = menuOf(field);
  if (panel.matches(":popover-open")) fill(field);
  opener.disabled = !found.length && !chosen.length;
  opener.dataset.chosen = chosen.length || "";
  opener.setAttribute("aria-label", chosen.length ? `${nameOf(field)}, ${chosen.length} chosen` : nameOf(field));
}

function draw() {
  for (const field of new Set([...counted(), ...wanted.keys()])) showField(field);
}

/** Which values are wanted now: a map of field to values. */
export function choose(filters) {
  wanted = filters;
  draw();
}

/** How many relevant pictures have each value: {field: [{value, count}]}. */
export function count(found) {
  counts = found;
  draw();
}

/** Call back with field and value when one is switched on or off. */
export function onToggle(change) {
  toggle = change;
}

// What is asked beside the words in the box, piece by piece: each can be changed or taken away.

import { thumbnailOf } from "./api.js";
import { NOTHING } from "./address.js";
import { button, element, icon } from "./dom.js";
import { labelOf, nameOf } from "./fields.js";
import * as pictures from "./pictures.js";
import * as question from "./question.js";

const list = document.getElementById("chips");
const note = document.getElementById("chips-note");

function chip(className, ...content) {
  const made = element("li", `chip ${className}`);
  made.append(...content);
  return made;
}

function remove(label, onPress) {
  return button("drop", label, onPress, icon("cross"));
}

function face({ kind, value }) {
  if (kind === "text") return { content: element("span", "what", value), name: `“${value}”` };
  const given = kind === "picture" ? pictures.get(value) : null;
  const name = kind === "id" ? `picture ${value}` : (given?.name ?? "a picture that is gone");
  const source = kind === "id" ? thumbnailOf(value, 96) : given?.preview;
  if (!source) return { content: element("span", "what", name), name };
  const content = element("img");
  content.alt = name;
  content.src = source;
  content.addEventListener("error", () => content.replaceWith(element("span", "what", name)));
  return { content, name };
}

function termChip(asked, place, go) {
  const term = asked.terms[place];
  const { content, name } = face(term);
  const isMore = term.weight > 0;
  const sign = isMore ? `More like ${name}; press for less` : `Less like ${name}; press for more`;
  const weight = Math.abs(term.weight);
  return chip(
    isMore ? "plus" : "minus",
    button("sign", sign, () => go(question.turned(asked, place)), icon(isMore ? "plus" : "minus")),
    content,
    button("weight", `Counts ${weight} times; press to change`, () => go(question.withNextWeight(asked, place)), `×${weight}`),
    remove(`Take away ${name}`, () => go(question.withoutTerm(asked, place))),
  );
}

function filterChip(asked, field, value, go) {
  const name = `${nameOf(field)}: ${labelOf(field, value)}`;
  return chip("filter", element("span", "what", name), remove(`Take away ${name}`, () => go(question.withFilter(asked, field, value))));
}

/** "without X", as the service understood it: taking it away has the words taken as they stand, and back. */
function understoodChips(asked, understood, go) {
  if (!asked.understand) {
    const undo = remove("Understand “without” again", () => go({ ...asked, understand: true }));
    return [chip("understood", element("span", "what", "word for word"), undo)];
  }
  return (understood?.without ?? []).map((words) => {
    const undo = remove(`Take “${words}” word for word`, () => go({ ...asked, understand: false }));
    return chip("minus understood", icon("minus"), element("span", "what", `without ${words}`), undo);
  });
}

/** Show what is asked; `understood` is what the service made of the words, once it has answered. */
export function show(asked, understood, go) {
  const filters = [...asked.filters].flatMap(([field, values]) => values.map((value) => filterChip(asked, field, value, go)));
  const shown = [
    ...understoodChips(asked, understood, go),
    ...asked.terms.map((_, place) => termChip(asked, place, go)),
    ...filters,
  ];
  const canClear = asked.terms.length + asked.filters.size > 1 || filters.length > 1;
  if (canClear) {
    const clear = element("li");
    clear.append(button("clear", "Take all of these away", () => go({ ...NOTHING, text: asked.text, words: asked.words }), "Clear all"));
    shown.push(clear);
  }
  const focused = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  list.replaceChildren(...shown);
  list.hidden = shown.length === 0;
  if (focused >= 0) ([...list.querySelectorAll("button")][focused] ?? document.getElementById("query")).focus();
  const given = asked.terms.filter((term) => term.kind === "picture");
  const isLost = given.some((term) => !pictures.get(term.value));
  note.textContent = isLost
    ? "A picture you gave is no longer here: give it again."
    : "A picture you give stays in this tab: a link to this page leaves it out.";
  note.hidden = given.length === 0;
}

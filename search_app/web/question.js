// What is asked, in the forms that the service takes; and the changes people make to it.

import * as pictures from "./pictures.js";

const WEIGHTS = [0.5, 1, 2];

function termOf({ kind, value, weight }) {
  if (kind === "text") return { text: value, weight };
  if (kind === "id") return { id: value, weight };
  const given = pictures.get(value);
  return given ? { image: given.data, weight } : null;
}

/** The body of `POST /search`, without what makes a page of it. A picture that this browser lost is left out. */
export function bodyOf(asked) {
  return {
    query: asked.text,
    terms: asked.terms.map(termOf).filter(Boolean),
    words: asked.words,
    understand: asked.understand,
    filter: Object.fromEntries(asked.filters),
    sort: asked.sort,
  };
}

/** Whether anything is left to explain: a question of terms to leave out alone is none. */
export function isExplainable(asked) {
  return Boolean(asked.text) || asked.terms.some((term) => term.weight > 0 && termOf(term));
}

/** With a picture of the index as a term, in the place of the same one before. */
export function withLike(asked, id, weight) {
  const others = asked.terms.filter((term) => term.kind !== "id" || term.value !== id);
  return { ...asked, terms: [...others, { kind: "id", value: id, weight }], view: null };
}

export function withTerm(asked, term) {
  return { ...asked, terms: [...asked.terms, term], view: null };
}

export function withoutTerm(asked, place) {
  return { ...asked, terms: asked.terms.filter((_, index) => index !== place) };
}

function changed(asked, place, change) {
  return { ...asked, terms: asked.terms.map((term, index) => (index === place ? change(term) : term)) };
}

/** The next weight for a term: a half, one, two, and round again. */
export function withNextWeight(asked, place) {
  return changed(asked, place, (term) => {
    const next = WEIGHTS.find((weight) => weight > Math.abs(term.weight)) ?? WEIGHTS[0];
    return { ...term, weight: Math.sign(term.weight) * next };
  });
}

export function turned(asked, place) {
  return changed(asked, place, (term) => ({ ...term, weight: -term.weight }));
}

/** With one value of a filter more, or less where it was there. */
export function withFilter(asked, field, value) {
  const before = asked.filters.get(field) ?? [];
  const after = before.includes(value) ? before.filter((each) => each !== value) : [...before, value];
  const filters = new Map(asked.filters);
  if (after.length) filters.set(field, after);
  else filters.delete(field);
  return { ...asked, filters };
}

// The address bar says what is asked: read and written here alone. Given pictures do not fit into an address; the
// history entry keeps their keys.

const WORDS = ["fused", "only", "off"];
const SORTS = ["", "-date", "date", "-pixels", "path"];
const WEIGHTED = /^(.+)\*(\d+(?:\.\d+)?)$/s;
const TERMS = { like: ["id", 1], unlike: ["id", -1], with: ["text", 1], without: ["text", -1] };
const VIEW = /^#picture-(\d+)$/;

/**
 * What is asked. `terms` are {kind: "text" | "id" | "picture", value, weight}; `filters` maps a field to the values of
 * which one must hold; `view` is the id of the picture that is shown large.
 */
export const NOTHING = Object.freeze({
  text: "",
  terms: [],
  words: "fused",
  sort: "",
  filters: new Map(),
  understand: true,
  view: null,
});

function termOf(name, given) {
  const [kind, sign] = TERMS[name];
  const [, text, weight] = given.match(WEIGHTED) ?? [null, given, 1];
  const value = kind === "id" ? Number(text) : text.trim();
  const isSound = kind === "id" ? Number.isSafeInteger(value) && value > 0 : value !== "";
  return isSound && Number(weight) > 0 ? { kind, value, weight: sign * Number(weight) } : null;
}

function oneOf(given, allowed) {
  return allowed.includes(given) ? given : allowed[0];
}

/** What the address and the history entry ask for; what makes no sense is passed over. */
export function read({ search, hash }, entry) {
  const parameters = new URLSearchParams(search);
  const terms = [];
  const filters = new Map();
  for (const [name, value] of parameters) {
    const term = name in TERMS ? termOf(name, value) : null;
    if (term) terms.push(term);
    const [, field, wanted] = name === "filter" ? (value.match(/^([\w.-]+):(.*)$/s) ?? []) : [];
    if (field) filters.set(field, [...(filters.get(field) ?? []), wanted]);
  }
  const pictures = (entry?.pictures ?? []).map(({ key, weight }) => ({ kind: "picture", value: key, weight }));
  return {
    text: (parameters.get("q") ?? "").trim(),
    terms: [...terms, ...pictures],
    words: oneOf(parameters.get("words"), WORDS),
    sort: oneOf(parameters.get("sort") ?? "", SORTS),
    filters,
    understand: parameters.get("understand") !== "false",
    view: Number(hash.match(VIEW)?.[1]) || null,
  };
}

function writeTerm(parameters, { kind, value, weight }) {
  if (kind === "picture") return;
  const name = Object.keys(TERMS).find((each) => TERMS[each][0] === kind && TERMS[each][1] === Math.sign(weight));
  const isPlain = Math.abs(weight) === 1 && !WEIGHTED.test(value);
  parameters.append(name, isPlain ? value : `${value}*${Math.abs(weight)}`);
}

/** The address of what is asked, without its given pictures. */
export function write(asked) {
  const parameters = new URLSearchParams();
  if (asked.text) parameters.set("q", asked.text);
  for (const term of asked.terms) writeTerm(parameters, term);
  if (asked.words !== "fused") parameters.set("words", asked.words);
  if (asked.sort) parameters.set("sort", asked.sort);
  for (const [field, values] of asked.filters) for (const value of values) parameters.append("filter", `${field}:${value}`);
  if (!asked.understand) parameters.set("understand", "false");
  const view = asked.view === null ? "" : `#picture-${asked.view}`;
  const query = parameters.size ? `?${parameters}` : "";
  return `${location.pathname}${query}${view}`;
}

/** What the history entry keeps beside the address. */
export function entryOf(asked) {
  const pictures = asked.terms.filter((term) => term.kind === "picture");
  return { pictures: pictures.map(({ value, weight }) => ({ key: value, weight })) };
}

export function isEmpty(asked) {
  return !asked.text && asked.terms.length === 0;
}

/** Whether two ask the same question, whatever is shown large. */
export function isSameQuestion(one, other) {
  const signature = (asked) => write({ ...asked, view: null }) + JSON.stringify(entryOf(asked));
  return signature(one) === signature(other);
}

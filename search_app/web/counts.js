// How many pictures each value of a filter would give. A field that is filtered already is counted without its own
// filter, or there would be nothing to add to it.

import { searchAll } from "./api.js";

function without(filter, field) {
  return Object.fromEntries(Object.entries(filter).filter(([name]) => name !== field));
}

/** Counts for the filtered fields among `fields`, to be put over those of the answer. */
export async function countsBeyond(body, fields, signal) {
  const filtered = fields.filter((field) => field in body.filter);
  if (!filtered.length) return {};
  const queries = filtered.map((field) => ({
    ...body,
    filter: without(body.filter, field),
    sort: "",
    limit: 1,
    facets: [field],
  }));
  const answers = await searchAll(queries, signal);
  return Object.fromEntries(filtered.map((field, place) => [field, answers[place].facets[field]]));
}

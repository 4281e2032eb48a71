// The service over HTTP. Addresses are relative, so that the page works below any path.

/** An answer that is not one: `message` is the problem document's `detail`. */
export class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The service cannot be reached. Is it still running?", 0);
  }
  if (response.ok) return response.json();
  if (response.status === 401) (await import("./key.js")).askForIt();
  const problem = await response.json().catch(() => ({}));
  throw new Problem(problem.detail ?? `The service answered ${response.status}.`, response.status);
}

function post(address, body, signal) {
  return ask(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

/** @returns {Promise<{hits: object[], no_match: boolean, relevant: number, facets: ?object, understood: object}>} */
export function search(body, signal) {
  return post("search", body, signal);
}

/** Several searches in one request; their answers in the same order. */
export async function searchAll(queries, signal) {
  const { answers } = await post("search/batch", { queries }, signal);
  return answers;
}

/** Why a picture was found: shares of terms and channels, and where in the picture the match lies. */
export function explain(id, body, signal) {
  return post(`images/${encodeURIComponent(id)}/explain`, body, signal);
}

export function info() {
  return ask("info");
}

/** A thumbnail wide enough for a sharp screen. */
export function thumbnail(hit, size) {
  return `${hit.thumbnail_url}?size=${size}`;
}

/** The same for a picture of which nothing but the id is known. */
export function thumbnailOf(id, size) {
  return `images/${encodeURIComponent(id)}/thumbnail?size=${size}`;
}

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
  const problem = await response.json().catch(() => ({}));
  throw new Problem(problem.detail ?? `The service answered ${response.status}.`, response.status);
}

/** @returns {Promise<{hits: object[], took_ms: {total: number}}>} */
export function search(query, limit, offset, signal) {
  return ask("search", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, limit, offset }),
    signal,
  });
}

/** Pages of neighbours are cut out of a longer list: the route has no offset. */
export async function similar(id, limit, offset, signal) {
  const answer = await ask(`images/${encodeURIComponent(id)}/similar?limit=${limit + offset}`, { signal });
  return { ...answer, hits: answer.hits.slice(offset) };
}

export function info() {
  return ask("info");
}

/** A thumbnail wide enough for a sharp screen. */
export function thumbnail(hit, size) {
  return `${hit.thumbnail_url}?size=${size}`;
}

// Judgements on their way to the service: kept in this browser until the service says that they lie on its disk.

const WAITING = "judgements.waiting.";
const REFUSED = "judgements.refused.";
const SECONDS_BETWEEN = [1, 2, 4, 8, 15];
const BATCH = 50;
const KEEPALIVE_BYTES = 60_000; // a browser refuses to send more behind a page that is left
// What trying again would not mend.
const HOPELESS = new Set([400, 403, 413, 422]);

const listeners = [];
const here = new Map(); // where the browser has no storage for us: what is here is lost with the page
let kept = true;
let counter = 0;
let failures = 0;
let timer = 0;
let running = null;
let trouble = "";

function entries(prefix) {
  const names = [...here.keys()];
  try {
    for (let place = 0; place < localStorage.length; place += 1) names.push(localStorage.key(place));
  } catch {
    kept = false;
  }
  return names.filter((name) => name.startsWith(prefix)).sort();
}

function read(name) {
  return JSON.parse(here.get(name) ?? localStorage.getItem(name) ?? "null");
}

function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    kept = false;
    here.set(name, JSON.stringify(value));
  }
}

function remove(name) {
  if (!here.delete(name)) localStorage.removeItem(name);
}

/** A random UUID; `crypto.randomUUID` is missing where the page comes over plain HTTP from another machine. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What waits, what was refused, why nothing goes through, and whether a reload would keep what waits. */
export function state() {
  return { waiting: entries(WAITING).length, refused: entries(REFUSED).map(read), trouble, kept };
}

/** Every judgement that waits, oldest first. */
export function waiting() {
  return entries(WAITING).map(read).filter(Boolean);
}

export function forgetRefused() {
  entries(REFUSED).forEach(remove);
  tell();
}

/** Call back whenever `state` may have changed. */
export function onChange(listener) {
  listeners.push(listener);
}

function tell() {
  const now = state();
  for (const listener of listeners) listener(now);
}

/** Take a judgement; it is sent as soon as can be, in the order things were said. */
export function add(judgement) {
  counter += 1;
  const said = { uuid: uuid(), ...judgement };
  const order = `${String(Date.now()).padStart(15, "0")}.${String(counter).padStart(6, "0")}`;
  write(`${WAITING}${order}.${said.uuid}`, said);
  tell();
  flush();
}

/** Send what waits; resolves to whether nothing is left. */
export function flush() {
  running ??= send().finally(() => {
    running = null;
  });
  return running;
}

async function send() {
  clearTimeout(timer);
  for (let names = entries(WAITING); names.length; names = entries(WAITING)) {
    // After a refusal one at a time, so that only the one that is wrong stays behind.
    const batch = names.slice(0, trouble === "refused" ? 1 : BATCH);
    const status = await post(batch.map(read).filter(Boolean));
    if (status === 200) {
      batch.forEach(remove);
      failures = 0;
      trouble = "";
    } else if (HOPELESS.has(status) && batch.length > 1) {
      trouble = "refused";
    } else if (HOPELESS.has(status)) {
      write(batch[0].replace(WAITING, REFUSED), read(batch[0]));
      remove(batch[0]);
    } else {
      trouble = status === 0 ? "The service cannot be reached." : `The service answered ${status}.`;
      timer = setTimeout(flush, 1000 * SECONDS_BETWEEN[Math.min(failures, SECONDS_BETWEEN.length - 1)]);
      failures += 1;
      tell();
      return false;
    }
    tell();
  }
  trouble = "";
  tell();
  return true;
}

async function post(judgements) {
  if (!judgements.length) return 200;
  const body = new Blob([JSON.stringify({ judgements })], { type: "application/json" });
  try {
    const response = await fetch("judgements", {
      method: "POST",
      body,
      keepalive: body.size <= KEEPALIVE_BYTES,
    });
    return response.status;
  } catch {
    return 0;
  }
}

addEventListener("online", () => flush());
addEventListener("storage", (event) => {
  if (event.key?.startsWith("judgements.")) tell();
});
addEventListener("beforeunload", (event) => {
  if (!kept && here.size) event.preventDefault();
});

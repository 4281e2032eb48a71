// Pictures that somebody gave as a query. They live in this tab alone: in no address, and on no server.

const EDGE = 1024; // enough for any image tower, and quick to send with each key that is typed
const PREVIEW = 96;
const SMALL = 300_000; // bytes that are sent as they are
const LARGEST = 20_000_000; // where the browser cannot make it smaller
const STORED = "picture.";

const kept = new Map();

function asDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}

function drawn(bitmap, edge) {
  const scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // what is transparent, as JPEG has no word for it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.92);
}

async function prepared(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap === null) {
    // Not every format that is indexed is one that browsers show (TIFF): the service may read it.
    if (file.size > LARGEST) throw new Error(`${file.name} is too large, and this browser cannot make it smaller.`);
    return { data: await asDataUrl(file), preview: "" };
  }
  const isSmall = file.size <= SMALL && Math.max(bitmap.width, bitmap.height) <= 2 * EDGE;
  return { data: isSmall ? await asDataUrl(file) : drawn(bitmap, EDGE), preview: drawn(bitmap, PREVIEW) };
}

/** Keep a picture file; gives the key it has from now on. Throws a sentence where it cannot be one. */
export async function keep(file) {
  if (!file.type.startsWith("image/")) throw new Error(`${file.name || "This"} is not a picture.`);
  const picture = { name: file.name || "picture", ...(await prepared(file)) };
  const key = [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  kept.set(key, picture);
  try {
    sessionStorage.setItem(STORED + key, JSON.stringify(picture));
  } catch {
    // No room: it lasts until the page is loaded again.
  }
  return key;
}

/** The picture {name, data, preview} of a key; undefined where this tab has it no more. */
export function get(key) {
  if (kept.has(key)) return kept.get(key);
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORED + key));
    if (stored) kept.set(key, stored);
  } catch {
    // As if it were not there.
  }
  return kept.get(key);
}

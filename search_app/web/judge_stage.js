// The picture on the judging page, and whether keys are taken: not before it is there.

const work = document.getElementById("work");
const stage = document.getElementById("stage");
const picture = document.getElementById("picture");

const SIZE = 1280;
const RETRY_MS = 4000;
const PAUSE_MS = 450; // after the query changed: fingers are faster than eyes

let shown = "";
let pause = 0;
let retry = 0;

const address = (item) => `${item.thumbnail_url}?size=${SIZE}`;

/** Show an item's picture. */
export function show(item) {
  shown = address(item);
  load();
}

function load() {
  clearTimeout(retry);
  stage.classList.remove("lost", "large");
  stage.classList.add("waiting");
  settle();
  picture.src = shown;
  if (picture.complete && picture.naturalWidth) arrived();
}

/** Fetch pictures that come soon. */
export function preload(items) {
  for (const item of items) new Image().src = address(item);
}

/** Take no keys for a moment. */
export function hold() {
  clearTimeout(pause);
  pause = setTimeout(() => {
    pause = 0;
    settle();
  }, PAUSE_MS);
}

/** Whether the picture is there and keys are taken; one that does not come may be skipped. */
export function ready({ toSkip = false } = {}) {
  return work.getAttribute("aria-busy") === "false" || (toSkip && stage.classList.contains("lost"));
}

export function enlarge(large = !stage.classList.contains("large")) {
  stage.classList.toggle("large", large);
}

function arrived() {
  stage.classList.remove("waiting", "lost");
  settle();
}

function settle() {
  work.setAttribute("aria-busy", String(Boolean(pause) || stage.classList.contains("waiting")));
}

picture.addEventListener("load", arrived);
picture.addEventListener("error", () => {
  stage.classList.add("lost");
  clearTimeout(retry);
  retry = setTimeout(load, RETRY_MS); // the connection may come back
});
stage.addEventListener("click", () => enlarge());

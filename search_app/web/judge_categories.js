// Picking categories: type to find, digits and Enter to pick, Enter again to go on.

const filter = document.getElementById("filter");
const choices = document.getElementById("choices");
const chosen = document.getElementById("picked");
const confirm = document.getElementById("confirm");

let names = [];
let now = [];
let confirmed = () => {};

/** The categories of the round. */
export function offer(all) {
  names = all;
}

/** A new picture, with what was picked for it before. */
export function start(before) {
  now = [...before];
  filter.value = "";
  draw();
  // On a phone that would open the keyboard over the picture.
  if (!matchMedia("(pointer: coarse)").matches) filter.focus({ preventScroll: true });
}

export function picked() {
  return [...now];
}

export function onConfirm(listener) {
  confirmed = listener;
}

function matching() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  return names.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
}

function toggle(name) {
  now = now.includes(name) ? now.filter((each) => each !== name) : [...now, name];
  filter.value = "";
  draw();
}

function button(name, text) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", () => {
    toggle(name);
    if (!matchMedia("(pointer: coarse)").matches) filter.focus({ preventScroll: true });
  });
  return made;
}

function draw() {
  const found = matching();
  choices.replaceChildren(
    ...found.map((name, place) => {
      const item = document.createElement("li");
      const made = button(name, name);
      made.setAttribute("aria-pressed", String(now.includes(name)));
      if (place < 9) {
        const key = document.createElement("kbd");
        key.textContent = String(place + 1);
        made.prepend(key, " ");
      }
      item.append(made);
      return item;
    }),
  );
  chosen.replaceChildren(
    ...now.map((name) => {
      const item = document.createElement("li");
      const made = button(name, `${name} ×`);
      made.setAttribute("aria-label", `Remove ${name}`);
      item.append(made);
      return item;
    }),
  );
  confirm.textContent = now.length ? "Next" : "None of them";
}

filter.addEventListener("input", draw);
filter.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const found = matching();
  if (/^[1-9]$/.test(event.key)) {
    event.preventDefault();
    if (found[event.key - 1]) toggle(found[event.key - 1]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (!filter.value.trim()) confirmed();
    else if (found.length) toggle(found[0]);
  } else if (event.key === "Backspace" && !filter.value && now.length) {
    toggle(now.at(-1));
  }
});

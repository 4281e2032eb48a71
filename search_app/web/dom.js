// Small makers of elements. Names, words and paths are only ever text, never markup.

const SVG = "http://www.w3.org/2000/svg";
const DRAWINGS = {
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  cross: "M6 6l12 12M18 6 6 18",
  copies: "M8 8h12v12H8zM4 16V4h12",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4",
};

export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", DRAWINGS[name]);
  drawing.append(path);
  return drawing;
}

/** A button; `label` is what it does, for a screen reader and under the mouse. */
export function button(className, label, onPress, ...content) {
  const made = element("button", className);
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.append(...content);
  made.addEventListener("click", onPress);
  return made;
}

/** Text in which the characters of `spans` ([from, to) in code points) are marked. */
export function marked(text, spans) {
  const characters = [...text];
  const parts = [];
  let end = 0;
  for (const [from, to] of [...spans].sort((one, other) => one[0] - other[0])) {
    if (from < end) continue;
    parts.push(characters.slice(end, from).join(""), element("mark", "", characters.slice(from, to).join("")));
    end = to;
  }
  parts.push(characters.slice(end).join(""));
  return parts;
}

/** Text in which `backticks` mark what is to be typed. */
export function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", "", part) : part));
}

/** Whether a click asks the browser for a new tab or window, which stays the browser's. */
export function isForBrowser(event) {
  return event.ctrlKey || event.metaKey || event.shiftKey || event.button > 0;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

// The fields that pictures are filtered by, as people call them.

const NAMES = { folder: "Folder", orientation: "Shape", colour: "Colour", words: "Printed words", format: "Format" };
const LABELS = {
  words: { yes: "some", no: "none" },
  orientation: { landscape: "landscape", portrait: "portrait", square: "square" },
};
const FIRST = ["folder", "orientation", "colour", "words"];
const MOST = 8; // so many are counted at once

let fields = FIRST;

/** Fields to count; those of the user's own metadata too where the service lists them. */
export function counted() {
  return fields;
}

export function learn(listed = []) {
  const own = listed.filter((name) => name.startsWith("meta."));
  fields = [...FIRST, ...own].slice(0, MOST);
}

export function nameOf(field) {
  const own = field.replace(/^meta\./, "").replaceAll("_", " ");
  return NAMES[field] ?? own.charAt(0).toUpperCase() + own.slice(1);
}

export function labelOf(field, value) {
  if (field === "folder" && value === "") return "top folder";
  return LABELS[field]?.[value] ?? String(value);
}

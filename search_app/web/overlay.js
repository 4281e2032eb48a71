// What is drawn over the picture in the viewer: the printed words that match, and where the match lies.

import { element } from "./dom.js";

const HOT = [255, 92, 32, 0.36]; // red, green, blue, alpha
const COLD = [8, 8, 12, 0.7];
const CONTRAST = 1.6; // above 1 the warm parts stay dark, and the hot ones stand out

/** Boxes over the words; each is [left, top, right, bottom] as shares of the picture. */
export function drawWords(layer, words) {
  const boxes = words.flatMap((word) => (word.span_boxes.length ? word.span_boxes : [word.box].filter(Boolean)));
  layer.replaceChildren(
    ...boxes.map(([left, top, right, bottom]) => {
      const made = element("i", "word-box");
      made.style.setProperty("--left", `${100 * left}%`);
      made.style.setProperty("--top", `${100 * top}%`);
      made.style.setProperty("--width", `${100 * (right - left)}%`);
      made.style.setProperty("--height", `${100 * (bottom - top)}%`);
      return made;
    }),
  );
}

/** One pixel for each cell, from cold (dark) to hot (glowing); the browser smooths it as it grows. */
export function drawHeat(canvas, { rows, columns, cells }) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (const [place, heat] of cells.flat().entries()) {
    const [red, green, blue, alpha] = COLD.map((cold, part) => cold + (HOT[part] - cold) * heat ** CONTRAST);
    image.data.set([red, green, blue, 255 * alpha], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

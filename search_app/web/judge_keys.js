// The keys of the judging page; what is typed into a field is left alone.

import { enlarge } from "./judge_stage.js";

const TAKES_UNDO = ["work", "end"];

function isUndo(event) {
  return (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
}

function pressed(key, state, { grade, skip, undo }) {
  if (key === "u" && TAKES_UNDO.includes(state)) undo();
  if (state !== "work") return;
  if (["0", "1", "2"].includes(key)) grade(Number(key));
  if (key === "s") skip();
  if (key === "z") enlarge();
  if (key === "escape") enlarge(false);
}

/** Call `grade(number)`, `skip()` and `undo()` as their keys are pressed. */
export function onKeys(actions) {
  addEventListener("keydown", (event) => {
    const { state } = document.body.dataset;
    const typing = event.target.matches?.("input, textarea, select");
    if (isUndo(event) && TAKES_UNDO.includes(state)) {
      if (typing && event.target.value) return; // it is the typing that is undone
      event.preventDefault();
      actions.undo();
      return;
    }
    if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    pressed(event.key.toLowerCase(), state, actions);
  });
}

// The ways in which a picture is given: chosen, dropped anywhere, or pasted.

const curtain = document.getElementById("curtain");
const chooser = document.getElementById("chooser");

let isOurs = false; // a picture of this page is dragged: no gift

function hasFiles(event) {
  return !isOurs && [...(event.dataTransfer?.types ?? [])].includes("Files");
}

function onDragging(event) {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  curtain.hidden = false;
}

/** Call back with the files that somebody gives. */
export function onGiven(take) {
  chooser.addEventListener("change", () => {
    take([...chooser.files]);
    chooser.value = "";
  });
  document.getElementById("choose").addEventListener("click", () => chooser.click());
  addEventListener("dragstart", () => { isOurs = true; });
  addEventListener("dragend", () => { isOurs = false; });
  addEventListener("dragenter", onDragging);
  addEventListener("dragover", onDragging);
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) curtain.hidden = true;
  });
  addEventListener("drop", (event) => {
    curtain.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    take(files);
  });
}

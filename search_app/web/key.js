// The key of a service that asks for one. It is given once and lies in a cookie that no script can read, this one
// included: pictures are fetched by the browser itself, which sends no header of ours.

import { button, element } from "./dom.js";

const KEPT = "key.kept"; // only that there is one, for the button that forgets it

function note(value) {
  try {
    if (value) sessionStorage.setItem(KEPT, value);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // Then the key is forgotten when the browser is closed, and not before.
  }
}

async function give(key) {
  const response = await fetch("session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ key }),
  });
  if (response.ok) return "";
  if (response.status === 401) return "This key is not known.";
  return "The key could not be given. Try again.";
}

/** Show the field, once; with a key that is known the page starts again. */
export function askForIt() {
  if (document.getElementById("key")) return;
  const form = element("form", "key-form");
  const label = element("label", "", "Key");
  const input = element("input");
  Object.assign(input, { id: "key", type: "password", autocomplete: "current-password", required: true, maxLength: 512 });
  label.htmlFor = input.id;
  const send = element("button", "button quiet", "Open");
  const told = element("p");
  told.setAttribute("role", "status");
  told.textContent = "This service asks for a key. It stays in this browser until it is closed.";
  form.append(label, input, send, told);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    told.textContent = await give(input.value.trim()).catch(() => "The service cannot be reached.");
    send.disabled = false;
    if (told.textContent) return input.select();
    note("yes");
    location.reload();
  });
  document.querySelector("main").prepend(form);
}

/** Offer to forget the key that this tab was given. */
export function offerToForget(place) {
  try {
    if (!sessionStorage.getItem(KEPT)) return;
  } catch {
    return;
  }
  async function forget() {
    await fetch("session", { method: "DELETE" });
    note("");
    location.reload();
  }
  place.append(" ", button("link", "Forget the key in this browser", forget, "Forget my key"));
}

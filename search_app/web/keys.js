// The grid by keyboard: arrows go from picture to picture, + and - say more or less like the one in focus.

const query = document.getElementById("query");

function links() {
  return [...document.querySelectorAll(".tile[data-id] a")];
}

function middle(link) {
  const { left, top, width, height } = link.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}

/** The nearest picture in the row above (-1) or below (1). */
function across(all, from, direction) {
  const { x, y } = middle(from);
  const rows = all
    .map((link) => ({ link, ...middle(link) }))
    .filter((each) => (each.y - y) * direction > 8);
  const nearest = Math.min(...rows.map((each) => Math.abs(each.y - y)));
  const row = rows.filter((each) => Math.abs(each.y - y) < nearest + 8);
  return row.sort((one, other) => Math.abs(one.x - x) - Math.abs(other.x - x))[0]?.link;
}

function target(key, from) {
  const all = links();
  const place = all.indexOf(from);
  if (key === "ArrowRight") return all[place + 1];
  if (key === "ArrowLeft") return all[place - 1];
  if (key === "ArrowDown") return across(all, from, 1);
  if (key === "ArrowUp") return across(all, from, -1) ?? query;
  return { Home: all[0], End: all.at(-1) }[key];
}

function inGrid(event, link) {
  const does = { "+": "like", "-": "unlike" }[event.key];
  if (does) {
    event.preventDefault();
    link.closest(".tile").querySelector(`[data-does="${does}"]`).click();
    return;
  }
  const next = target(event.key, link);
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.target === query && event.key === "ArrowDown") {
    event.preventDefault();
    links()[0]?.focus();
    return;
  }
  const link = event.target.closest?.(".tile[data-id] a");
  if (link) inGrid(event, link);
  else if (event.key === "/" && !event.target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea")) {
    event.preventDefault();
    query.select();
    query.focus();
  }
});

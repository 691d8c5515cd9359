(() => {
"use strict";
// The rows are there already: this only hides and orders them. Without it everything is shown, worst first.
const body = document.querySelector(".repositories tbody");
const rows = [...body.rows];
const texts = rows.map((row) => row.textContent.toLowerCase());
const input = document.querySelector("#q");
const tiles = [...document.querySelectorAll(".tile[data-state]")];
const states = new Set();

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let seen = 0;
  rows.forEach((row, index) => {
    const fits = (!states.size || states.has(row.dataset.state)) && words.every((word) => texts[index].includes(word));
    row.hidden = !fits;
    if (fits) seen += 1;
  });
  document.querySelector("#status").textContent = seen === rows.length ? `${seen} repositories` : `${seen} of ${rows.length} repositories`;
}

function order(column, head) {
  const up = head.getAttribute("aria-sort") !== "ascending";
  const value = (row) => { const cell = row.cells[column]; return cell.dataset.n === undefined ? cell.textContent : Number(cell.dataset.n); };
  const before = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en"));
  const sorted = [...rows].sort((a, b) => (up ? 1 : -1) * before(value(a), value(b)));
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...sorted);
}

for (const tile of tiles) {
  tile.addEventListener("click", () => {
    const on = !states.delete(tile.dataset.state);
    if (on) states.add(tile.dataset.state);
    tile.setAttribute("aria-pressed", String(on));
    show();
    if (on) document.querySelector("#repositories").scrollIntoView();
  });
}
[...document.querySelectorAll(".repositories thead th")].forEach((head, column) => {
  head.querySelector("button").addEventListener("click", () => order(column, head));
});
input.addEventListener("input", show);
input.form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && document.activeElement !== input) { event.preventDefault(); input.focus(); }
});
input.form.hidden = false;
show();
})();

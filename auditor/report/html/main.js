// The page follows its address: every control writes there, so that a link shows what its sender saw and "back" goes back.

const find = (selector) => document.querySelector(selector);
const section = Object.fromEntries(VIEWS.map((name) => [name, document.getElementById(name)]));
let state = Object.fromEntries(KEYS.map((key) => [key, ""]));
let columns = [];

const rows = {
  images: new Rows("images", find(".images tbody"), (image) => imageRows(image, image.id === state.image || image.unfolded, toggle)),
  findings: new Rows("findings", find("#findings > .findings"), (finding) => [findingItem(finding)]),
  policies: new Rows("policies", find(".matrix tbody"), (image) => policyRow(image, columns)),
  skipped: new Rows("skipped", find("#skipped > .findings"), gapItem),
};
const aside = find("#set-aside");

/** A new entry of the history, unless it is the same; typing replaces the entry. */
function go(change, replace = false) {
  const address = addressOf({ ...state, ...change });
  if (address === addressOf(state)) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  follow();
}

/** Shows what the address says. */
function follow() {
  const before = state;
  state = readAddress();
  if (state.image && !BY_ID.has(state.image)) state.image = "";
  for (const name of VIEWS) section[name].hidden = name !== state.view;
  for (const link of document.querySelectorAll("[data-view]")) {
    link.toggleAttribute("aria-current", link.dataset.view === state.view);
    if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
    link.setAttribute("href", addressOf({ ...state, view: link.dataset.view, image: "" }));
  }
  for (const key of ["q", "scope", "verdict", "rule", "repository", "root"]) if (find(`#${key}`).value !== state[key]) find(`#${key}`).value = state[key];
  for (const tile of document.querySelectorAll("[data-standing]")) tile.setAttribute("aria-pressed", String(tile.dataset.standing === state.standing));
  const turned = state.sort.startsWith("-");
  for (const button of document.querySelectorAll("[data-sort]")) {
    const is = button.dataset.sort === (state.sort.replace("-", "") || "standing");
    button.closest("th").setAttribute("aria-sort", is ? (turned ? "descending" : "ascending") : "none");
  }
  layOut(before);
}

/** Lays out the view of the address: an image that is opened or closed changes its own rows only. */
function layOut(before) {
  const onlyImage = KEYS.every((key) => key === "image" || before[key] === state[key]) && rows.images.items.includes(BY_ID.get(state.image || before.image));
  if (state.view === "images" && onlyImage && rows.images.shown) {
    for (const id of new Set([before.image, state.image])) if (id) redraw(BY_ID.get(id));
  } else show(state.view);
  tell();
  if (state.image && before.image !== state.image) reveal(BY_ID.get(state.image));
}

function show(view) {
  if (view === "images") rows.images.show(filteredImages(state), emptyRow(4, "No image is left by these filters."));
  if (view === "findings") showFindings();
  if (view === "policies") showPolicies();
  if (view === "skipped") rows.skipped.show(filteredSkipped(state), el("li", { class: "empty" }, "Everything was read."));
}

function showFindings() {
  const left = filteredFindings(state);
  const set = left.filter((finding) => !finding.counts);
  rows.findings.show(left.filter((finding) => finding.counts), el("li", { class: "empty" }, "No finding counts here."));
  aside.hidden = !set.length;
  aside.querySelector("summary").textContent = `${count(set.length, "finding")} waived or in the baseline`;
  aside.items = set;
  aside.querySelector("ol").replaceChildren(...(aside.open ? set.map((finding) => findingItem(finding)) : []));
}
aside.addEventListener("toggle", () => aside.querySelector("ol").replaceChildren(...(aside.open ? aside.items.map((finding) => findingItem(finding)) : [])));

function showPolicies() {
  const left = filteredImages(state).filter((image) => image.policies.length);
  columns = policyColumns(left);
  find(".matrix thead").replaceChildren(el("tr", {}, el("th", { scope: "col" }, "Image"), columns.map(([, policy]) => el("th", { scope: "col" }, breakable(policy.name), el("br"), el("span", { class: "dim" }, breakable(policy.file))))));
  rows.policies.show(left, emptyRow(columns.length + 1, "No policy of the cluster spoke about these images."));
}

/** How many are left, for eyes and for screen readers. */
function tell() {
  const [noun, all] = { images: ["image", DATA.images.length], findings: ["finding", DATA.findings.length], policies: ["image", DATA.images.length], skipped: ["thing", DATA.skipped.length] }[state.view];
  const left = state.view === "findings" ? rows.findings.items.length + aside.items.length : rows[state.view].items.length;
  find("#status").textContent = `${left.toLocaleString("en")} of ${count(all, noun)}`;
}

function toggle(image) {
  go({ image: state.image === image.id ? "" : image.id });
}

function rowOf(image) {
  return [...rows.images.container.querySelectorAll(".row")].find((row) => row.dataset.image === image.id);
}

function redraw(image) {
  const row = rowOf(image);
  if (!row) return;
  const focused = row.contains(document.activeElement);
  if (row.nextElementSibling && row.nextElementSibling.classList.contains("evidence")) row.nextElementSibling.remove();
  const made = imageRows(image, image.id === state.image, toggle);
  row.replaceWith(...made);
  if (focused) made[0].querySelector("button").focus({ preventScroll: true });
}

/** Brings an opened image into sight. */
function reveal(image) {
  rows.images.reach(image);
  const row = rowOf(image);
  const button = row.querySelector("button");
  if (document.activeElement !== button) button.focus({ preventScroll: true });
  const box = row.getBoundingClientRect();
  if (box.top < 80 || box.bottom > innerHeight - 80) row.scrollIntoView({ block: "start" });
}

function fill(select, all, counted) {
  select.append(el("option", { value: "" }, all), ...[...counted].map(([value, number]) => el("option", { value }, `${value.length > 60 ? `${value.slice(0, 59)}…` : value} (${number})`)));
}

function tallied(values, order = (a, b) => b[1] - a[1]) {
  const counted = new Map();
  for (const value of values) counted.set(value, (counted.get(value) ?? 0) + 1);
  return [...counted].sort(order);
}

function prepare() {
  const scopes = { decides: "what decides", kept: "unchanged", removed: "removed" };
  const select = find("#scope");
  const number = (scope) => DATA.images.filter((image) => image.scope === scope).length;
  select.append(el("option", { value: "" }, DECIDES ? `what decides (${number("decides")})` : `all images (${DATA.images.length})`));
  for (const scope of ["kept", "removed"]) if (number(scope)) select.append(el("option", { value: scope }, `${scopes[scope]} (${number(scope)})`));
  if (DECIDES) select.append(el("option", { value: "all" }, `all images (${DATA.images.length})`));
  fill(find("#verdict"), "any", tallied(DATA.images.map((image) => image.verdict ?? "not judged")));
  fill(find("#rule"), "any", tallied(DATA.findings.map((finding) => finding.rule)));
  const repositories = tallied(DATA.images.map((image) => image.repository).filter(Boolean), (a, b) => (a[0] < b[0] ? -1 : 1));
  fill(find("#repository"), "any", repositories);
  find("#repository").closest("label").hidden = repositories.length === 0;
  fill(find("#root"), "any", tallied(DATA.images.flatMap((image) => image.roots), (a, b) => (a[0] < b[0] ? -1 : 1)));
  const numbers = { images: DATA.images.length, findings: DATA.findings.length, policies: policyColumns(DATA.images).length, skipped: DATA.skipped.length };
  for (const link of document.querySelectorAll("[data-view]")) link.append(el("span", { class: "n" }, numbers[link.dataset.view].toLocaleString("en")));
  for (const hidden of document.querySelectorAll(".views, .filters")) hidden.hidden = false;
}

/** The arrow keys move between the rows of images; the next page is laid out when the last row is left. */
function move(event) {
  const buttons = [...document.querySelectorAll(".images .open-row")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  if (to === buttons.length) rows.images.more();
  const target = [...document.querySelectorAll(".images .open-row")][to];
  if (target) target.focus();
}

function press(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    find("#q").focus();
    find("#q").select();
  } else if (event.key === "Escape" && state.image) go({ image: "" });
  else if (event.key === "Escape" && typing) document.activeElement.blur();
  else move(event);
}

/** Paper shows everything that the filters leave, and the evidence of whatever does not pass. */
function print() {
  for (const image of filteredImages(state)) image.unfolded = image.standing !== "passes" && image.scope === "decides";
  for (const view of VIEWS) {
    section[view].hidden = view !== "images" && !{ findings: DATA.findings, policies: policyColumns(DATA.images), skipped: DATA.skipped }[view].length;
    show(view);
    rows[view].more(Infinity);
  }
  aside.open = true;
  aside.querySelector("ol").replaceChildren(...aside.items.map((finding) => findingItem(finding)));
}

function afterPrint() {
  for (const image of DATA.images) image.unfolded = false;
  aside.open = false;
  follow();
}

prepare();
addEventListener("hashchange", follow);
addEventListener("keydown", press);
addEventListener("beforeprint", print);
addEventListener("afterprint", afterPrint);
find("#q").addEventListener("input", (event) => go({ q: event.target.value, image: "" }, true));
for (const key of ["scope", "verdict", "rule", "repository", "root"]) find(`#${key}`).addEventListener("change", (event) => go({ [key]: event.target.value, image: "" }));
find(".filters").addEventListener("submit", (event) => event.preventDefault());
find("#reset").addEventListener("click", (event) => { event.preventDefault(); go({ q: "", scope: "", verdict: "", standing: "", rule: "", repository: "", root: "", sort: "", image: "" }); });
for (const tile of document.querySelectorAll("[data-standing]")) {
  tile.addEventListener("click", () => go({ view: "images", standing: tile.dataset.standing === state.standing ? "" : tile.dataset.standing, image: "" }));
}
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => go({ sort: (state.sort || "standing") === button.dataset.sort ? `-${button.dataset.sort}` : button.dataset.sort }));
}
aside.items = [];
follow();

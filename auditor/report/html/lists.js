// Long lists are laid out a page at a time: the rest follows when the reader comes near, or prints.

const PAGE = 50;

/** Rows of a list in a container, as far as they were looked at. `make` gives the elements of one item. */
class Rows {
  constructor(name, container, make) {
    this.container = container;
    this.make = make;
    this.button = document.querySelector(`[data-more="${name}"]`);
    this.items = [];
    this.shown = 0;
    this.button.addEventListener("click", () => this.more());
    new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) this.more(); }, { rootMargin: "600px" }).observe(this.button);
  }

  show(items, empty) {
    this.items = items;
    this.shown = 0;
    this.container.replaceChildren();
    this.more();
    if (!items.length) this.container.append(empty);
  }

  more(number = PAGE) {
    const part = document.createDocumentFragment();
    for (const item of this.items.slice(this.shown, this.shown + number)) part.append(...this.make(item));
    this.shown = Math.min(this.items.length, this.shown + number);
    this.container.append(part);
    const left = this.items.length - this.shown;
    this.button.hidden = left === 0;
    this.button.textContent = `Show ${Math.min(PAGE, left)} more of ${left.toLocaleString("en")}`;
  }

  /** Lays out rows until this item is among them. */
  reach(item) {
    const index = this.items.indexOf(item);
    if (index >= this.shown) this.more(index + 1 - this.shown + PAGE);
  }
}

function emptyRow(columns, text) {
  return el("tr", {}, el("td", { class: "empty", colspan: columns }, text));
}

const NOBODY = { "unsigned": "nobody", "attestation-only": "nobody", "key-signed": "a long-lived key", "invalid": "nobody who could prove it", "unjudged": "not known" };

/** The row of an image, and the row of its evidence where it is open. */
function imageRows(image, open, toggle) {
  const look = LOOKS[image.standing];
  const button = el("button", { type: "button", class: "open-row", "aria-expanded": String(open), title: image.short === image.reference ? null : image.reference }, breakable(image.short));
  const first = image.uses[0];
  const others = image.uses.length + image.moreUses - 1;
  const row = el("tr", { class: `row ${look}${open ? " open" : ""}`, "data-image": image.id, on: { click: (event) => { if (!event.target.closest("a") && !String(getSelection())) toggle(image); } } },
    el("td", {}, chip(look, image.label)),
    el("td", {}, button, image.was ? el("span", { class: "was" }, "was ", breakable(image.was.short)) : "", image.repository ? el("span", { class: "was" }, image.repository) : ""),
    el("td", {}, first ? place(first.place) : "", others > 0 ? el("span", { class: "dim" }, ` and ${others} more`) : ""),
    el("td", {}, image.signer ? el("code", {}, breakable(image.signer)) : el("span", { class: "dim" }, NOBODY[image.verdict] ?? ""),
      image.was && image.was.signer ? el("span", { class: "was flush" }, "was ", breakable(image.was.signer)) : ""));
  if (!open) return [row];
  return [row, el("tr", { class: `evidence ${look}` }, el("td", { colspan: "4" }, el("div", { role: "region", "aria-label": `Evidence of ${image.reference}` }, evidence(image))))];
}

/** Images by policies. A policy that several files hold is told apart by its file. */
function policyColumns(images) {
  const found = new Map();
  for (const image of images) for (const policy of image.policies) found.set(`${policy.name}\n${policy.file}`, policy);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function policyRow(image, columns) {
  const by = new Map(image.policies.map((policy) => [`${policy.name}\n${policy.file}`, policy]));
  return [el("tr", {}, el("th", { scope: "row" }, el("a", { href: addressOf({ image: image.id }) }, image.reference), el("span", { class: "was" }, chip(LOOKS[image.standing], image.label, true))),
    columns.map(([key]) => {
      const policy = by.get(key);
      return el("td", {}, policy ? [chip(SAYS[policy.says], policy.says, true), el("span", { class: "reason" }, policy.why)] : el("span", { class: "dim" }, "—"));
    }))];
}

function gapItem(gap) {
  return [el("li", { class: `finding ${gap.rule ? "incomplete" : "unasked"}` },
    el("header", {}, el("strong", {}, gap.what), place(gap.place), gap.rule ? el("code", {}, gap.rule) : ""),
    el("p", {}, gap.why), gap.help ? el("p", { class: "help" }, gap.help) : "")];
}

// Elements are made of text alone: nothing in this page turns a string into markup.

/** An element. `attributes.on` maps events to listeners; null and false leave an attribute out. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const LOOKS = {
  "fails": "fails", "could not be judged": "incomplete", "warns": "warns", "waived": "waived", "passes": "passes", "not judged": "unasked",
};
const MARKS = { fails: "✗", incomplete: "?", warns: "!", waived: "~", passes: "✓", unasked: "·" };
const LEVELS = { error: "fails", incomplete: "incomplete", warning: "warns", note: "unasked", off: "unasked" };
const SAYS = { "pass": "passes", "fail": "fails", "warn": "warns", "skip": "unasked", "error": "incomplete", "not-evaluable": "incomplete" };
const TRUSTED = new Set(["verified", "exempt"]);

function chip(look, text, small = false) {
  return el("span", { class: `chip ${look}${small ? " small" : ""}` }, `${MARKS[look]} ${text}`);
}

function verdictLook(verdict) {
  return verdict === null ? "unasked" : TRUSTED.has(verdict) ? "passes" : verdict === "unjudged" ? "incomplete" : verdict === "uncovered" ? "warns" : "fails";
}

/** A link that leaves the page: only to the web, and the other side learns nothing of this page. */
function outward(href, ...children) {
  return /^https?:\/\//.test(href) ? el("a", { href, rel: "noopener noreferrer", target: "_blank" }, children) : el("span", {}, children);
}

/** Text that may go on in the next line behind a slash or an at sign; copied, it is the text. */
function breakable(text) {
  return text.split(/(?<=[/@])/).flatMap((part, index) => (index ? [el("wbr"), part] : [part]));
}

function place(where) {
  const text = el("code", {}, breakable(where.text));
  return where.href ? outward(where.href, text) : text;
}

function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** Rows of a table inside the evidence: a caption for screen readers, headers, cells. */
function innerTable(caption, headers, rows) {
  return el("div", { class: "inner" }, el("table", {},
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, headers.map((header) => el("th", { scope: "col" }, header)))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell)))))));
}

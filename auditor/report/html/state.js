// What is shown is what the address says: `#view=…&q=…&scope=…&verdict=…&standing=…&rule=…&repository=…&root=…&sort=…&image=…`.

const DATA = JSON.parse(document.getElementById("data").textContent);
const BY_ID = new Map(DATA.images.map((image) => [image.id, image]));
const VIEWS = ["images", "findings", "policies", "skipped"];
const KEYS = ["view", "q", "scope", "verdict", "standing", "rule", "repository", "root", "sort", "image"];
const LOOSE = "(no root)";
const DECIDES = DATA.images.some((image) => image.scope === "decides");

/** What is shown where the address names no view. */
function usualView(state) {
  return state.rule && !state.image ? "findings" : "images";
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const state = Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
  if (!VIEWS.includes(state.view)) state.view = usualView(state);
  if (state.image) state.view = "images";
  return state;
}

function addressOf(state) {
  const told = new URLSearchParams();
  for (const key of KEYS) if (state[key] && !(key === "view" && state.view === usualView(state))) told.set(key, state[key]);
  return `#${told}`;
}

function signersOf(image) {
  return image.signatures.filter((s) => s.status === "valid").map((s) => DATA.identities[s.who].subject);
}

/** Everything a search looks into, once per image. */
for (const image of DATA.images) {
  image.roots = [...new Set(image.uses.map((use) => use.root ?? LOOSE))];
  image.rules = new Set(image.findings.map((index) => DATA.findings[index].rule));
  image.haystack = [
    image.reference, image.label, image.digest, image.rule, image.repository, image.why, image.help, ...signersOf(image), ...image.rules,
    ...image.uses.flatMap((use) => [use.place.text, use.workload, use.container, use.root, use.base && use.base.text]),
  ].filter(Boolean).join("\n").toLowerCase();
}
for (const finding of DATA.findings) {
  const image = BY_ID.get(finding.image);
  const own = [finding.rule, finding.message, finding.help, finding.about, finding.waiver, finding.place && finding.place.text];
  finding.haystack = own.filter(Boolean).join("\n").toLowerCase();
  finding.roots = image ? image.roots : [finding.root ?? LOOSE];
}

function words(state) {
  return state.q.toLowerCase().split(/\s+/).filter(Boolean);
}

function holds(haystack, wanted) {
  return wanted.every((word) => haystack.includes(word));
}

/** The images that the filters leave, in the order asked for. The image of the address is always among them. */
function filteredImages(state) {
  const wanted = words(state);
  const scope = state.scope || (DECIDES ? "decides" : "all");
  const left = DATA.images.filter((image) => image.id === state.image || (
    (scope === "all" || image.scope === scope)
    && (!state.standing || image.standing === state.standing)
    && (!state.verdict || (image.verdict ?? "not judged") === state.verdict)
    && (!state.rule || image.rules.has(state.rule))
    && (!state.repository || image.repository === state.repository)
    && (!state.root || image.roots.includes(state.root))
    && holds(image.haystack, wanted)));
  return sorted(left, state.sort);
}

const SORTS = {
  reference: (image) => image.reference,
  place: (image) => (image.uses.length ? image.uses[0].place.text : ""),
  signer: (image) => image.signer,
};

/** `reference`, `-reference`, …; without a sort, or by `standing`, the order of the report: the worst first. */
function sorted(images, sort) {
  const by = SORTS[sort.replace("-", "")];
  const turned = sort.startsWith("-") ? -1 : 1;
  if (!by) return turned === 1 ? images : images.reverse();
  return images.sort((a, b) => turned * (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
}

function filteredFindings(state) {
  const wanted = words(state);
  return DATA.findings.filter((finding) => {
    const image = BY_ID.get(finding.image);
    return (!state.rule || finding.rule === state.rule)
      && (!state.repository || (image && image.repository === state.repository))
      && (!state.root || finding.roots.includes(state.root))
      && (!state.standing || (image && image.standing === state.standing))
      && (!state.verdict || (image && (image.verdict ?? "not judged") === state.verdict))
      && holds(finding.haystack, wanted);
  });
}

function filteredSkipped(state) {
  const wanted = words(state);
  return DATA.skipped.filter((gap) => holds([gap.what, gap.why, gap.place.text].join("\n").toLowerCase(), wanted) && (!state.rule || gap.rule === state.rule));
}

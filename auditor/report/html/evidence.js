// What is known about one image: why, what now, where, and every signature with what it proves or where it fails.

function evidence(image) {
  const parts = [
    image.why && el("p", { class: "why" }, image.why),
    image.help && image.standing !== "passes" && el("p", { class: "help" }, image.help),
    image.fix && fix(image.fix),
    furtherFindings(image),
    el("h3", {}, "Image"), facts(image),
    image.uses.length > 0 && [el("h3", {}, "Where it is deployed"), uses(image)],
    el("h3", {}, `Signatures${image.signatures.length ? ` (${image.signatures.length})` : ""}`), signatures(image),
    image.platforms.length > 0 && [el("h3", {}, "Platforms"), innerTable("Platforms", ["Platform", "Digest", "Verdict"], image.platforms.map(
      ([name, digest, verdict]) => [name, el("code", {}, digest), verdict ? chip(verdictLook(verdict), verdict, true) : "not asked"]))],
    image.policies.length > 0 && [el("h3", {}, "The cluster’s own policies"), innerTable("Policies", ["Policy", "Says", "Why"], image.policies.map(
      (policy) => [[el("code", {}, policy.name), el("br"), el("span", { class: "dim" }, policy.file)], chip(SAYS[policy.says], policy.says, true), policy.why]))],
    el("p", { class: "tools" }, el("a", { class: "tool", href: addressOf({ image: image.id }) }, "Link to this image")),
  ];
  return parts.flat(Infinity).filter(Boolean);
}

function facts(image) {
  const was = image.was && [image.was.words];
  const rows = [
    ["digest", image.digest && el("code", {}, image.digest)],
    ["pinned", image.digest && (image.pinned ? "yes: the reference names the digest" : "no: this is what the tag names at this moment")],
    ["replaces", was],
    ["governed by", image.rule && el("code", {}, image.rule)],
    ["repository", image.repository],
  ];
  return el("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function uses(image) {
  const rows = image.uses.map((use) => [
    [place(use.place), use.base && [el("br"), el("span", { class: "dim" }, "overrides ", place(use.base))]].filter(Boolean),
    [use.workload, use.container && ` · ${use.container}`].filter(Boolean),
    use.root === null ? el("span", { class: "dim" }, "loose") : el("code", {}, use.root),
    [use.via, use.change && `, ${use.change}`, !use.deployed && ", not deployed", use.sort !== "image" && `, ${use.sort}`, use.confidence === "low" && ", looks like an image"].filter(Boolean),
  ]);
  const table = innerTable("Where it is deployed", ["Line to edit", "Workload", "Root", "How"], rows);
  return image.moreUses ? [table, el("p", { class: "dim" }, `and ${count(image.moreUses, "more place")}: the JSON lists them all`)] : [table];
}

function fix(lines) {
  const look = (line, index) => (index > 2 && line.startsWith("-") ? "gone" : index > 2 && line.startsWith("+") ? "come" : null);
  const block = el("pre", { class: "diff", tabindex: "0", "aria-label": "The fix as a difference" }, lines.map((line, index) => el("span", { class: look(line, index) }, line)));
  const copy = el("button", { type: "button", class: "tool", on: { click: () => copyText(lines.join("\n") + "\n", block, copy) } }, "Copy the fix");
  return [el("h3", {}, "Fix"), block, el("p", { class: "tools" }, copy)];
}

/** To the clipboard; where the browser refuses, the text is selected for the reader to copy. */
function copyText(text, block, button) {
  const select = () => getSelection().selectAllChildren(block);
  if (!navigator.clipboard) return select();
  return navigator.clipboard.writeText(text).then(() => { button.textContent = "Copied"; }, select);
}

function furtherFindings(image) {
  const told = image.further.map((index) => DATA.findings[index]);
  if (!told.length) return null;
  return [el("h3", {}, "Findings"), el("ol", { class: "findings" }, told.map((finding) => findingItem(finding, false)))];
}

function findingItem(finding, withImage = true) {
  const look = !finding.counts ? "waived" : finding.fails ? "fails" : LEVELS[finding.level];
  return el("li", { class: `finding ${look}` },
    el("header", {}, chip(look, finding.counts ? finding.level : "set aside", true), el("a", { href: addressOf({ view: "findings", rule: finding.rule }) }, el("strong", {}, finding.rule)),
      withImage && finding.about && (finding.image ? el("a", { class: "about", href: addressOf({ image: finding.image }) }, finding.about) : el("code", {}, finding.about)) || "",
      finding.place ? place(finding.place) : ""),
    el("p", {}, finding.message),
    finding.help ? el("p", { class: "help" }, finding.help) : "",
    finding.since ? el("p", { class: "dim" }, `there since ${finding.since}`) : "",
    finding.waiver ? el("p", { class: "dim" }, finding.waiver) : "");
}

const FORMS = { sig: "signature in cosign’s .sig tag", bundle: "Sigstore bundle", att: "attestation in cosign’s .att tag" };

function signatures(image) {
  if (!image.signatures.length) return [el("p", { class: "dim" }, image.verdict === null || image.verdict === "exempt" ? "Not asked for." : image.verdict === "unjudged" ? "None was seen; not everything could be asked." : "None was found in any form.")];
  return image.signatures.map(signature);
}

function signature(told) {
  const good = told.status === "valid" && told.allowed !== false;
  const look = told.status === "unreadable" ? "incomplete" : good ? (told.allowed ? "passes" : "unasked") : told.status === "key-signed" && told.allowed ? "passes" : "fails";
  const word = told.status === "valid" ? { true: "valid, allowed", false: "valid, not allowed", null: "valid" }[told.allowed] : told.status === "key-signed" && told.allowed ? "key-signed, allowed" : told.status;
  const who = told.who === null || told.who === undefined ? null : DATA.identities[told.who];
  return el("article", { class: `signature ${look}`, "aria-label": `${FORMS[told.form]}: ${word}` },
    el("header", {}, chip(look, word, true), FORMS[told.form], told.attestation ? el("span", { class: "dim" }, "attestation, no signature of the image") : ""),
    who ? el("p", {}, told.status === "refused" ? el("span", { class: "dim" }, "claims to be ") : "", el("code", {}, who.subject)) : "",
    told.why ? el("p", { class: "why" }, told.why) : "",
    told.refusal ? el("p", { class: "why" }, told.step ? `refused at step ${told.step} (${DATA.steps[told.step - 1]}): ` : "could not be read: ", told.refusal) : "",
    steps(told), signatureFacts(told, who), who && who.claims.length ? claims(who) : "");
}

function steps(told) {
  if (told.status !== "valid" && told.status !== "refused") return "";
  const look = (index) => (told.status === "valid" ? "ok" : index + 1 === told.step ? "no" : null);
  return el("ol", { class: "steps", "aria-label": "Steps of the verification" }, DATA.steps.map((name, index) => el("li", { class: look(index) },
    `${index + 1} ${name}${look(index) === "ok" ? " ✓" : look(index) === "no" ? " ✗" : ""}`)));
}

function signatureFacts(told, who) {
  const root = told.trust ?? (told.roots ?? []).join(", ");
  const log = told.logIndex === null || told.logIndex === undefined ? null
    : root === "public-good" ? outward(`https://search.sigstore.dev/?logIndex=${encodeURIComponent(told.logIndex)}`, String(told.logIndex)) : String(told.logIndex);
  const rows = [
    ["issuer", who && (who.issuer ?? "none")], ["logged", told.logged], ["log index", log], ["trust root", root],
    ["predicate", told.predicate && el("code", {}, told.predicate)], ["key", told.keys && (told.keys.join(", ") || "one that no rule names")],
  ];
  return el("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function claims(who) {
  return el("details", {}, el("summary", {}, count(who.claims.length, "claim")), el("dl", { class: "facts" }, who.claims.map(([name, value]) => [el("dt", {}, name), el("dd", {}, el("code", {}, value))])));
}

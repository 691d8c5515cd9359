"""Every key of `auditor.yaml`, once: its shape and the sentence that documents it.

From this table come the check of a file, the JSON schema (`schema.py`), and the list of keys in the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from auditor.config.levels import DEFAULT_LEVELS
from auditor.config.shape import Choice, Day, Either, Flag, Key, Many, Record, Table, Text, Whole

MAX_WAIVER_DAYS: Final = 180
"""How far ahead a waiver may end where the file does not say."""

_ADDRESS: Final = r"https://[^\s/?#@]+(/[^\s]*)?"
_LOCAL_ADDRESS: Final = rf"{_ADDRESS}|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/[^\s]*)?"
HOST: Final = r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?"
_REPOSITORY: Final = rf"{HOST}(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
_FILE: Final = Text(example="keys/cosign.pub")
_PATHS: Final = Many(Text(example="clusters/prod/**"))
_DIGITS: Final = Text(pattern=r"[0-9]+", loose=True, example="123456")
_API_VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9.-]*(/[A-Za-z0-9]+){0,2}"
_ISSUER: Final = Text(pattern=_LOCAL_ADDRESS, example="https://token.actions.githubusercontent.com")

SIGNER_FORMS: Final = (
    "subject",
    "subject-regex",
    "github",
    "gitlab",
    "email",
    "kubernetes",
    "spiffe",
    "buildkite",
    "circleci",
    "key",
)

SIGNER: Final = Record(
    "signer",
    {
        "issuer": Key(_ISSUER, "The OIDC issuer in the certificate, exactly. Shorthands know theirs, or ask for it."),
        "issuer-regex": Key(Text(), "RE2 expression over the issuer, anchored; scheme and host must be literal."),
        "subject": Key(Text(), "Glob over the subject alternative name; exact without `*`."),
        "subject-regex": Key(
            Text(), "RE2 expression over the subject, anchored; scheme, host and owner must be literal."
        ),
        "github": Key(
            Text(example="acme/*"), "GitHub Actions: `owner/repository` glob, claim .1.12 (source repository)."
        ),
        "workflow": Key(
            Text(example="release.yaml"),
            "With `github`: file name of that repository's own workflow, or `owner/repository/path` of a reusable one.",
        ),
        "ref": Key(Text(example="refs/tags/v*"), "With a CI shorthand: glob over the source ref, claim .1.14."),
        "events": Key(
            Many(Text(pattern=r"[a-z_]+", example="push")),
            "Accepted triggers (claim .1.20, else .1.2). Without it: all but pull and merge requests.",
        ),
        "repository-id": Key(_DIGITS, "The source repository's number, claim .1.15: names can be registered again."),
        "owner-id": Key(_DIGITS, "The source repository owner's number, claim .1.17."),
        "gitlab": Key(
            Text(example="acme/platform/*"), "GitLab CI: glob over the project's path, its own pipeline file."
        ),
        "email": Key(Text(example="oncall@acme.example"), "A mail address as subject; needs `issuer`."),
        "kubernetes": Key(
            Text(example="build/builder"), "A service account, `namespace/name`; needs the cluster's `issuer`."
        ),
        "spiffe": Key(Text(example="spiffe://acme.example/ci/*"), "Glob over a SPIFFE ID; needs `issuer`."),
        "buildkite": Key(Text(example="acme/release"), "Buildkite: `organisation/pipeline` glob."),
        "circleci": Key(Text(example="<organisation id>/*"), "CircleCI: `organisation id/project id`."),
        "key": Key(_FILE, "A long-lived public key, PEM, by its path in the tree."),
        "not-before": Key(Day(), "The first day (UTC, of the log entry or timestamp) on which a signature counts."),
        "not-after": Key(Day(), "The last day on which a signature counts: for the time after an incident."),
        "trust": Key(Text(), "The name of the one trust root that may vouch for this signer."),
    },
    forms=SIGNER_FORMS,
)

_ALL_OF: Final = Record("signed-by", {"all": Key(Many(Text()), "Every one of these must have signed.", required=True)})

ATTESTED_BY: Final = Record(
    "attested-by",
    {
        "predicate": Key(Text(example="https://slsa.dev/provenance/v1"), "The predicate type, exactly.", required=True),
        "signer": Key(Text(example="release"), "The signer of the attestation.", required=True),
        "source": Key(
            Text(example="https://github.com/acme/*"),
            "With SLSA provenance: glob over the source repository's address, without `git+`, `.git` and ref.",
        ),
        "builder": Key(
            Text(example="https://github.com/acme/ci/.github/workflows/build.yaml@refs/tags/*"),
            "With SLSA provenance: glob over the builder's id.",
        ),
    },
)

IMAGE: Final = Record(
    "images entry",
    {
        "match": Key(
            Many(Text(example="ghcr.io/acme/**")),
            "Globs over the normalised name with host and port, never tag or digest. The first entry that matches governs.",
            required=True,
        ),
        "in": Key(_PATHS, "Only uses in these roots or files."),
        "signed-by": Key(
            Many(Either(Text(example="release"), _ALL_OF)),
            "Signers, any of which must have signed; `{all: […]}` for every one; `catalog` for known publishers.",
        ),
        "attested-by": Key(
            Many(ATTESTED_BY),
            "Attestations that must be there, each of a predicate type by a signer.",
        ),
        "unsigned": Key(Choice(("allow",)), "These images need not be signed; `reason` says why."),
        "reason": Key(Text(), "Why they need not be."),
        "pinned": Key(
            Choice(("require", "prefer", "ignore")), "Whether `@sha256:…` must be written. Default `prefer`."
        ),
        "platforms": Key(
            Choice(("index", "each", "either")),
            "`index` (default): the digest deployed is signed; `each`: it and every platform; `either`: it, or every platform.",
        ),
    },
)

DENY: Final = Record(
    "deny entry",
    {
        "digest": Key(Text(pattern=r"sha256:[0-9a-f]{64}", example="sha256:…"), "A revoked image."),
        "signer": Key(SIGNER, "A revoked identity: whoever matches is denied, whatever else vouches for the image."),
        "reason": Key(Text(), "Why; shown with the finding.", required=True),
    },
    forms=("digest", "signer"),
)

WAIVER: Final = Record(
    "waiver",
    {
        "image": Key(
            Text(example="ghcr.io/acme/legacy-*"), "Glob over normalised names; not everything.", required=True
        ),
        "rule": Key(Choice(tuple(sorted(DEFAULT_LEVELS))), "The one rule that is waived.", required=True),
        "until": Key(Day(), "The last valid day, UTC; at most `max-waiver-days` ahead.", required=True),
        "owner": Key(Text(example="platform-team"), "Who answers for it.", required=True),
        "reason": Key(Text(), "Why.", required=True),
    },
)

MANIFESTS: Final = Record(
    "manifests",
    {
        "include": Key(_PATHS, "Which loose files and entry points are read. Default everything."),
        "exclude": Key(_PATHS, "Which are not; what a chosen root loads is always read."),
        "substitute": Key(
            Table(Table(Text(loose=True), "variable"), "root"),
            "Values of variables that a cluster substitutes, by root.",
        ),
        "kinds": Key(Many(_FILE), "Files that describe where images live in kinds of your own."),
        "kube-version": Key(
            Text(pattern=r"v?[0-9]+\.[0-9]+(\.[0-9]+)?", example="1.33.0"),
            "The cluster version that charts are rendered for.",
        ),
        "api-versions": Key(
            Many(Text(pattern=_API_VERSION, example="monitoring.coreos.com/v1")),
            "APIs that the cluster serves beyond Kubernetes' own, for charts that ask: `group/version` or `group/version/Kind`.",
        ),
        "charts": Key(Many(Text(pattern=HOST, example="ghcr.io")), "Hosts that `--fetch-charts` may ask."),
        "also": Key(
            Many(Choice(("dockerfile", "compose", "github-actions"))),
            "What is judged although no cluster runs it: base images of Dockerfiles, services of Compose files, images of workflows.",
        ),
    },
)

REGISTRY: Final = Record(
    "registry",
    {
        "mirror": Key(
            Text(pattern=_REPOSITORY, example="mirror.acme.example/ghcr"), "Ask this host and prefix instead."
        ),
        "plain-http": Key(Flag(), "Speak HTTP without TLS. Loopback hosts may without it."),
        "ca-file": Key(_FILE, "Certificates, PEM, that this host's own is checked against."),
        "client-certificate": Key(
            Text(pattern=r"/.+"), "Certificate to show to this host; absolute path on the machine."
        ),
        "client-key": Key(Text(pattern=r"/.+"), "Its private key; absolute path on the machine, never in the tree."),
        "signatures": Key(Text(pattern=_REPOSITORY), "The repository that holds the signatures of this host's images."),
        "realm": Key(Text(pattern=HOST), "The token service's host, where it is a private address."),
    },
)

TRUST_ROOT: Final = Record(
    "trust root",
    {
        "name": Key(
            Text(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*"), "How signers and reports call it. Default: the file's stem."
        ),
        "file": Key(_FILE, "A trusted_root.json, or JSON lines of several."),
        "tuf": Key(Text(pattern=_LOCAL_ADDRESS), "Address of a TUF repository; needs `root`."),
        "root": Key(_FILE, "With `tuf`: the root.json to start from."),
        "fulcio": Key(_FILE, "Certificates of a private Fulcio, PEM."),
        "rekor": Key(_FILE, "Public key of a private Rekor, PEM; with `fulcio`."),
        "ctlog": Key(_FILE, "Public key of a private certificate transparency log, PEM; with `fulcio`."),
        "tsa": Key(_FILE, "Certificate chain of a private timestamp authority, PEM; with `fulcio`."),
        "issuers": Key(Many(_ISSUER), "The issuers that it vouches for: needed where `trust` has several entries."),
    },
    forms=("file", "tuf", "fulcio"),
)

EXTENDS: Final = Record(
    "extends",
    {
        "file": Key(Text(example="policy/organisation.yaml"), "Another rules file of this tree."),
        "url": Key(Text(pattern=_LOCAL_ADDRESS), "A rules file elsewhere, by https; needs `sha256`."),
        "sha256": Key(Text(pattern=r"[0-9a-f]{64}"), "With `url`: the hash of the file's bytes."),
    },
    forms=("file", "url"),
)

FILE: Final = Record(
    "auditor.yaml",
    {
        "version": Key(Whole(1, 1), "The format of this file: 1.", required=True),
        "extends": Key(EXTENDS, "Another rules file whose entries come after this one's."),
        "signers": Key(Table(Many(SIGNER), "name"), "Names for identities; a list under one name means any of."),
        "images": Key(Many(IMAGE, empty=True), "Who must have signed what, in order."),
        "otherwise": Key(
            Choice(("deny", "warn", "allow")), "What happens to images that no entry matches. Default `deny`."
        ),
        "inspect": Key(Choice(("named", "all")), "Which registry hosts are asked. Default `named`."),
        "deny": Key(Many(DENY, empty=True), "Revocation, before everything else."),
        "policies": Key(_PATHS, "Also judge by the cluster's own policy files found here."),
        "rules": Key(Table(Choice(("error", "warning", "note", "off")), "rule"), "Levels of single rules."),
        "waivers": Key(Many(WAIVER, empty=True), "Exceptions with an owner, a reason and an end."),
        "max-waiver-days": Key(Whole(1, 3650), f"How far ahead a waiver may end. Default {MAX_WAIVER_DAYS}."),
        "manifests": Key(MANIFESTS, "How the tree is read."),
        "registries": Key(Table(REGISTRY, "host"), "How single registry hosts are spoken to."),
        "trust": Key(
            Many(Either(Choice(("public-good", "github")), TRUST_ROOT)),
            "The trust roots; replaces the default `[public-good, github]`.",
        ),
        "second-opinion": Key(
            Flag(),
            "`true`: no bundle that sigstore-python can judge counts without it. Slower; see `check --second-opinion`.",
        ),
    },
)

PUBLISHER: Final = Record(
    "publisher",
    {
        "publisher": Key(
            Text(pattern=r"[a-z0-9][a-z0-9-]*"), "The publisher's name, as reports show it.", required=True
        ),
        "images": Key(Many(Text()), "Globs over the normalised names that it publishes.", required=True),
        "signers": Key(Many(SIGNER), "Who signs them: any of.", required=True),
        "confirmed": Key(Flag(), "Whether a real signature was seen to match. Only such entries judge.", required=True),
        "source": Key(Text(pattern=_ADDRESS), "Where the publisher, or its data, says so.", required=True),
        "checked": Key(Day(), "When that was last compared.", required=True),
        "note": Key(Text(), "What else a reader should know."),
    },
)
"""A file of `rules/signers/`."""

RECORDS: Final[Mapping[str, Record]] = {
    "": FILE,
    "extends": EXTENDS,
    "signers.<name>": SIGNER,
    "images[]": IMAGE,
    "images[].attested-by[]": ATTESTED_BY,
    "deny[]": DENY,
    "waivers[]": WAIVER,
    "manifests": MANIFESTS,
    "registries.<host>": REGISTRY,
    "trust[]": TRUST_ROOT,
}
"""The records in the order of the reference page."""

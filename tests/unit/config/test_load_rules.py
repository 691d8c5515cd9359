"""`auditor.yaml` → rules: what it says arrives, and what is wrong is told at once, with lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import pytest

from auditor.config.load import find, load_rules
from auditor.config.rules import Inspect, Otherwise, Pinned, PlatformMode, Rules, SignedBy
from auditor.errors import ConfigurationError
from auditor.limits import Limits
from auditor.model.finding import Level

TODAY = date(2026, 3, 1)
KEY = b"-----BEGIN PUBLIC KEY-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"
FILES: Mapping[str, bytes] = {
    "keys/cosign.pub": KEY,
    "certs/ca.pem": CERTIFICATE,
    "trust/trusted_root.json": b"{}",
    "rules/our-kinds.yaml": b"kinds: []",
}
SIGNERS = "version: 1\nsigners: {release: {github: acme/*}, oncall: {github: acme/x}}\n"


def provenance(more: str) -> str:
    """Rules that look into provenance."""
    wanted = f"{{predicate: https://slsa.dev/provenance/v1, signer: release, {more}}}"
    return f"{SIGNERS}images: {{match: a.io/b, attested-by: {wanted}}}"


def load(text: str, more: Mapping[str, bytes] = {}, fetch: Callable[[str, str], bytes] | None = None) -> Rules:
    files = {**FILES, "auditor.yaml": text.encode(), **more}
    return load_rules(files.get, None, today=TODAY, fetch=fetch)


def problems(text: str, more: Mapping[str, bytes] = {}, fetch: Callable[[str, str], bytes] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(text, more, fetch)
    assert all(problem.help for problem in raised.value.problems)
    return [str(problem) for problem in raised.value.problems]


class TestFinding:
    @pytest.mark.parametrize("path", ["auditor.yaml", ".auditor.yaml", ".github/auditor.yaml"])
    def test_three_places(self, path: str) -> None:
        assert find({path: b""}.get) == path
        assert load_rules({path: b"version: 1"}.get, None, today=TODAY).source == path

    def test_two_at_once_are_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="1 problem"):
            find({"auditor.yaml": b"", ".github/auditor.yaml": b""}.get)

    def test_a_named_file_must_be_there(self) -> None:
        with pytest.raises(ConfigurationError) as raised:
            load_rules(dict[str, bytes]().get, "policy.yaml", today=TODAY)
        assert str(raised.value.problems[0]) == "policy.yaml: there is no such file"

    def test_without_a_file_the_confirmed_publishers_apply(self) -> None:
        rules = load_rules(dict[str, bytes]().get, None, today=TODAY)
        assert rules.source == "defaults"
        assert rules.otherwise is Otherwise.WARN
        assert rules.images == rules.catalog != ()
        assert [setting.name for setting in rules.trust] == ["public-good", "github"]
        for image in rules.images:
            assert image.label.startswith("catalog:")
            assert image.signed_by is not None
            assert all(rules.signer(name).patterns for name in image.signed_by.names)


class TestEverythingArrives:
    def test_the_smallest_file(self) -> None:
        rules = load("version: 1")
        assert rules.otherwise is Otherwise.DENY
        assert rules.inspect is Inspect.NAMED
        assert rules.max_waiver_days == 180
        assert rules.catalog == ()

    def test_images(self) -> None:
        rules = load(
            SIGNERS + "images:\n"
            "  - {match: 'ghcr.io/acme/**', in: clusters/prod/**, signed-by: [release, oncall], pinned: require, platforms: each}\n"
            "  - match: ['registry.k8s.io/**', 'cgr.dev/chainguard/*']\n"
            "    signed-by: catalog\n"
            "  - {match: a.io/b, signed-by: {all: [release, oncall]}}\n"
            "  - {match: a.io/c, attested-by: {predicate: 'https://slsa.dev/provenance/v1', signer: release}}\n"
            "  - {match: 'docker.io/library/*', unsigned: allow, reason: upstream}\n"
            "otherwise: allow\ninspect: all\n"
        )
        first, second, third, fourth, last = rules.images
        assert [image.label for image in rules.images] == [f"images[{n}]" for n in range(5)]
        assert first.signed_by == SignedBy(("release", "oncall"))
        assert (first.pinned, first.platforms) == (Pinned.REQUIRE, PlatformMode.EACH)
        assert first.within[0].matches("clusters/prod")
        assert (second.line, len(second.match)) == (5, 2)
        assert second.signed_by == SignedBy((), catalog=True)
        assert rules.catalog_signers
        assert third.signed_by == SignedBy(("release", "oncall"), every=True)
        assert (fourth.attested_by[0].predicate, fourth.attested_by[0].signer) == (
            "https://slsa.dev/provenance/v1",
            "release",
        )
        assert (last.unsigned_allowed, last.reason, last.pinned) == (True, "upstream", Pinned.PREFER)
        assert (rules.otherwise, rules.inspect) == (Otherwise.ALLOW, Inspect.ALL)

    def test_revocations(self) -> None:
        hexes = "ab" * 32
        rules = load(
            f"version: 1\ndeny:\n  - {{digest: 'sha256:{hexes}', reason: leaked}}\n"
            "  - {signer: {issuer: 'https://accounts.google.com', subject: '**'}, reason: gone}\n"
        )
        assert (rules.denied_digests[0].digest.hex, rules.denied_digests[0].reason) == (hexes, "leaked")
        assert rules.denied_signers[0].signer.subject.text == "**"

    def test_waivers_levels_and_the_rest(self) -> None:
        rules = load(
            "version: 1\nrules: {latest-tag: error, numeric-tag: off}\npolicies: clusters/policies/**\nmax-waiver-days: 30\n"
            "waivers:\n  - {image: ghcr.io/acme/x, rule: unjudged-image, until: 2026-03-31, owner: o, reason: r}\n"
            "  - {image: ghcr.io/acme/x, rule: unsigned-image, until: 2020-01-01, owner: o, reason: r}\n"
        )
        assert rules.levels == {"latest-tag": Level.ERROR, "numeric-tag": Level.OFF}
        assert rules.policies == ("clusters/policies/**",)
        first, expired = rules.waivers
        assert (first.until, first.line, first.file) == (date(2026, 3, 31), 6, "auditor.yaml")
        assert expired.until == date(2020, 1, 1)

    def test_manifests_and_registries(self) -> None:
        rules = load(
            "version: 1\nmanifests:\n  exclude: test/**\n  substitute: {./clusters/prod/: {DOMAIN: a.example, N: 3}}\n"
            "  kinds: rules/our-kinds.yaml\n  kube-version: v1.31.2\n  api-versions: monitoring.coreos.com/v1/ServiceMonitor\n  charts: [ghcr.io]\n"
            "registries:\n  ghcr.io: {mirror: mirror.acme.example/ghcr}\n"
            "  registry.internal:5000: {plain-http: true, ca-file: certs/ca.pem, "
            "signatures: 'registry.internal:5000/signatures', realm: auth.internal}\n"
        )
        assert rules.manifests.include == ("**",)
        assert rules.manifests.substitute == {"clusters/prod": {"DOMAIN": "a.example", "N": "3"}}
        assert rules.manifests.kinds == {"rules/our-kinds.yaml": b"kinds: []"}
        assert (rules.manifests.kube_version, rules.manifests.charts) == ("1.31.2", ("ghcr.io",))
        assert rules.manifests.api_versions == ("monitoring.coreos.com/v1/ServiceMonitor",)
        internal = rules.registries["registry.internal:5000"]
        assert (internal.plain_http, internal.ca_pem, internal.realm) == (True, CERTIFICATE, "auth.internal")
        assert rules.registries["ghcr.io"].mirror == "mirror.acme.example/ghcr"

    def test_trust(self) -> None:
        more = {"r.json": b"{}", "f.pem": CERTIFICATE, "k.pem": KEY}
        rules = load(
            "version: 1\nsigners: {a: {github: acme/*, trust: f}}\n"
            "trust:\n  - public-good\n"
            "  - {file: trust/trusted_root.json, issuers: https://gitlab.acme.example}\n"
            "  - {name: mirror, tuf: https://tuf.acme.example, root: r.json, issuers: ['https://a.example']}\n"
            "  - {fulcio: f.pem, rekor: k.pem, ctlog: k.pem, tsa: f.pem}\n",
            more,
        )
        assert [(s.name, s.kind) for s in rules.trust] == [
            ("public-good", "public-good"),
            ("trusted_root", "file"),
            ("mirror", "tuf"),
            ("f", "pem"),
        ]
        assert rules.trust[1].issuers == ("https://gitlab.acme.example",)
        assert rules.trust[2].url == "https://tuf.acme.example"
        assert rules.trust[2].content == {"root": b"{}"}
        assert set(rules.trust[3].content) == {"fulcio", "rekor", "ctlog", "tsa"}

    def test_every_file_is_remembered_by_its_hash(self) -> None:
        text = "version: 1\nsigners: {k: {key: keys/cosign.pub}}\nregistries: {ghcr.io: {ca-file: ./certs/ca.pem}}\n"
        rules = load(text, {".auditor-baseline.json": b'{"schema": "auditor-baseline/v1", "findings": []}'})
        assert set(rules.files) == {"auditor.yaml", "keys/cosign.pub", "certs/ca.pem", ".auditor-baseline.json"}
        assert rules.files["keys/cosign.pub"] == hashlib.sha256(KEY).hexdigest()
        assert rules.keys == {"keys/cosign.pub": KEY}


class TestBaseline:
    def test_fingerprints(self) -> None:
        content = f'{{"schema": "auditor-baseline/v1", "findings": [{{"fingerprint": "{"a" * 32}", "rule": "x"}}]}}'
        assert load("version: 1", {".auditor-baseline.json": content.encode()}).baseline == {"a" * 32}

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"schema": "auditor-baseline/v1", "findings": [1]}']
    )
    def test_what_is_no_baseline(self, content: bytes) -> None:
        assert ".auditor-baseline.json" in problems("version: 1", {".auditor-baseline.json": content})[0]


class TestSuspicions:
    def test_a_pattern_that_never_matches(self) -> None:
        rules = load(SIGNERS + "images: [{match: [nginx, ghcr.io/acme/*], signed-by: release}]\n")
        (finding,) = rules.findings
        assert (finding.rule, finding.level) == ("pattern-never-matches", Level.WARNING)
        assert "docker.io/library/nginx" in finding.message
        assert finding.place is not None
        assert (finding.place.file, finding.place.line) == ("auditor.yaml", 3)

    @pytest.mark.parametrize(("rule", "suspicious"), [("unsigned-image", True), ("unparsable-file", False)])
    def test_a_waiver_of_a_file_names_a_file(self, rule: str, suspicious: bool) -> None:
        waiver = f"{{image: apps/api/broken.yaml, rule: {rule}, until: 2026-03-02, owner: o, reason: r}}"
        rules = load(f"version: 1\nwaivers: {waiver}\n")
        assert bool(rules.findings) is suspicious
        assert rules.waivers[0].image.matches("apps/api/broken.yaml")

    def test_everything_unsigned_is_too_wide(self) -> None:
        text = "version: 1\nimages: [{match: '**', unsigned: allow, reason: r}]\n"
        assert [finding.rule for finding in load(text).findings] == ["pattern-too-wide"]
        assert load(text + "rules: {pattern-too-wide: error}\n").findings[0].level is Level.ERROR
        assert load(text + "rules: {pattern-too-wide: off}\n").findings == ()
        assert load(text.replace("'**',", "'**', in: test/**,")).findings == ()
        assert load(SIGNERS + "images: [{match: '**', signed-by: release}]\n").findings == ()


class TestExtending:
    ORGANISATION = (
        b"version: 1\nsigners: {base: {github: acme/base}}\nimages: [{match: 'ghcr.io/**', signed-by: [base, release]}]\n"
        b"otherwise: warn\ninspect: all\nrules: {latest-tag: error, numeric-tag: error}\n"
        b"registries: {ghcr.io: {realm: a.example}, quay.io: {realm: b.example}}\nmanifests: {exclude: a/**}\n"
        b"waivers: [{image: a.io/b, rule: wrong-signer, until: 2026-03-02, owner: o, reason: r}]\n"
    )

    def test_own_entries_first_own_values_win(self) -> None:
        rules = load(
            SIGNERS + "extends: {file: policy/organisation.yaml}\nimages: [{match: ghcr.io/acme/x, signed-by: base}]\n"
            "otherwise: deny\nrules: {latest-tag: off}\nregistries: {ghcr.io: {realm: c.example}}\n",
            {"policy/organisation.yaml": self.ORGANISATION},
        )
        assert [image.label for image in rules.images] == ["images[0]", "policy/organisation.yaml#images[0]"]
        assert rules.images[1].file == "policy/organisation.yaml"
        assert (rules.otherwise, rules.inspect) == (Otherwise.DENY, Inspect.ALL)
        assert rules.levels == {"latest-tag": Level.OFF, "numeric-tag": Level.ERROR}
        assert {host: entry.realm for host, entry in rules.registries.items()} == {
            "ghcr.io": "c.example",
            "quay.io": "b.example",
        }
        assert rules.manifests.exclude == ("a/**",)
        assert rules.waivers[0].file == "policy/organisation.yaml"
        assert "policy/organisation.yaml" in rules.files

    def test_a_signer_cannot_be_replaced(self) -> None:
        text = "version: 1\nextends: {file: o.yaml}\nsigners: {base: {github: evil/x}}\n"
        found = problems(text, {"o.yaml": b"version: 1\nsigners: {base: {github: acme/base}}\n"})
        assert found == ["o.yaml:2: the signer 'base' is defined in two files"]

    def test_circles_and_towers(self) -> None:
        assert "circle" in problems("version: 1\nextends: {file: auditor.yaml}\n")[0]
        tower = {f"{n}.yaml": f"version: 1\nextends: {{file: {n + 1}.yaml}}\n".encode() for n in range(20)}
        assert "too deeply" in problems("version: 1\nextends: {file: 0.yaml}\n", tower)[0]

    def test_by_address_and_hash(self) -> None:
        content = b"version: 1\notherwise: allow\n"
        sha = hashlib.sha256(content).hexdigest()
        text = f"version: 1\nextends: {{url: 'https://acme.example/o.yaml', sha256: {sha}}}\n"
        asked: list[str] = []

        def fetch(address: str, _sha256: str) -> bytes:
            asked.append(address)
            return content

        assert load(text, fetch=fetch).otherwise is Otherwise.ALLOW
        assert load(text, fetch=fetch).files["https://acme.example/o.yaml"] == sha
        assert set(asked) == {"https://acme.example/o.yaml"}
        assert "cannot be fetched" in problems(text)[0]
        assert "has the hash" in problems(text, fetch=lambda *_: b"version: 1\n")[0]

        def refuse(address: str, _sha256: str) -> bytes:
            raise OSError("no route")

        assert "no route" in problems(text, fetch=refuse)[0]

    @pytest.mark.parametrize(
        "extends",
        [
            "{url: 'https://a.example/x'}",
            "{url: 'http://a.example/x', sha256: a}",
            "{}",
            "{file: x, url: y}",
            "{file: no.yaml}",
            "x",
        ],
    )
    def test_what_is_refused(self, extends: str) -> None:
        assert problems(f"version: 1\nextends: {extends}\n", fetch=lambda *_: b"version: 1\n")


class TestProblems:
    def test_all_at_once_in_file_order(self) -> None:
        found = problems(
            "version: 2\n"
            "imagse: []\n"
            "signers:\n"
            "  a: {issuer: 'https://a.example', subject: ''}\n"
            "  b: {issuer: 'https://a.example', subject-regex: '('}\n"
            "images:\n"
            "  - {match: 'a.io/**', signed-by: nobody}\n"
            "  - {match: 'a.io/**'}\n"
            "rules: {latest-tga: error, unjudged-image: off}\n"
            "waivers:\n"
            "  - {image: a.io/b, rule: unsigned-image, owner: o, reason: r}\n"
            "  - {image: a.io/b, rule: unsigned-image, until: 2030-01-01, owner: o, reason: r}\n"
            "otherwise: maybe\n"
        )
        lines = [int(text.split(":")[1]) for text in found]
        assert lines == sorted(lines)
        assert lines == [1, 2, 4, 5, 7, 8, 9, 9, 11, 12, 13]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "empty"),
            ("# only a comment\n", "empty"),
            ("[]", "expected is a mapping"),
            ("otherwise: deny", "has no `version`"),
            ("version: '1'", "cannot be '1'"),
            ("version: 1.0", "cannot be"),
            ("version: 1\nversion: 1", "written twice"),
            ("version: 1\nsigners: {a: {github: a/b}, a: {github: c/d}}", "written twice"),
            ("version: 1\n<<: {otherwise: allow}", "merge keys"),
            ("version: 1\n? [a]\n: b", "no text"),
            ("version: 1\n---\nversion: 1", "single document"),
            ("version: 1\na: [", "not YAML"),
            ("version: 1\na: &x [*x]", "holds itself"),
            ("version: " + "[" * 600, "nested too deeply"),
            ("version: 1\notherwise: [deny]", "cannot be a list"),
            ("version: 1\ninspect: none", "cannot be 'none'"),
            ("version: 1\nimages: {match: a.io/b, unsigned: allow}", "no `reason`"),
            ("version: 1\nimages: {match: a.io/b, unsigned: deny, reason: r}", "cannot be 'deny'"),
            ("version: 1\nimages: {unsigned: allow, reason: r}", "has no `match`"),
            ("version: 1\nimages: {match: [], unsigned: allow, reason: r}", "empty list"),
            ("version: 1\nimages: {match: 3, unsigned: allow, reason: r}", "text (in quotes)"),
            (SIGNERS + "images: {match: a.io/b, signed-by: release, unsigned: allow, reason: r}", "contradicts"),
            (SIGNERS + "images: {match: a.io/b, signed-by: releas}", "no signer 'releas'"),
            (SIGNERS + "images: {match: a.io/b, signed-by: []}", "empty list"),
            (SIGNERS + "images: {match: a.io/b, signed-by: {all: []}}", "empty list"),
            (SIGNERS + "images: {match: a.io/b, signed-by: {all: [release, catalog]}}", "`catalog` cannot"),
            (SIGNERS + "images: {match: a.io/b, signed-by: [oncall, {all: [release]}]}", "beside other signers"),
            (SIGNERS + "images: {match: a.io/b, attested-by: {predicate: p, signer: x}}", "no signer 'x'"),
            (SIGNERS + "images: {match: a.io/b, attested-by: {signer: release}}", "no `predicate`"),
            (provenance("source: 'https://github.com/*'"), "`source`: the owner is not literal"),
            (provenance("source: 'https://github.com/acme*'"), "`source`: the owner is not literal"),
            (provenance("source: '**'"), "no repository's address"),
            (provenance("source: 'git+https://github.com/acme/api'"), "no repository's address"),
            (provenance("source: 'https://github.com/acme/api@refs/tags/*'"), "no repository's address"),
            (provenance("source: 'https://github.com/acme/api.git'"), "no repository's address"),
            (provenance("source: 'https://acme@github.com/acme/api'"), "no repository's address"),
            (provenance("source: 'https://github.com/acme/../x'"), "no repository's address"),
            (provenance("source: [a, b]"), "is a list"),
            (provenance("builder: '**'"), "`builder`: scheme and host are not literal"),
            (provenance("builder: '*@acme.example'"), "`builder`: scheme and host are not literal"),
            (provenance("builder: 'https://github.com/**'"), "`builder`: the owner is not literal"),
            (
                provenance("source: 'https://github.com/acme/api'").replace("provenance/v1", "provenance/v0.1"),
                "`source` is read from SLSA provenance",
            ),
            ("version: 1\nsigners: {catalog: {github: a/b}}", "cannot be a signer's name"),
            ("version: 1\ndeny: {digest: 'sha256:AB', reason: r}", "cannot be"),
            ("version: 1\ndeny: {signer: {key: keys/cosign.pub}, reason: r}", "revoked"),
            ("version: 1\ndeny: {reason: r}", "says nothing"),
            ("version: 1\nrules: {latest-tag: incomplete}", "cannot be 'incomplete'"),
            ("version: 1\nrules: {unrendered: off}", "has no level"),
            ("version: 1\nmax-waiver-days: 0", "cannot be '0'"),
            ("version: 1\nmax-waiver-days: 99999999999999999999", "cannot be"),
            ("version: 1\nregistries: {'https://ghcr.io': {plain-http: true}}", "no registry host"),
            ("version: 1\nregistries: {index.docker.io: {plain-http: true}}", "called docker.io"),
            ("version: 1\nmanifests: {substitute: {../x: {A: b}}}", "inside the tree"),
            ("version: 1\nregistries: {ghcr.io: {plain-http: yes}}", "true or false"),
            ("version: 1\nregistries: {ghcr.io: {client-key: /etc/k}}", "go together"),
            ("version: 1\nregistries: {ghcr.io: {mirror: 'http://x'}}", "cannot be"),
            ("version: 1\nregistries: {ghcr.io: {ca-file: keys/cosign.pub}}", "BEGIN CERTIFICATE"),
            ("version: 1\nmanifests: {kube-version: latest}", "cannot be"),
            ("version: 1\nmanifests: {api-versions: [--post-renderer=x]}", "cannot be"),
            ("version: 1\nmanifests: {api-versions: ['a/v1,b/v1']}", "cannot be"),
            ("version: 1\nmanifests: {kinds: /etc/passwd}", "relative"),
            ("version: 1\nmanifests: {exclude: ../x}", "inside the tree"),
            ("version: 1\ntrust: []", "empty list"),
            ("version: 1\ntrust: public", "cannot be 'public'"),
            ("version: 1\ntrust: [public-good, public-good]", "two trust roots"),
            ("version: 1\ntrust: [public-good, {file: trust/trusted_root.json}]", "for whom it vouches"),
            ("version: 1\ntrust: {file: trust/trusted_root.json, name: github}", "built-in"),
            ("version: 1\ntrust: {file: trust/none.json}", "there is no file"),
            ("version: 1\ntrust: {tuf: 'https://tuf.acme.example'}", "no `root`"),
            ("version: 1\ntrust: {tuf: 'http://tuf.acme.example', root: trust/trusted_root.json}", "cannot be"),
            ("version: 1\ntrust: {file: trust/trusted_root.json, rekor: keys/cosign.pub}", "says nothing without"),
            ("version: 1\nwaivers: {image: a.io/b, rule: x, until: 2026-03-02, owner: o, reason: r}", "cannot be 'x'"),
            (
                "version: 1\nwaivers: {image: '**/*', rule: wrong-signer, until: 2026-03-02, owner: o, reason: r}",
                "everything",
            ),
            ("version: 1\nwaivers: {image: a.io/b, rule: wrong-signer, until: soon, owner: o, reason: r}", "no date"),
            (
                "version: 1\nwaivers: {image: a.io/b, rule: wrong-signer, until: 2026-03-02, owner: '', reason: r}",
                "empty",
            ),
        ],
    )
    def test_each_mistake_is_named(self, text: str, message: str) -> None:
        assert any(message in found for found in problems(text)), problems(text)

    @pytest.mark.parametrize(
        "content",
        [
            b"\xff\xfev\x00e\x00",
            b"version: 1\n\xff",
            b"version: \x00",
            b"a: !!python/object:x {}",
            b"%YAML 9.9\n---\n1",
        ],
    )
    def test_bytes_that_are_no_rules(self, content: bytes) -> None:
        with pytest.raises(ConfigurationError):
            load_rules({"auditor.yaml": content}.get, None, today=TODAY)

    def test_bounds(self) -> None:
        small = Limits(rules_bytes=100, rules_nodes=20)
        bomb = b"version: 1\na: &a [1,1,1,1]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n"
        for content, message in ((b"version: 1\n" + b"#" * 100, "larger than"), (bomb, "more than 20 values")):
            with pytest.raises(ConfigurationError) as raised:
                load_rules({"auditor.yaml": content}.get, None, today=TODAY, limits=small)
            assert message in raised.value.problems[0].message

    def test_a_bom_and_windows_lines_are_fine(self) -> None:
        rules = load_rules({"auditor.yaml": b"\xef\xbb\xbfversion: 1\r\notherwise: warn\r\n"}.get, None, today=TODAY)
        assert rules.otherwise is Otherwise.WARN

    @pytest.mark.parametrize(("days", "good"), [(180, True), (181, False)])
    def test_how_far_ahead_a_waiver_may_end(self, days: int, good: bool) -> None:
        until = TODAY + timedelta(days=days)
        text = f"version: 1\nwaivers: {{image: a.io/b, rule: wrong-signer, until: {until}, owner: o, reason: r}}\n"
        if good:
            assert load(text).waivers[0].until == until
        else:
            assert "more than 180 days" in problems(text)[0]

    def test_the_last_days_of_the_calendar(self) -> None:
        files = {
            "auditor.yaml": b"version: 1\nwaivers: {image: a.io/b, rule: wrong-signer, until: 9999-12-31, owner: o, reason: r}"
        }
        assert load_rules(files.get, None, today=date(9999, 12, 1)).waivers[0].until == date.max


def test_source_and_builder_of_provenance() -> None:
    asked = "source: 'https://github.com/acme/*', builder: 'https://github.com/acme/ci/.github/workflows/b.yaml@refs/tags/*'"
    (wanted,) = load(provenance(asked)).images[0].attested_by
    assert wanted.source is not None
    assert wanted.source.matches("https://github.com/acme/api")
    assert not wanted.source.matches("https://github.com/acme/api/evil")
    assert wanted.builder is not None
    assert not wanted.builder.matches("https://github.com/acme/ci/.github/workflows/b.yaml@refs/heads/x")

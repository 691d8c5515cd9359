"""Charts from repositories on real sockets: what comes, and everything that must not."""

from __future__ import annotations

import base64
import gzip
import json
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.charts.fetch import ChartFetcher, open_charts
from auditor.charts.hosts import ChartHosts
from auditor.config.rules import ManifestSettings, RegistrySettings, Rules
from auditor.manifests.helm.wanted import Fetched, Unfetched, Wanted, in_oci, wanted
from auditor.registry.http import Session
from fixtures.registry import OciRegistry, Redirect
from tests.registry.asking import SHORT
from tests.support.charts import Repository, files, index, member, packed, push, repository, sha256, tar


@pytest.fixture(name="charts")
def _charts() -> Iterator[Repository]:
    with repository() as held:
        yield held


@pytest.fixture(name="registry")
def _registry() -> Iterator[OciRegistry]:
    with OciRegistry() as held:
        yield held


def fetch(
    chart: Wanted | Unfetched,
    *hosts: str,
    environ: dict[str, str] | None = None,
    cache: Path | None = None,
    **more: bool,
) -> Fetched | Unfetched:
    assert isinstance(chart, Wanted), chart
    rules = Rules("test", manifests=ManifestSettings(charts=hosts))
    with open_charts(rules, environ=environ or {}, cache=cache, **more) as fetcher:
        return fetcher.fetch(chart)


def of(charts: Repository, version: str = "1.2.3", name: str = "web") -> Wanted | Unfetched:
    return wanted(charts.url, name, version)


def why(came: Fetched | Unfetched) -> str:
    assert isinstance(came, Unfetched), "nothing may come"
    return came.why


# ── what comes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chart_of_an_index_comes_by_its_digest(charts: Repository) -> None:
    charts.publish("1.2.3", "1.3.0")
    came = fetch(of(charts), charts.authority)
    assert came == Fetched(files("1.2.3"), "web-1.2.3.tgz")
    assert charts.asked == ["/index.yaml", "/web-1.2.3.tgz"]


@pytest.mark.parametrize(
    ("version", "found"),
    [("", "1.3.0"), ("1.x", "1.3.0"), (">=1.2 <1.3", "1.2.9"), ("~1.2.3", "1.2.9"), (">=2.0.0-0", "2.0.0-rc.1")],
)
def test_a_range_is_resolved_as_helm_does_and_told(charts: Repository, version: str, found: str) -> None:
    charts.publish("1.2.3", "1.3.0", "1.2.9", "2.0.0-rc.1")
    rules = Rules("test", manifests=ManifestSettings(charts=(charts.authority,)))
    with open_charts(rules, environ={}, cache=None) as fetcher:
        chart = of(charts, version)
        assert isinstance(chart, Wanted)
        came = fetcher.fetch(chart)
        assert isinstance(came, Fetched)
        assert came.title == f"web-{found}.tgz"
        assert fetcher.fetch(chart) is came, "the same answer all along a run"
    assert fetcher.notes == [f"chart web ({version or 'any version'}) of {charts.url} is {found} now"]
    assert charts.asked.count("/index.yaml") == 1


def test_a_chart_of_a_registry_comes_by_tag_range_and_digest(registry: OciRegistry) -> None:
    content = packed(files("1.2.3+b1"))
    digest = push(registry, "acme/web", "1.2.3_b1", content)
    push(registry, "acme/web", "1.1.0", packed(files("1.1.0")))
    push(registry, "acme/web", "latest", packed(files("9.9.9")))
    address = f"oci://{registry.host}/acme/web"
    for chart, title in (
        (in_oci(address, "1.2.3+b1"), "web-1.2.3+b1.tgz"),
        (in_oci(address, "1.x"), "web-1.2.3+b1.tgz"),
        (in_oci(address, ""), "web-1.2.3+b1.tgz"),
        (in_oci(address, "<1.2"), "web-1.1.0.tgz"),
        (in_oci(address, "latest", is_tag=True), "web-latest.tgz"),
        (in_oci(address, "1.2.3", digest, is_tag=True), "web-1.2.3.tgz"),
    ):
        came = fetch(chart, registry.host)
        assert isinstance(came, Fetched), came
        assert came.title == title


def test_an_index_may_say_that_the_archive_is_in_a_registry(charts: Repository, registry: OciRegistry) -> None:
    content = packed()
    push(registry, "acme/web", "1.2.3", content)
    url = f"oci://{registry.host}/acme/web:1.2.3"
    charts.bodies["/index.yaml"] = index("web", ("1.2.3", url, sha256(content)))
    assert isinstance(fetch(of(charts), charts.authority, registry.host), Fetched)
    assert "is not asked for charts" in why(fetch(of(charts), charts.authority))
    charts.bodies["/index.yaml"] = index("web", ("1.2.3", url, "0" * 64))
    assert "another digest" in why(fetch(of(charts), charts.authority, registry.host))


def test_what_is_kept_is_hashed_again_and_refreshed(charts: Repository, tmp_path: Path) -> None:
    charts.publish("1.2.3")
    for _ in range(2):
        assert isinstance(fetch(of(charts), charts.authority, cache=tmp_path), Fetched)
    assert charts.asked.count("/web-1.2.3.tgz") == 1
    assert isinstance(fetch(of(charts), charts.authority, cache=tmp_path, refresh=True), Fetched)
    assert charts.asked.count("/web-1.2.3.tgz") == 2
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    evil = packed({**files(), "templates/evil.yaml": b"evil"})
    kept.write_bytes(sha256(evil).encode() + b"\n" + evil)
    assert fetch(of(charts), charts.authority, cache=tmp_path) == Fetched(files(), "web-1.2.3.tgz")
    assert charts.asked.count("/web-1.2.3.tgz") == 3, "what was put into the cache is not believed"


def test_offline_nobody_is_asked(charts: Repository) -> None:
    charts.publish("1.2.3")
    assert "offline" in why(fetch(of(charts), charts.authority, offline=True))
    assert charts.asked == []


def test_a_registry_gets_the_keychain_and_a_repository_nothing(charts: Repository, tmp_path: Path) -> None:
    charts.publish("1.2.3")
    login = base64.b64encode(b"robot:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {charts.authority: {"auth": login}}}))
    assert isinstance(fetch(of(charts), charts.authority, environ={"DOCKER_CONFIG": str(tmp_path)}), Fetched)
    assert all("Authorization" not in headers for headers in charts.headers)


# ── what must not ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_host_that_is_not_listed_is_not_asked(charts: Repository, registry: OciRegistry) -> None:
    charts.publish("1.2.3")
    push(registry, "acme/web", "1.2.3", packed())
    for hosts in ((), ("charts.acme.example",), ("127.0.0.1",), (charts.authority + "0",)):
        assert "is not asked for charts" in why(fetch(of(charts), *hosts))
        assert "is not asked for charts" in why(fetch(in_oci(f"oci://{registry.host}/acme/web", "1.2.3"), *hosts))
    assert charts.asked == []
    assert registry.requests == []


def test_plain_http_is_for_loopback_or_where_the_rules_say_so() -> None:
    listed = frozenset({"charts.acme.example"})
    assert "without TLS" in (ChartHosts(listed, {}).refusal("http://charts.acme.example/index.yaml") or "")
    plain = {"charts.acme.example": RegistrySettings("charts.acme.example", plain_http=True)}
    assert ChartHosts(listed, plain).refusal("http://charts.acme.example:80/index.yaml") is None
    assert ChartHosts(listed, {}).refusal("https://charts.acme.example/index.yaml") is None
    assert ChartHosts(listed, {}).refusal("https://u:p@charts.acme.example/index.yaml") is not None


@pytest.mark.parametrize("path", ["/index.yaml", "/web-1.2.3.tgz"])
@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/", "http://localhost:1/x", "{other}/x", "ftp://x/y"])
def test_no_redirect_leaves_the_list(charts: Repository, path: str, target: str) -> None:
    charts.publish("1.2.3")
    with repository() as other:
        other.bodies["/x"] = charts.bodies[path]
        charts.redirects[path] = target.format(other=other.url)
        assert "redirects to" in why(fetch(of(charts), charts.authority))
        assert other.asked == []


def test_a_redirect_to_a_listed_host_is_followed(charts: Repository) -> None:
    charts.publish("1.2.3")
    with repository() as other:
        other.bodies["/x"] = charts.bodies["/web-1.2.3.tgz"]
        charts.redirects["/web-1.2.3.tgz"] = f"{other.url}/x"
        assert isinstance(fetch(of(charts), charts.authority, other.authority), Fetched)


def test_no_redirect_of_a_tag_leaves_the_list(registry: OciRegistry) -> None:
    with OciRegistry() as other:
        push(registry, "acme/web", "1.2.3", packed())
        push(other, "acme/web", "1.2.3", packed({**files(), "templates/evil.yaml": b"evil"}))
        registry.faults.on("/manifests/", Redirect(f"http://{other.host}/v2/acme/web/manifests/1.2.3"))
        registry.faults.on("/tags/", Redirect(f"http://{other.host}/v2/acme/web/tags/list"))
        for version in ("1.2.3", "1.x"):
            assert "redirects to" in why(fetch(in_oci(f"oci://{registry.host}/acme/web", version), registry.host))
        assert other.requests == []


def test_an_index_that_names_another_host_is_not_followed(charts: Repository) -> None:
    with repository() as other:
        other.bodies["/web.tgz"] = packed()
        for url in (f"{other.url}/web.tgz", "http://169.254.169.254/web.tgz", f"//{other.authority}/web.tgz"):
            charts.bodies["/index.yaml"] = index("web", ("1.2.3", url, sha256(packed())))
            assert "is not asked for charts" in why(fetch(of(charts), charts.authority))
        assert other.asked == []


@pytest.mark.parametrize("digest", ["0" * 64, "''", "md5:abc", "sha256:" + "0" * 64])
def test_a_wrong_digest_or_none_is_refused(charts: Repository, digest: str, tmp_path: Path) -> None:
    charts.bodies["/web.tgz"] = packed()
    charts.bodies["/index.yaml"] = index("web", ("1.2.3", "web.tgz", digest))
    assert "digest" in why(fetch(of(charts), charts.authority, cache=tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "what is wrong is not kept"


def test_other_bytes_under_a_layers_or_manifests_digest_are_refused(registry: OciRegistry) -> None:
    content = packed()
    digest = push(registry, "acme/web", "1.2.3", content)
    address = f"oci://{registry.host}/acme/web"
    assert "has no sha256" in why(fetch(in_oci(address, "", "sha256:" + "0" * 64, is_tag=True), registry.host))
    evil = packed({**files(), "templates/evil.yaml": b"evil"})
    with OciRegistry() as other:
        other.store.put_blob("acme/web", evil)
        target = f"http://{other.host}/v2/acme/web/blobs/sha256:{sha256(evil)}"
        registry.faults.on("/blobs/", Redirect(target))
        assert "loopback" in why(fetch(in_oci(address, "1.2.3"), registry.host)), digest


def test_what_is_no_chart_in_a_registry_is_refused(registry: OciRegistry) -> None:
    registry.put_image("acme/web", "1.2.3")
    assert "no chart" in why(fetch(in_oci(f"oci://{registry.host}/acme/web", "1.2.3"), registry.host))


def served(charts: Repository, content: bytes) -> Fetched | Unfetched:
    """What comes of these bytes, rightly listed."""
    charts.bodies["/web.tgz"] = content
    charts.bodies["/index.yaml"] = index("web", ("1.2.3", "web.tgz", sha256(content)))
    return fetch(of(charts), charts.authority)


def chart_with(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    own = ((member(f"web/{path}", len(each)), each) for path, each in files().items())
    return tar(*own, *members)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "above": (lambda: chart_with((member("web/../../etc/cron.d/x", 1), b"x")), "outside"),
    "absolute": (lambda: chart_with((member("/etc/cron.d/x", 1), b"x")), "outside"),
    "dotted": (lambda: chart_with((member("./web/x", 1), b"x")), "outside"),
    "backslash": (lambda: chart_with((member("web\\..\\..\\x", 1), b"x")), "outside"),
    "drive": (lambda: chart_with((member("C:/x", 1), b"x")), "outside"),
    "symlink": (
        lambda: chart_with((member("web/templates/x", kind=tarfile.SYMTYPE, link="/etc/passwd"), b"")),
        "no plain",
    ),
    "hardlink": (
        lambda: chart_with((member("web/templates/x", kind=tarfile.LNKTYPE, link="web/Chart.yaml"), b"")),
        "no plain",
    ),
    "device": (lambda: chart_with((member("web/templates/x", kind=tarfile.CHRTYPE), b"")), "no plain"),
    "fifo": (lambda: chart_with((member("web/templates/x", kind=tarfile.FIFOTYPE), b"")), "no plain"),
    "twice": (lambda: chart_with((member("web/Chart.yaml", 1), b"x")), "twice"),
    "below a file": (lambda: chart_with((member("web/Chart.yaml/x", 1), b"x")), "below a file"),
    "two folders": (lambda: chart_with((member("evil/templates/x.yaml", 1), b"x")), "several folders"),
    "no chart": (lambda: tar((member("web/values.yaml", 1), b"x")), "no chart"),
    "nothing": (tar, "no chart"),
    "no tar": (lambda: gzip.compress(b"x" * 2000, mtime=0), "no gzipped tar"),
    "no gzip": (lambda: b"x" * 2000, "no gzipped tar"),
    "cut": (lambda: packed()[:-40], "no gzipped tar"),
    "many": (lambda: chart_with(*((member(f"web/f/{n}"), b"") for n in range(10_000))), "more than 10000 entries"),
    "bomb": (lambda: chart_with((member("web/big", 101 << 20), bytes(101 << 20))), "unpacks to more than"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_archive_is_refused_as_a_whole(charts: Repository, name: str) -> None:
    make, words = HOSTILE[name]
    assert words in why(served(charts, make()))


def test_a_part_that_python_would_silently_leave_out_refuses_the_archive(charts: Repository) -> None:
    whole = bytearray(gzip.decompress(chart_with((member("web/templates/last.yaml", 1), b"x"))))
    header = bytes(whole).rfind(b"web/templates/last.yaml")
    whole[header + 148] ^= 1  # its checksum
    assert "cannot be read" in why(served(charts, gzip.compress(bytes(whole), mtime=0)))


def test_an_archive_larger_than_allowed_is_not_read_to_its_end(charts: Repository) -> None:
    charts.bodies["/web.tgz"] = bytes(50 << 20)
    charts.bodies["/index.yaml"] = index("web", ("1.2.3", "web.tgz", sha256(b"")))
    assert "more than" in why(fetch(of(charts), charts.authority)) or "bytes" in why(
        fetch(of(charts), charts.authority)
    )


def test_an_index_of_fifty_megabytes_is_not_read(charts: Repository) -> None:
    charts.publish("1.2.3")
    charts.bodies["/index.yaml"] += b"# " + b"x" * (50 << 20)
    assert "bytes" in why(fetch(of(charts), charts.authority))


def test_a_large_index_is_read_without_a_tree_of_all_of_it(charts: Repository) -> None:
    charts.publish("1.2.3")
    other = index("other", *((f"1.0.{number}", f"other-{number}.tgz", "0" * 64) for number in range(60_000)))
    entries = other.partition(b"entries:\n")[2].partition(b"generated")[0]
    charts.bodies["/index.yaml"] = charts.bodies["/index.yaml"].replace(b"entries:\n", b"entries:\n" + entries)
    assert len(charts.bodies["/index.yaml"]) > 8 << 20
    tracemalloc.start()
    assert isinstance(fetch(of(charts), charts.authority), Fetched)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 14 * len(charts.bodies["/index.yaml"]), "the bytes some times over, but no tree of them"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"entries: {web: [", "cannot be read"),
        (b"- a\n", "cannot be read"),
        (b"entries: {}\n", "no chart of that name"),
        (b"entries:\n  web:\n  - {version: 9.9.9, urls: [x], digest: x}\n", "no such version"),
        (
            b"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nentries: {web: [*b,*b,*b,*b]}\n",
            "no chart of that name",
        ),
    ],
)
def test_an_index_that_makes_no_sense_is_told(charts: Repository, body: bytes, words: str) -> None:
    charts.bodies["/index.yaml"] = body
    assert words in why(fetch(of(charts), charts.authority))


def test_a_server_that_does_not_answer_does_not_hold_the_run(registry: OciRegistry) -> None:
    from fixtures.registry import Hang

    registry.faults.on("/v2/", Hang())
    hosts = ChartHosts(frozenset({registry.host}), {})
    with Session({}, {}, replace(SHORT, run_seconds=3.0)) as session:
        chart = in_oci(f"oci://{registry.host}/acme/web", "1.2.3")
        assert isinstance(chart, Wanted)
        assert "in time" in why(ChartFetcher(session, hosts).fetch(chart))


def test_a_chart_whose_name_or_address_is_no_such_thing_is_not_asked_for() -> None:
    for address, name, version in (
        ("https://charts.acme.example", "../web", "1.2.3"),
        ("https://charts.acme.example", "web", "1.2.3/../x"),
        ("https://${HOST}", "web", "1.2.3"),
        ("https://charts.acme.example", "{{ name }}", "1.2.3"),
        ("file:///etc", "web", "1.2.3"),
        ("", "web", "1.2.3"),
    ):
        assert isinstance(wanted(address, name, version), Unfetched)

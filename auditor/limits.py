"""Every bound on what is read, in one place, with its unit and its reason."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class Limits(Struct, frozen=True):
    """Bounds on hostile input. Bytes, counts, or seconds as the name says."""

    # Trees -----------------------------------------------------------------------------------------------------------
    file_bytes: int = 64 * 1024 * 1024
    """A manifest file. The largest real one met is 9 MB (a bundle of CRDs); larger ones are reported, not read."""
    files: int = 500_000
    """Entries of one tree: ten times the largest monorepo studied."""
    listing_bytes: int = 128 * 1024 * 1024
    """Paths of one tree, together: ends a tree that contains itself many times over (ten levels of ten are 10^10 files)."""
    documents: int = 200_000
    """YAML documents of one file: a generated bundle of 100,000 objects must still be read."""
    yaml_depth: int = 200
    """Nesting of one document. Kubernetes objects stay below 40; beyond this it is an attack on the recursion."""
    yaml_nodes: int = 4_000_000
    """Nodes of one document after following aliases: an alias bomb ends here."""
    object_nodes: int = 250_000
    """Nodes of one Kubernetes object, pruned to what matters, after following aliases: real ones have hundreds."""
    embedded_depth: int = 2
    """YAML or JSON inside a string inside a string: ConfigMaps hold one level, patches of ConfigMaps two."""
    kustomize_depth: int = 64
    """Kustomizations that load each other: real trees stay below 10."""
    text: int = 4096
    """Characters of one name, message or value taken from a repository or a registry before it is cut."""

    # Rules -----------------------------------------------------------------------------------------------------------
    rules_bytes: int = 1024 * 1024
    """`auditor.yaml`, or one file that it names: a trusted root is 100 KB, rules for a thousand teams 300 KB."""
    rules_nodes: int = 100_000
    """Nodes of a rules file after following aliases: an alias bomb ends here."""
    extends_depth: int = 5
    """Rules files that extend each other: team, organisation, and room."""
    pattern_bytes: int = 1024 * 1024
    """Memory of one compiled pattern: RE2 refuses what needs more."""

    # Rendering -------------------------------------------------------------------------------------------------------
    render_seconds: float = 30.0
    """One run of kustomize or helm: the slowest of 4,111 real kustomizations needs 9 seconds."""
    render_memory_bytes: int = 8 * 1024**3
    """Address space of one run: Go reserves far more than it uses, and is asked to collect at 1 GiB."""
    rendered_bytes: int = 64 * 1024 * 1024
    """Manifests that one run prints: as much as one manifest file may have."""
    staged_bytes: int = 256 * 1024 * 1024
    """Files copied for renderers, together: every chart of a large monorepo."""
    render_seconds_together: float = 300.0
    """All runs of one reading of a tree: what is not rendered by then is read without."""
    render_depth: int = 4
    """Charts that deploy charts: an app of apps of apps is real."""
    releases: int = 2_000
    """Charts rendered for one tree: the largest app of apps studied has 68."""
    tainted_leaves: int = 5_000
    """Values of one chart that are followed to the image that they make."""

    chart_bytes: int = 32 * 1024 * 1024
    """One packed chart: the largest published ones have a few MB, Helm itself unpacks no more than 100."""
    chart_unpacked_bytes: int = 100 * 1024 * 1024
    """All files of one chart: as much as Helm reads."""
    chart_entries: int = 10_000
    """Files and folders of one packed chart: the largest published ones have some hundred."""
    chart_index_bytes: int = 40 * 1024 * 1024
    """The index of a repository of charts: the largest public one has 25 MB."""
    chart_tags: int = 20_000
    """Tags of one OCI repository, among which a range of versions is looked for."""
    chart_cache_bytes: int = 512 * 1024 * 1024
    """Packed charts kept between runs."""

    # What controllers deploy -----------------------------------------------------------------------------------------
    applications: int = 5_000
    """Applications that the generators of one ApplicationSet make: the largest fleets have a few hundred."""
    deployments: int = 20_000
    """Directories and deployers of one tree, each pair once: the largest trees studied have 400."""
    substitutions: int = 64
    """Sets of values that one Flux Kustomization may get, where it is not certain which: clusters of one tree."""

    # Registries ------------------------------------------------------------------------------------------------------
    manifest_bytes: int = 4 * 1024 * 1024
    """Distribution specification: registries should accept manifests of 4 MiB."""
    blob_bytes: int = 8 * 1024 * 1024
    """One signature, bundle or attestation; SBOM attestations of 5 MiB are real."""
    token_bytes: int = 256 * 1024
    """The answer of a token endpoint."""
    referrers: int = 200
    """Descriptors per digest: more are `unjudged`, never silently dropped."""
    signatures: int = 64
    """Signatures judged per digest: more are `unjudged` unless one that was judged already verifies."""
    redirects: int = 5
    """Redirects of one request; blobs need one."""
    material_bytes: int = 64 * 1024 * 1024
    """All signatures of one digest together: a dozen SBOM attestations of 5 MiB are real."""
    pages: int = 20
    """Pages of one referrers listing."""
    connect_seconds: float = 10.0
    """To open a connection, TLS included."""
    read_seconds: float = 20.0
    """Between two reads of one answer."""
    header_bytes: int = 64 * 1024
    """Status line and headers of one answer."""
    request_seconds: float = 60.0
    """One request from first byte sent to last byte read: ends a slow drip."""
    cache_bytes: int = 512 * 1024 * 1024
    """Signatures, bundles and their manifests kept between runs: about 5 KiB each, so 100,000 images."""
    run_seconds: float = 600.0
    """All registry work of a run: what is not answered by then is `unjudged`."""
    attempts: int = 5
    """Tries of one request, the first included."""
    retry_after_seconds: float = 60.0
    """The longest `Retry-After` that is waited for."""
    helper_seconds: float = 20.0
    """One credential helper: some ask a cloud for a token, some ask the user."""
    connections: int = 64
    """Requests under way at once over all hosts."""
    connections_per_host: int = 64
    """Requests under way at once to one host."""

    # The cluster's policies ------------------------------------------------------------------------------------------
    policies: int = 20_000
    """Objects of policy engines in one tree: fleets repeat fifty policies for each of a few dozen clusters."""
    expression_characters: int = 4096
    """One CEL or JMESPath expression: real ones have a few hundred."""
    expression_steps: int = 200_000
    """Elements that nested macros of one CEL expression may visit: a pod has a handful of images, Kubernetes refuses dearer ones."""
    expression_value: int = 10_000
    """Characters or elements of one value that an expression may make."""
    attestor_depth: int = 8
    """Attestors inside attestors: real policies have one level."""
    glob_depth: int = 16
    """Braces inside braces of one glob: real ones have none."""

    # Signatures ------------------------------------------------------------------------------------------------------
    certificate_bytes: int = 64 * 1024
    """One certificate, PEM or DER."""
    chain_certificates: int = 10
    """Certificates of one chain."""
    log_entry_bytes: int = 8 * 1024 * 1024
    """The canonical body of one transparency log entry: it may repeat the envelope."""
    timestamps: int = 32
    """Time stamps of one signature: one is normal; sigstore's clients read no more than these."""
    trusted_parts: int = 64
    """Logs, or authorities, of one trusted root: GitHub's, the largest, has a dozen."""
    trusted_root_bytes: int = 1024 * 1024
    """One trusted root file: GitHub's is 30 kB."""
    artifact_bytes: int = 1024 * 1024 * 1024
    """A file that a bundle is about: it is held in memory. Larger ones can be named by their digest."""
    proof_hashes: int = 64
    """Nodes of one inclusion proof: as many as a tree of 2^64 leaves needs."""
    statement_subjects: int = 10_000
    """Subjects of one in-toto statement: a release of a large monorepo names a few hundred files."""
    provenance_materials: int = 100_000
    """Materials of one SLSA provenance: a large build depends on ten thousand packages."""

    # Policies --------------------------------------------------------------------------------------------------------
    rego_bytes: int = 64 * 1024 * 1024
    """One question in Rego: modules and input. The result of a thousand images is 2 MB."""
    rego_seconds: float = 10.0
    """One question in Rego: what is not answered by then is stopped and `not-evaluable`."""
    rego_processor_seconds: int = 300
    """All questions in Rego to one process."""
    rego_megabytes: int = 1024
    """Memory of the process that evaluates Rego: a result of 1,000 images takes 100."""

    # Forges ----------------------------------------------------------------------------------------------------------
    event_bytes: int = 25 * 1024 * 1024
    """The event file of a job: GitHub caps what it delivers at 25 MB."""
    result_bytes: int = 128 * 1024 * 1024
    """A saved result that is read back, perhaps another job's artifact: 5,000 images with all their signatures are 40 MB."""
    forge_bytes: int = 32 * 1024 * 1024
    """One answer of a forge: a page of 100 comments of 262,144 bytes each."""
    forge_pages: int = 50
    """Pages of one listing of comments: 5,000 comments."""
    publish_seconds: float = 180.0
    """All requests to a forge, waits included: a job must not hang on its comment."""
    notify_seconds: float = 3600.0
    """All requests about the issues of an audit: a thousand of them, one change a second, and waits."""
    issue_pages: int = 200
    """Pages of our own issues in one repository: 20,000 of them."""
    issue_pause_seconds: float = 1.0
    """Between two changes to issues. GitHub ("Best practices for using the REST API"): at least one second."""
    annotations: int = 1000
    """Annotations of one report: Bitbucket takes no more, and nobody reads more on GitHub."""
    adopted_references: int = 8
    """Earlier references of one image that `auditor init` asks about: enough to see which part of a tag changes."""
    adopted_commits: int = 200
    """Commits whose deployments `auditor init` may look at."""

    # Repositories of an audit ------------------------------------------------------------------------------------------
    git_seconds: float = 120.0
    """One answer of git about a repository of this machine: what it opens there may be a pipe that nobody writes to."""
    fetch_seconds: float = 600.0
    """One fetch from a repository, and the wait for another process that fetches from it: a commit of a large monorepo."""
    fetch_bytes: int = 2 * 1024 * 1024 * 1024
    """What one fetch may write: a commit of the largest monorepos, all files included."""
    fetch_memory_bytes: int = 2 * 1024**3
    """Data of one process of git that fetches: it keeps whole what a server says without end, and unpacks files of 512 MiB."""
    fetch_stalled_seconds: int = 30
    """How long a server may send less than 1 KiB a second."""
    fetched_alone: int = 64
    """Files of one tree that are fetched one by one after fetching them together wrote too much."""
    mirror_packs: int = 48
    """Packs of one mirror: each fetch adds one, and above this they are packed together."""
    pipe_seconds: float = 20.0
    """A pipe that a report goes to, while nobody reads from it."""
    audit_seconds: float = 86_400.0
    """An audit without `--max-time`: the next night's begins then."""
    repositories_bytes: int = 16 * 1024 * 1024
    """The file that names them: a hundred thousand addresses."""
    repositories: int = 100_000
    """Targets of one audit: the largest organisations have some ten thousand repositories."""

    audit_entry_bytes: int = 16 * 1024 * 1024
    """One entry of a saved audit: an image with 5,000 uses and 100 signatures has 3 MB. The document itself is read in a stream."""

    # The history ------------------------------------------------------------------------------------------------------
    kept_bytes: int = 256 * 1024 * 1024
    """One report or extraction in a history, unpacked: a tree of 5,000 images with all their signatures makes 40 MB."""

    def asking(self, requests: int) -> Limits:
        """The same, with so many requests under way at once: over all hosts, and so to each."""
        return replace(self, connections=requests, connections_per_host=requests)


DEFAULT = Limits()

# auditor with kustomize and helm: no root, no shell of its own needed, nothing that is not pinned.
FROM golang:1.26-bookworm@sha256:116d58cbd88c1297624acc6e967a060012422bacf9930927e23fb719189c6f36 AS renderers
ENV CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN=/out
# Checked against the checksum database of Go modules.
RUN go install -ldflags="-s -w" sigs.k8s.io/kustomize/kustomize/v5@v5.8.1 \
    && go install -ldflags="-s -w" helm.sh/helm/v3/cmd/helm@v3.22.0

FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a AS build
WORKDIR /src
COPY requirements-run.lock ./
RUN python -m venv /opt/auditor \
    && /opt/auditor/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-run.lock
COPY pyproject.toml hatch_build.py README.md LICENSE CHANGELOG.md ./
COPY rules rules
COPY auditor auditor
RUN /opt/auditor/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/auditor/bin/python -m compileall -q /opt/auditor/lib \
    && /opt/auditor/bin/python -m pip uninstall --quiet --yes pip

FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a
# Debian keeps one version of git at a time and takes the others away, so that none can be named here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --create-home auditor \
    && git config --system --add safe.directory /work
COPY --from=renderers /out/kustomize /out/helm /usr/local/bin/
COPY --from=build /opt/auditor /opt/auditor
ENV PATH=/opt/auditor/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["auditor"]
CMD ["--help"]

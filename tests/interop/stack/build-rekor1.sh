#!/usr/bin/env bash
# What Rekor v1 needs beside the programs of .ci/run: the log's server, Trillian and its schema for PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/../../.."
tools=$PWD/.cache/tools
mkdir -p "$tools"
export GOBIN=$tools GOFLAGS=-trimpath GOTOOLCHAIN=local

# build MODULE VERSION PACKAGE…: unless the programs are there in this version.
build() {
  local module=$1 version=$2 package missing=()
  shift 2
  for package in "$@"; do
    go version -m "$tools/${package##*/}" 2>/dev/null | grep -q "^[[:space:]]mod[[:space:]].*[[:space:]]$version[[:space:]]" ||
      missing+=("$module/$package@$version")
  done
  [ ${#missing[@]} -eq 0 ] || go install -ldflags='-s -w' "${missing[@]}"
}

build github.com/sigstore/rekor v1.5.4 cmd/rekor-server
build github.com/google/trillian v1.8.0 cmd/trillian_log_server cmd/trillian_log_signer
[ -s "$tools/trillian.sql" ] ||
  cp "$(go env GOMODCACHE)/github.com/google/trillian@v1.8.0/storage/postgresql/schema/storage.sql" "$tools/trillian.sql"

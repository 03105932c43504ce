#!/usr/bin/env bash
# Installs what the tests need and pip cannot give: git, a browser, container engines. Needs root or
# sudo; without either, the tests that want them are skipped, except under CI, where a missing tool is
# a failure.
set -euo pipefail

wanted=()
# need PROGRAM PACKAGE
need() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || wanted+=("$2"); }
need git git
need npm npm  # which fetches GitHub's API description
command -v google-chrome >/dev/null || need chromium chromium
need chromedriver chromium-driver
need unshare util-linux
need mount mount
need ps procps
need openssl openssl
need ip iproute2
need dockerd docker.io
need docker-compose docker-compose
need docker-registry docker-registry
need podman podman
need runc runc
need nginx nginx-light
need mmdebstrap mmdebstrap
# for PRoot, which udocker would download and tests/proot.sh builds
need make make
need gcc gcc
need pkg-config pkg-config
need curl curl  # which udocker downloads with
[ -e /usr/include/talloc.h ] || wanted+=(libtalloc-dev)
[ -e /usr/include/archive.h ] || wanted+=(libarchive-dev)
[ ${#wanted[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
  run=()
elif sudo -n true 2>/dev/null; then
  run=(sudo -n)
else
  echo "not installed, and neither root nor sudo to install them: ${wanted[*]}" >&2
  [ -z "${CI:-}" ] || exit 1
  exit 0
fi
echo "installing ${wanted[*]}"
"${run[@]}" apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install --yes --quiet=2 \
  --no-install-recommends "${wanted[@]}" >/dev/null

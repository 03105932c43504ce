#!/usr/bin/env bash
# Installs what the tests need and pip cannot give: git and a browser. Needs root or sudo; without
# either, the tests that want them are skipped, except under CI, where a missing tool is a failure.
set -euo pipefail

wanted=()
command -v git >/dev/null || wanted+=(git)
command -v chromium >/dev/null || command -v google-chrome >/dev/null || wanted+=(chromium)
command -v chromedriver >/dev/null || wanted+=(chromium-driver)
command -v unshare >/dev/null || wanted+=(util-linux)
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

#!/usr/bin/env bash
# Builds PRoot, which udocker's modes P1 and P2 need, from Debian's copy of its source: udocker would
# download one, and that of Debian 12 is too old for today's kernels. Usage: tests/proot.sh PROGRAM
set -euo pipefail

target=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial cache/archives/partial source
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keys] http://deb.debian.org/debian sid main" >sources.list
options=(-q -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
# a mirror may be between two versions; the source itself is all that is wanted
apt-get "${options[@]}" source --download-only proot || true
tar -xzf proot_*.orig.tar.gz -C source --strip-components=1
make -s -C source/src proot
mkdir -p "$(dirname "$target")"
install -m 755 source/src/proot "$target.new"
mv "$target.new" "$target"

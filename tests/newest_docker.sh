#!/usr/bin/env bash
# Unpacks the Docker Engine, buildx and compose of Debian's testing suite into a folder; nothing is
# installed. Usage: tests/newest_docker.sh FOLDER
set -euo pipefail

target=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lists/partial cache/archives/partial root
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] http://deb.debian.org/debian testing main" >sources.list
options=(-q -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
apt-get "${options[@]}" download docker.io docker-cli docker-buildx docker-compose containerd
for package in *.deb; do
  dpkg --extract "$package" root
done
mkdir -p root/config "$(dirname "$target")"
echo "{\"cliPluginsExtraDirs\": [\"$target/usr/libexec/docker/cli-plugins\"]}" >root/config/config.json
rm -rf "$target"
mv root "$target"

#!/bin/sh
# Unpacks the Pico SDK from Debian's packages: pico_sdk.sh FOLDER. They came with Debian 13; an older one asks its own
# mirror for that one's list, and installs nothing.
set -e
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
mkdir -p lists/partial archives/partial
grep -rl --include='*.sources' debian-archive-keyring /etc/apt | while read -r file; do
  sed "s/\b$codename/trixie/g" "$file"
  echo
done > debian.sources
set -- -qq -o Dir::Etc::sourcelist="$work/debian.sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" \
  -o Dir::Cache::archives="$work/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root
apt-get "$@" update
apt-get "$@" download pico-sdk-source tinyusb-source
for package in ./*.deb; do dpkg -x "$package" unpacked; done
mkdir -p "$(dirname "$folder")"
rm -rf "$folder.new"
mv unpacked/usr/src "$folder.new"
rm -rf "$folder"
mv "$folder.new" "$folder"

#!/bin/sh
# Unpacks Debian's redis-server, and what it needs that not every system has, into the folder $1.
# Nothing else of the system changes. Whoever calls this holds a lock.
set -e
[ -e "$1" ] && exit 0
packages="redis-server redis-tools libjemalloc2 liblzf1"
work=$(mktemp -d "$1.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download $packages || { apt-get update && apt-get download $packages; }
for package in *.deb; do dpkg -x "$package" root; done
mv root "$1"

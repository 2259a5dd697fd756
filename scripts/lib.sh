# Shared by the scripts beside this file, which source it first. It is never run by itself.
# shellcheck shell=bash
set -euo pipefail

# The names below are for the scripts that source this file.
# shellcheck disable=SC2034
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Everything downloaded or made lives here. Several checkouts may share one folder.
cache=${VHOST_USER_SERIAL_CACHE:-$repository/.cache}
mkdir -p "$cache"

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# quietly COMMAND…: shows the command's output only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    ((status == 0)) || {
        printf '%s failed with exit code %d:\n' "$*" "$status"
        tail -n 40 "$log"
    } >&2
    rm -f "$log"
    return "$status"
}

# locked COMMAND…: one at a time, also when several scripts of this checkout run at once.
locked() {
    (
        flock 9
        "$@" 9>&-
    ) 9>"$cache/lock"
}

# need_packages NAME…: installs the Debian packages that are missing.
need_packages() {
    local name missing=()
    for name; do
        [[ $(dpkg-query -Wf '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || die "missing Debian packages, as root: apt-get install ${missing[*]}"
    say "Installing ${missing[*]}"
    locked install_packages "${missing[@]}"
}

# need_libraries: what the daemon is linked with, and their headers.
need_libraries() { need_packages libcap-ng-dev libseccomp-dev libtomlplusplus-dev; }

# need_python: a Python of its own with the packages that the checks need, as VHOST_USER_SERIAL_PYTHON.
need_python() {
    need_packages python3-venv
    locked make_python
    export VHOST_USER_SERIAL_PYTHON=$cache/python/bin/python
}

make_python() {
    local wanted="qemu.qmp==0.0.6 jsonschema==4.23.0 prometheus-client==0.21.1"
    [[ $(cat "$cache/python/wanted" 2>/dev/null) == "$wanted" ]] && return
    say "Installing ${wanted//==/ } for the checks"
    rm -rf "$cache/python"
    quietly /usr/bin/python3 -m venv "$cache/python"
    # shellcheck disable=SC2086 # three words
    quietly "$cache/python/bin/pip" install $wanted
    printf '%s' "$wanted" >"$cache/python/wanted"
}

install_packages() {
    quietly apt-get update
    quietly env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# The configured archives: Debian's own, and the one with security updates where there is one.
# shellcheck disable=SC2016 # apt fills this in
archives() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sort -u; }

debian_archive() { archives | grep /debian/ | head -n 1 | grep . || die "no Debian archive is configured for apt"; }

# unpack SUITE FOLDER PACKAGES [OPTION…] SOURCE…: what the packages hold, not configured: no maintainer script runs.
unpack() {
    local suite=$1 folder=$2 packages=$3
    shift 3
    quietly mmdebstrap --variant=extract --include="$packages" "$suite" "$folder" "$@"
}

# newest_modules TREE NAME…: modules of the newest guest kernel, for guest/init to load in this order.
newest_modules() {
    local tree=$1 name
    shift
    need_packages xz-utils
    mkdir -p "$tree/modules"
    for name; do
        find "$cache/qemu-root/kernels/newest/modules" -name "$name.ko.xz" -exec xz -dc {} \; >"$tree/modules/$name.ko"
        [[ -s $tree/modules/$name.ko ]] || die "the newest kernel has no module $name"
        printf '%s\n' "$name" >>"$tree/modules/order"
    done
}

# Shared by the examples' run scripts, which source it first: brings what is missing, starts the daemon and the guest in a
# folder of this run, and leaves nothing behind. It is never run by itself.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

example=$(cd "$(dirname "$0")" && pwd -P)
binaries=$repository/.build/release
# Short, because the path of a socket is.
dir=$(mktemp -d -t example.XXXXXX)
pids=()
# What is started ends with this script, however it ends.
leashed=(setpriv --pdeathsig KILL --)

clean_up() {
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# fail MESSAGE: what went wrong, and the ends of all logs.
fail() {
    printf '%s: %s\n' "$(basename "$example")" "$*"
    tail -n 20 "$dir"/*.log
    exit 1
} >&2

# bring [PACKAGE…]: Debian packages, the guest's image and the programs, each where it is missing.
bring() {
    need_packages "$@"
    [[ -e $cache/guest/agents.cpio && -e $cache/qemu-root/complete ]] || "$repository/scripts/make-guest"
    local program
    for program in vhost-user-serial vserialctl; do
        [[ -x $binaries/$program ]] || "$repository/scripts/build" --product "$program"
    done
}

# within SECONDS COMMAND…: again and again until it succeeds. For what can only be looked at.
within() {
    local tries=$(($1 * 20))
    shift
    until "$@"; do
        ((tries-- > 0)) || return 1
        sleep 0.05
    done
}

# start_daemon OPTION…: one socket for QEMU, one for each port. DAEMON_ARGUMENTS may hold more options.
start_daemon() {
    # shellcheck disable=SC2086 # words
    "${leashed[@]}" "$binaries/vhost-user-serial" --socket-path "$dir/vhost.sock" --socket-dir "$dir" "$@" ${DAEMON_ARGUMENTS-} \
        2>"$dir/daemon.log" &
    daemon_pid=$!
    pids+=("$daemon_pid")
    within 5 test -S "$dir/vhost.sock" || fail "the daemon did not start"
}

stop_daemon() {
    kill -TERM "$daemon_pid"
    wait "$daemon_pid" || fail "the daemon ended with $?"
}

# start_guest PROGRAM [QEMU option…]: boots it and starts a program of its /bin; its process is qemu_pid. GUEST is its
# image, as for start-guest.
start_guest() {
    APPEND=run=$1 "${leashed[@]}" "$repository/qemu-examples/000-hello/start-guest" "$dir" \
        -serial "file:$dir/console.log" "${@:2}" 2>"$dir/qemu.log" &
    qemu_pid=$!
    pids+=("$qemu_pid")
}

# wait_for_guest PID: until it has powered itself off.
wait_for_guest() {
    timeout 60 tail --pid "$1" -f /dev/null || fail "the guest does not power off"
    wait "$1" || fail "QEMU ended with $?"
}

# pack_guest IMAGE FILE…: a guest with these programs beside its own. Linux unpacks several archives behind one another.
pack_guest() {
    local image=$1
    shift
    mkdir -p "$dir/guest/bin"
    cp "$@" "$dir/guest/bin/"
    (cd "$dir/guest" && find . | "$cache/qemu-root/usr/bin/busybox" cpio -o -H newc 2>/dev/null) |
        cat "$cache/guest/$image.cpio" - >"$dir/guest.cpio"
    export GUEST=$dir/guest.cpio
}

# compile SOURCE PROGRAM [OPTION…]
compile() { gcc -O2 -Wall -Wextra -Werror "${@:3}" -o "$2" "$1" || fail "$1 does not compile"; }

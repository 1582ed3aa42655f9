#!/bin/sh
# The Debian packages that the local stack and the tests use: installed where that may be done, else
# named, with what goes without them.
set -eu

missing=
note() { # command, package, what goes without it
    command -v "$1" >/dev/null 2>&1 && return 0
    missing="$missing $2"
    echo "missing: $1 (Debian package $2); without it: $3" >&2
}

PATH="$PATH:/usr/sbin:/sbin"
note busybox busybox-static "no sample images, so no demo and no test that runs a container"
note setpriv util-linux "a child process may outlive a stack that was killed"
note skopeo skopeo "no independent pusher: those contract tests are skipped"
note docker-registry docker-registry "no independent registry: those contract tests are skipped"

# Large, and no demo needs it.
if [ "${1:-}" = test ]; then
    note chromium chromium "no test of the page in a browser, and no screenshots"
    note chromedriver chromium-driver "no test of the page in a browser, and no screenshots"
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update -qq >/dev/null
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    }
else
    echo "not root on a Debian-like system, so not installed:$missing" >&2
fi

# What ./try and ./check need of the machine, brought in quietly. Sourced by both; does nothing where all is there.
#
# Debian packages come by apt, which also starts services: policy-rc.d forbids that while we install, for the world
# starts its own, in namespaces of its own. Cargo's tools go to target/tools.

machine_packages=(
    build-essential pkg-config git curl ca-certificates openssl jq
    iproute2 iputils-ping util-linux procps nftables tcpdump wireguard-go wireguard-tools
    slapd ldap-utils sqlite3 rsyslog rsyslog-gnutls python3-aiosmtpd
    samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba
    xrdp xorgxrdp freerdp2-x11 freerdp2-shadow-x11 xvfb xdotool wmctrl openbox xterm x11-xserver-utils x11-utils xauth imagemagick zbar-tools xclip
    dbus dunst gnome-keyring
    desktop-file-utils shared-mime-info libglib2.0-bin
    chromium fonts-dejavu-core
    qpdf poppler-utils
    libgl1 libegl1 libgl1-mesa-dri libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2
)

# What the program for Windows is built by and run under: a gigabyte that nothing else needs.
machine_packages_for_windows=(rustc-web rust-web-src gcc-mingw-w64-x86-64 wine64 zip unzip icoutils)

# What looks at AppStream data, which software centres read.
machine_packages_for_packing=(appstream)

# Ends with a message unless network namespaces can be made.
machine_needs_root() {
    if [ "$(id -u)" != 0 ]; then
        echo "this part makes network namespaces and accounts inside them: run it as root (a container or a throwaway machine will do)" >&2
        return 1
    fi
    unshare --net --mount --pid --fork true || {
        echo "this machine does not let root make namespaces; in a container, start it with --privileged" >&2
        return 1
    }
    [ -c /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } || {
        echo "/dev/net/tun is missing: load the kernel module tun" >&2
        return 1
    }
}

# Installs the packages that are missing; those named as well.
machine_install_packages() {
    local missing=() package
    for package in "${machine_packages[@]}" "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    command -v apt-get >/dev/null || { echo "install these by hand: ${missing[*]}" >&2; return 1; }
    [ "$(id -u)" = 0 ] || { echo "run as root, or install first: apt-get install ${missing[*]}" >&2; return 1; }
    local guard=/usr/sbin/policy-rc.d
    (
        if [ ! -e $guard ]; then
            trap 'rm -f $guard' EXIT
            printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q && apt-get install -q -y --no-install-recommends -o Acquire::Retries=5 "${missing[@]}"
    ) >target/apt.log 2>&1 || { tail -n 20 target/apt.log >&2; return 1; }
}

# Rust, by the project's own version.
machine_needs_rust() {
    command -v cargo >/dev/null || PATH=$HOME/.cargo/bin:$PATH
    command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs, then once more" >&2; return 1; }
}

# One of cargo's tools at a version that is known to work, unless the machine has it.
machine_tool() {
    local name=$1 version=$2
    PATH=$PWD/target/tools/bin:$PATH
    command -v "$name" >/dev/null && return 0
    cargo install --locked --quiet --root target/tools "$name" --version "$version"
}

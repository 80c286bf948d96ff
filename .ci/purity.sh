#!/bin/sh
# Proves that the protocol crate is pure: no input or output, no clock, no randomness, no threads of its own.
# With the wasm32-unknown-unknown target it is built for it, and the module must import nothing from its host. Without, the
# dependencies and the source are searched for whatever could reach out. Says which line is to blame and exits with 1.
set -eu
cd "$(dirname "$0")/.."
bad=0
blame() {
    echo "purity: $1" >&2
    bad=1
}

# The source, in any case: the module can not show a HashMap. Comments, and tests, are no code of the crate; a
# host name's parser is no network.
sources=$(find protocol/src -name '*.rs' ! -path '*/tests/*' ! -name tests.rs ! -name fixtures.rs | sort)
for file in $sources; do
    found=$(awk -v file="$file" '
        /^#\[cfg\(test\)\]$/ { test = 1; next }
        test && /^mod [a-z_]+ \{/ { exit }
        { test = 0 }
        {
            line = $0
            sub(/\/\/.*/, "", line)
            if (line ~ /std::net::Ipv[46]Addr/ && line !~ /[{,]/) next
            if (line ~ /(std|core)::(fs|net|io|thread|process|env|os)([^a-z_]|$)/ ||
                line ~ /std::\{.*[^a-z_](fs|net|io|thread|process|env|os)([^a-z_]|$)/ ||
                line ~ /(^|[^:A-Za-z_])(fs|net|thread|process|env)::/ ||
                line ~ /(^|[^:A-Za-z_])io::(stdin|stdout|stderr|copy|Read|Write|BufRead|Error)/ ||
                line ~ /(^|[^A-Za-z_])(SystemTime|Instant|HashMap|HashSet|RandomState|OsRng|ThreadRng|thread_rng|Mutex|RwLock)([^A-Za-z_]|$)/ ||
                line ~ /(^|[^A-Za-z_])(println|eprintln|print|eprint|dbg)!/ ||
                line ~ /(^|[^A-Za-z_])(async|await)([^A-Za-z_]|$)/)
                printf "%s:%d: %s\n", file, NR, $0
        }' "$file")
    [ -z "$found" ] || blame "$found"
done

target=wasm32-unknown-unknown
if [ -d "$(rustc --print target-libdir --target $target 2>/dev/null)" ]; then
    # A library has no module to look at: an example that is the smallest caller makes one.
    dir=${CARGO_TARGET_DIR:-target}/purity
    mkdir -p "$dir/src"
    root=$(pwd)
    cat >"$dir/Cargo.toml" <<TOML
[package]
name = "purity"
edition = "2024"
[lib]
crate-type = ["cdylib"]
[dependencies]
antibrush-protocol = { path = "$root/protocol" }
[workspace]
TOML
    cat >"$dir/src/lib.rs" <<'RUST'
//! Keeps the state machine reachable, so that all that it calls is linked.
use antibrush_protocol::replica::{Input, Now, Replica};
#[unsafe(no_mangle)]
pub extern "C" fn drive(replica: &mut Replica, input: &mut Option<Input>, wall: u64, ms: u64) -> usize {
    let now = Now { wall: antibrush_protocol::base::Timestamp(wall), ms };
    input.take().map_or(0, |input| replica.handle(input, now).len())
}
RUST
    cp Cargo.lock "$dir/Cargo.lock"
    if cargo build --quiet --release --target $target --manifest-path "$dir/Cargo.toml" --target-dir "$dir/target"; then
        module="$dir/target/$target/release/purity.wasm"
        # Section 2 of a module is its imports. A module without host calls has none.
        python3 - "$module" <<'PY' || blame "the wasm module imports from its host"
import sys
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\0asm\1\0\0\0", "not a wasm module"
def number(at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
at, imports = 8, []
while at < len(data):
    kind, (size, start) = data[at], number(at + 1)
    if kind == 2:
        count, p = number(start)
        imports.append(f"{count} imports, the first from {data[p + 1:p + 1 + data[p]].decode()}")
    at = start + size
for line in imports:
    print("purity:", line, file=sys.stderr)
sys.exit(bool(imports))
PY
    else
        blame "the crate does not build for $target"
    fi
else
    echo "purity: $target is not installed; looking at dependencies and source instead" >&2
    # What can reach the clock, the disk, the network or the system's randomness.
    tree=$(cargo tree --locked -p antibrush-protocol -e normal --prefix none --format '{p} [{f}]') ||
        blame "Cargo.lock does not fit protocol/Cargo.toml: look at what was added"
    for crate in tokio mio socket2 async-std smol async-io polling futures-executor getrandom chrono time jiff rustix nix \
        libp2p tempfile rayon crossbeam-channel parking_lot tracing-subscriber reqwest hyper; do
        found=$(printf '%s\n' "$tree" | grep "^$crate v" || true)
        [ -z "$found" ] || blame "dependency $found"
    done
    # rand without its own sources of randomness is arithmetic.
    found=$(printf '%s\n' "$tree" | grep -E '^(rand|rand_core) v.*\[(.*,)?(std_rng|thread_rng|os_rng|sys_rng|getrandom)(,.*)?\]' || true)
    [ -z "$found" ] || blame "dependency $found"
fi

[ $bad -eq 0 ] && echo "purity: the protocol crate is pure" >&2
exit $bad

#!/usr/bin/env python3
"""Verifies a C2SP checkpoint with nothing but its file, the keys' lines and Ed25519: none of our code, no registry of ours.

    verify_checkpoint.py CHECKPOINT KEYS

Written from c2sp.org/signed-note, c2sp.org/tlog-checkpoint and c2sp.org/tlog-cosignature (v1.0.0). Prints `log NAME`, `size N`,
`root BASE64` and for each cosignature `witness NAME TIME`; exits with 1 when a signature of a known key does not verify or the log
has not signed, with 77 when the library is missing.
"""

import base64
import hashlib
import struct
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit(77)


def fail(why):
    print(why, file=sys.stderr)
    sys.exit(1)


def read_keys(path):
    keys = {}
    for line in open(path, encoding="utf-8").read().splitlines():
        name, key_id, key = line.split("+", 2)
        key = base64.b64decode(key, validate=True)
        if len(key) != 33:
            fail(f"the key of {name} has {len(key)} bytes")
        want = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
        if want.hex() != key_id:
            fail(f"the id of {name} is not that of its key")
        keys[name, want] = (key[0], Ed25519PublicKey.from_public_bytes(key[1:]))
    return keys


def main():
    note = open(sys.argv[1], encoding="utf-8", newline="").read()
    keys = read_keys(sys.argv[2])
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    if not signatures.endswith("\n"):
        fail("the last line does not end")
    lines = text.splitlines()
    origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    if str(size) != lines[1] or len(root) != 32:
        fail("this is no checkpoint")
    signed, witnesses = False, []
    for line in signatures.splitlines():
        dash, name, blob = line.split(" ")
        if dash != "\u2014":
            fail("no signature line")
        blob = base64.b64decode(blob, validate=True)
        known = keys.get((name, blob[:4]))
        if known is None:
            continue
        kind, key = known
        try:
            if kind == 1 and name == origin:
                key.verify(blob[4:], text.encode())
                signed = True
            elif kind == 4:
                (time,) = struct.unpack(">Q", blob[4:12])
                key.verify(blob[12:], f"cosignature/v1\ntime {time}\n{text}".encode())
                witnesses.append((name, time))
        except InvalidSignature:
            fail(f"the signature of {name} does not verify")
    if not signed:
        fail("the log has not signed")
    print("log", origin)
    print("size", size)
    print("root", lines[2])
    for name, time in witnesses:
        print("witness", name, time)


main()

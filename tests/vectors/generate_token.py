#!/usr/bin/env python3
"""Prints the fixed vector of suite 1 in protocol/src/suite/tests.rs, from docs/PROTOCOL.md alone: hmac and hashlib.

Usage: python3 tests/vectors/generate_token.py
"""

import hashlib
import hmac


def label(text):
    return hashlib.sha256(text.encode()).digest()


def extract(salt, secret):
    return hmac.new(salt, secret, hashlib.sha256).digest()


def expand(prk, info):
    # RFC 5869 §2.3, one block: 32 bytes.
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def main():
    seed, nonce = label("antibrush vector seed-1"), label("antibrush vector founding-nonce")
    alliance = label("antibrush vector alliance")
    number, epoch, canonical = 1, 1, b"91350100M000100Y43"
    tail = bytes([number]) + epoch.to_bytes(2, "big")
    pepper = expand(extract(nonce, seed), b"antibrush/v1/pepper" + tail)
    commitment = hashlib.sha256(b"antibrush/v1/pepper-commitment" + pepper).digest()
    key_id = hashlib.sha256(b"antibrush/v1/key-id" + bytes([1]) + tail + bytes([1, 1, 1]) + commitment).digest()
    subject = b"antibrush/v1/subject" + alliance + bytes([number]) + len(canonical).to_bytes(2, "big") + canonical
    prk = extract(key_id, hmac.new(pepper, subject, hashlib.sha512).digest())
    print("commitment", commitment.hex())
    print("key id    ", key_id.hex())
    for name in ["token", "federation", "record"]:
        print(f"{name:10}", expand(prk, b"antibrush/v1/" + name.encode()).hex())


if __name__ == "__main__":
    main()

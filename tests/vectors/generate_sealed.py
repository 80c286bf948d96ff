#!/usr/bin/env python3
"""Writes tests/vectors/sealed.json from docs/PROTOCOL.md alone: HMAC by hashlib, XChaCha20-Poly1305 by libsodium (PyNaCl).

Usage: pip install pynacl; python3 tests/vectors/generate_sealed.py
"""

import hashlib
import hmac
import json
import pathlib

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

HERE = pathlib.Path(__file__).parent


def main():
    lines = (HERE / "wire/entry_list_minimal.txt").read_text().splitlines()
    entry = bytes.fromhex("".join(line.split("#")[0].strip() for line in lines))
    record_key = hashlib.sha256(b"antibrush vector record").digest()
    publisher, nonce, details = 7, bytes(range(24)), "案号 2026-118"
    # RFC 5869 §2.3 with one block of output.
    info = b"antibrush/v1/sealed-details" + publisher.to_bytes(2, "big")
    key = hmac.new(record_key, info + b"\x01", hashlib.sha256).digest()
    text = details.encode()
    padded = (len(text).to_bytes(2, "big") + text).ljust(128, b"\0")
    sealed = nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(padded, entry, nonce, key)
    vector = {
        "source": "tests/vectors/generate_sealed.py",
        "entry": entry.hex(),
        "publisher": publisher,
        "record_key": record_key.hex(),
        "nonce": nonce.hex(),
        "details": details,
        "sealed": sealed.hex(),
    }
    (HERE / "sealed.json").write_text(json.dumps(vector, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

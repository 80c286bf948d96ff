#!/usr/bin/env python3
"""Builds a few wire objects a second time, from docs/PROTOCOL.md alone, and compares them with tests/vectors/wire.

An independent path: cbor2 encodes, pycose signs and verifies, hashlib hashes. It shares no code with the node. It makes
the entries of the first batch, its chunk, its header and the header's COSE_Sign1, byte for byte, and verifies with pycose
every signature in the vectors: headers, charters (detached), the join request and the ceremony.

Usage, from the repository's root (cbor2 6 does not work with pycose 1.1.0):

    pip install 'cbor2<6' pycose==1.1.0 cryptography
    python3 tests/vectors/generate_wire.py

Prints one line for each check; ends with an error at the first difference.
"""

import hashlib
import pathlib

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm, ContentType
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

WIRE = pathlib.Path(__file__).parent / "wire"
FIRST = 1795104000 + 3600
DAY = (FIRST + 8 * 3600) // 86400
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032 §7.1, test 1
HEADER_TYPE = "application/antibrush-batch-header+cbor"


def vector(name):
    lines = (WIRE / f"{name}.txt").read_text().splitlines()
    return bytes.fromhex("".join(line.split("#")[0].strip() for line in lines if not line.startswith("text: ")))


def label(text):
    return hashlib.sha256(f"antibrush vector {text}".encode()).digest()


def encode(value):
    return cbor2.dumps(value, canonical=True)


def entries():
    """The five entries of the first batch, as maps from the documented field numbers."""
    # kind 1 List; class 1 ENT; list 1 CXH; conduct 1 C01; severity 3 severe.
    minimal = {
        0: 1, 1: 1, 2: 1, 3: label("token-1"), 4: 1, 5: 1, 6: 3, 10: DAY, 11: DAY + 365, 12: "DEMO-2026-1",
        13: label("evidence-1"),
    }
    # role 1 organise, direction 1 up, region, sealed details, name.
    full = minimal | {
        3: label("token-2"), 7: 1, 8: 1, 9: 350100, 16: bytes(range(168)), 17: ["52369997CLRKQMRBEK", "丁物流有限公司"],
    }
    mobile = minimal | {1: 3, 3: label("token-3"), 5: 9, 11: DAY + 180}
    # kind 2 Amend of leaf 0: severity 1 minor, role 3 assist, expiry.
    amend = {0: 2, 1: 1, 2: 1, 3: label("token-1"), 4: 1, 6: 1, 7: 3, 10: DAY, 11: DAY + 90, 14: 0}
    # kind 3 Clear of leaf 2: reason 3 mistake.
    clear = {0: 3, 1: 3, 2: 1, 3: label("token-3"), 4: 1, 10: DAY, 14: 2, 15: 3}
    return [encode(entry) for entry in (minimal, full, mobile, amend, clear)]


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(hashes):
    """MTH of RFC 6962 §2.1 over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01", root(hashes[:split]), root(hashes[split:]))


def header(leaves, alliance):
    hashes = [sha256(b"\x00", leaf) for leaf in leaves]
    # Rows [kind, list, conduct or 0, entries], ascending.
    totals = [[1, 1, 1, 2], [1, 1, 9, 1], [2, 1, 0, 1], [3, 1, 0, 1]]
    chunk = [sha256(b"\x02", *hashes), len(leaves), sum(map(len, leaves))]
    return encode({
        0: 1, 1: alliance, 2: 1, 3: 0, 5: len(leaves), 6: root(hashes), 7: 0, 8: len(leaves), 9: totals, 10: alliance,
        11: FIRST, 12: FIRST + 86400, 13: [chunk],
    })


def sign1(payload, content_type):
    public = Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw()
    message = Sign1Message(phdr={Algorithm: EdDSA, ContentType: content_type, KID: public}, payload=payload)
    message.key = OKPKey(crv=Ed25519, d=SECRET, x=public)
    return message.encode(tag=False)


def verify(envelope, content_type, detached=None):
    """Whether a COSE_Sign1 holds for the key that it names, by pycose."""
    message = Sign1Message.decode(cbor2.dumps(cbor2.CBORTag(18, cbor2.loads(envelope))))
    assert message.phdr[ContentType] == content_type and message.phdr[Algorithm] == EdDSA and not message.uhdr
    message.key = OKPKey(crv=Ed25519, x=message.phdr[KID])
    return message.verify_signature(detached_payload=detached) if detached else message.verify_signature()


def check(what, holds):
    print("ok" if holds else "DIFFERS", what)
    if not holds:
        raise SystemExit(1)


def main():
    leaves = entries()
    for name, leaf in zip(["entry_list_minimal", "entry_list_full", None, "entry_amend", "entry_clear"], leaves):
        if name:
            check(name, leaf == vector(name))
    check("chunk", b"".join(leaves) == vector("chunk"))
    alliance = sha256(vector("charter_genesis"))
    payload = header(leaves, alliance)
    check("batch_header", payload == vector("batch_header"))
    check("batch_header_signed, made by pycose", sign1(payload, HEADER_TYPE) == vector("batch_header_signed"))
    for name in ["batch_header_signed", "batch_header_second"]:
        check(f"{name}, verified by pycose", verify(vector(name), HEADER_TYPE))
    check("join_request_signed, verified by pycose", verify(vector("join_request_signed"), "application/antibrush-join-request+cbor"))
    for name in ["charter_genesis", "charter_second"]:
        payload, signatures = cbor2.loads(vector(f"{name}_signed"))
        check(f"{name}: payload", payload == vector(name))
        for number, signature in enumerate(signatures):
            holds = verify(signature, "application/antibrush-charter+cbor", detached=payload)
            check(f"{name}, signature {number}, verified by pycose", holds)
    payloads = {}
    for name in ["call", "commit", "deal", "confirm", "complain"]:
        signed = vector(f"ceremony_{name}")
        kind = "application/antibrush-ceremony-" + ("call" if name == "call" else "message") + "+cbor"
        check(f"ceremony_{name}, verified by pycose", verify(signed, kind))
        payload = payloads[name] = cbor2.loads(signed)[2]
        check(f"ceremony_{name}: deterministic by cbor2", encode(cbor2.loads(payload)) == payload)
        if name != "call":
            check(f"ceremony_{name}: of the call", cbor2.loads(payload)[1] == sha256(payloads["call"]))
    check("ceremony_complain: about the deal", cbor2.loads(payloads["complain"])[10] == sha256(payloads["deal"]))
    # Every payload that is one item is what cbor2 calls canonical.
    for name in ["charter_genesis", "charter_second", "member", "invitation", "join_request", "heads", "filter_head"]:
        check(f"{name}: deterministic by cbor2", encode(cbor2.loads(vector(name))) == vector(name))


if __name__ == "__main__":
    main()

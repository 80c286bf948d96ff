#!/usr/bin/env python3
"""Builds a few wire objects a second time, from docs/PROTOCOL.md alone, and compares them with tests/vectors/wire.

An independent path: cbor2 encodes, pycose signs and verifies, hashlib hashes. It shares no code with the node. It makes
the entries of the first batch, its chunk, its header and the header's COSE_Sign1, the usage report, the deletion, the receipt and the posts
that carry them, the frames of evaluations and the comparison of boards, byte for byte, and verifies with pycose every
signature in the vectors: headers, charters (detached), the join request, the ceremony, the answers and the posts.

Usage, from the repository's root (cbor2 6 does not work with pycose 1.1.0):

    pip install 'cbor2<6' pycose==1.1.0 cryptography
    python3 tests/vectors/generate_wire.py

Prints one line for each check; ends with an error at the first difference.
"""

import base64
import hashlib
import pathlib
import struct

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
ASKED = 1795104000 + 86400 + 3600 + 1800
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


def remarks():
    """A statutory listing and one entry of each later kind, as maps from the documented field numbers."""
    # kind 1 List on 16 SRC-COURT, conduct 16, with the number of the document.
    statutory = {
        0: 1, 1: 1, 2: 1, 3: label("token-9"), 4: 16, 5: 16, 6: 3, 10: DAY, 11: DAY + 365, 12: "DEMO-2026-1",
        13: label("evidence-1"), 19: "(2026)闽0102执1234号",
    }
    own = {1: 1, 2: 1, 3: label("token-1"), 4: 1, 10: DAY, 14: 0}
    others = own | {18: 1}
    return {
        "entry_list_statutory": statutory,
        # step 1 rectify, with a term.
        "entry_notice": others | {0: 4, 11: DAY + 60, 19: "闽信用整改〔2026〕7号", 20: 1},
        # step 1 committed.
        "entry_commitment": own | {0: 5, 13: label("evidence-2"), 20: 1},
        # step 1 filed for reason 2 D02; step 2 withdrawn.
        "entry_dispute": others | {0: 6, 13: label("evidence-3"), 15: 2, 20: 1},
        "entry_dispute_withdrawn": others | {0: 6, 20: 2, 22: 7},
        # outcome 1 upheld, for reason 2 J02, of member 3's dispute.
        "entry_ruling": own | {0: 7, 15: 2, 20: 1, 21: 3, 22: 7},
        # response 2 declined, measure 25 P05, for reason 1 N01; response 1 applied, measure 41 G01.
        "entry_measure_declined": others | {0: 8, 15: 1, 20: 2, 23: 25},
        "entry_measure_recorded": others | {0: 8, 19: "闽市监约〔2026〕3号", 20: 1, 23: 41},
    }


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


# The first batch of member 1 begins at leaf 0.
PLACE = [1, 0]


def body(leaves):
    return encode(PLACE) + b"".join(leaves)


def header(leaves, alliance):
    hashes = [sha256(b"\x00", leaf) for leaf in leaves]
    # Rows [kind, list, conduct or 0, entries], ascending.
    totals = [[1, 1, 1, 2], [1, 1, 9, 1], [2, 1, 0, 1], [3, 1, 0, 1]]
    chunk = [sha256(b"\x02", struct.pack(">HQ", *PLACE), *hashes), len(leaves), len(body(leaves))]
    return encode({
        0: 1, 1: alliance, 2: 1, 3: 0, 5: len(leaves), 6: root(hashes), 7: 0, 8: len(leaves), 9: totals, 10: alliance,
        11: FIRST, 12: FIRST + 86400, 13: [chunk],
    })


def sign1(payload, content_type, secret=SECRET):
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    message = Sign1Message(phdr={Algorithm: EdDSA, ContentType: content_type, KID: public}, payload=payload)
    message.key = OKPKey(crv=Ed25519, d=secret, x=public)
    return message.encode(tag=False)


def verify(envelope, content_type, detached=None):
    """Whether a COSE_Sign1 holds for the key that it names, by pycose."""
    message = Sign1Message.decode(cbor2.dumps(cbor2.CBORTag(18, cbor2.loads(envelope))))
    assert message.phdr[ContentType] == content_type and message.phdr[Algorithm] == EdDSA and not message.uhdr
    message.key = OKPKey(crv=Ed25519, x=message.phdr[KID])
    return message.verify_signature(detached_payload=detached) if detached else message.verify_signature()


def key_id(key):
    """§ Suite 1 and 2: of a shared key the group key alone counts."""
    kind, epoch, suite, threshold, holders, public_keys = key[:6]
    head = bytes([suite, kind]) + epoch.to_bytes(2, "big") + bytes([threshold, holders, 1])
    return sha256(b"antibrush/v1/key-id", head, public_keys[0])


def shared(first_entry, alliance):
    """Shared keys, evaluations and the board."""
    third = cbor2.loads(vector("charter_third"))
    charter = sha256(vector("charter_third"))
    keys = {(key[0], key[1]): key for key in third[12]}
    ent, mob = keys[1, 2], keys[3, 2]
    check("charter_third: holders and quotas", third[16] == [2, [1, 2, 6], [[1, 1000], [3, 500]]])
    check("charter_third: the shared key of ENT", ent[2:5] == [2, 2, 3] and len(ent[5]) == 4 and ent[6:] == [[1, 2, 6]])
    check("charter_third: the retired key of MOB", mob[6:] == [[1, 2, 6], third[14]])
    check("charter_third: the retired pepper of ENT", keys[1, 1][6:] == [third[14]])
    carries = cbor2.loads(first_entry) | {2: 2, 3: label("token-8"), 14: 0}
    check("entry_list_carries", encode(carries) == vector("entry_list_carries"))
    # The request and the answer, but for the arithmetic of the group.
    request = vector("evaluation_request")
    elements = cbor2.loads(request)[3]
    check("evaluation_request", len(elements) == 4 * 32 and encode([1, charter, key_id(ent), elements]) == request)
    _, answer = cbor2.loads(vector("evaluation_response_evaluated"))
    kind = "application/antibrush-evaluation+cbor"
    check("evaluation_response_evaluated, verified by pycose", verify(answer, kind))
    payload = cbor2.loads(answer)[2]
    check("evaluation_answer", payload == vector("evaluation_answer"))
    evaluated, proof = cbor2.loads(payload)[6:]
    expected = [1, alliance, charter, key_id(ent), sha256(request), 3, evaluated, proof]
    check("evaluation_answer: all but the arithmetic", encode(expected) == payload and len(evaluated) == len(elements))
    check("evaluation_response_evaluated: made by pycose", sign1(payload, kind, label("feed-6")) == answer)
    wrong = bytes([proof[0] ^ 1]) + proof[1:]
    bad = sign1(encode(expected[:7] + [wrong]), kind, label("feed-6"))
    check("bad_answer", encode([1, 6, ASKED, cbor2.loads(request), bad]) == vector("bad_answer"))
    tomorrow = ((ASKED + 8 * 3600) // 86400 + 1) * 86400 - 8 * 3600
    for name, value in [("busy", [1, 500]), ("exhausted", [2, 3, tomorrow]), ("refused", [3, 3])]:
        check(f"evaluation_response_{name}", encode(value) == vector(f"evaluation_response_{name}"))
    # The board.
    usage = encode([1, alliance, 6, (ASKED + 8 * 3600) // 86400, 1, ASKED, [[1, 4], [2, 256]]])
    check("usage_report", usage == vector("usage_report"))
    deletion = encode([1, alliance, 6, key_id(mob), ASKED])
    check("deletion", deletion == vector("deletion"))
    purge = encode([1, alliance, 2, (ASKED + 8 * 3600) // 86400, ASKED, [[1, 2, 5], [2, 0, 300]]])
    check("purge_receipt", purge == vector("purge_receipt"))
    names = []
    for number, name, payload, key in [(3, "usage", usage, 6), (4, "deletion", deletion, 6), (7, "purge", purge, 2)]:
        post = encode([number, sign1(payload, f"application/antibrush-{name}+cbor", label(f"feed-{key}"))])
        check(f"post_{name}, made by pycose", post == vector(f"post_{name}"))
        names.append(sha256(post)[:16])
    for number, name in [(1, "call"), (2, "message")]:
        post = cbor2.loads(vector("post_call" if number == 1 else "post_ceremony"))
        check(f"post of a {name}, verified by pycose", post[0] == number and verify(post[1], f"application/antibrush-ceremony-{name}+cbor"))
    # A witness: cosignature/v1 (c2sp.org/tlog-cosignature) inside, by cryptography alone.
    post = cbor2.loads(vector("post_witness"))
    check("post_witness, verified by pycose", post[0] == 6 and verify(post[1], "application/antibrush-witness+cbor"))
    statement = cbor2.loads(vector("witness_statement"))
    key = Ed25519PrivateKey.from_private_bytes(label("feed-4")).public_key()
    for (publisher, cuts, seq, size, root, time, signature), slug in zip(statement[4], ["alpha", "beta"]):
        log = f"antibrush/1/{alliance[:16].hex()}/{slug}" + (f"/{cuts}" if cuts else "")
        text = f"{log}\n{size}\n{base64.b64encode(root).decode()}\nbatch {seq}\n"
        key.verify(signature, f"cosignature/v1\ntime {time}\n{text}".encode())
        check(f"witness_statement: the cosignature about member {publisher} verifies", True)
    check("request_board", encode([4, b"".join(names[:2])]) == vector("request_board"))
    posts = [vector(f"post_{name}") for name in ["call", "ceremony", "usage", "deletion", "witness", "purge"]]
    check("response_board", encode([6, posts]) == vector("response_board"))


def check(what, holds):
    print("ok" if holds else "DIFFERS", what)
    if not holds:
        raise SystemExit(1)


def main():
    leaves = entries()
    for name, leaf in zip(["entry_list_minimal", "entry_list_full", None, "entry_amend", "entry_clear"], leaves):
        if name:
            check(name, leaf == vector(name))
    for name, entry in remarks().items():
        check(name, encode(entry) == vector(name))
    check("chunk", body(leaves) == vector("chunk"))
    alliance = sha256(vector("charter_genesis"))
    payload = header(leaves, alliance)
    check("batch_header", payload == vector("batch_header"))
    check("batch_header_signed, made by pycose", sign1(payload, HEADER_TYPE) == vector("batch_header_signed"))
    for name in ["batch_header_signed", "batch_header_second"]:
        check(f"{name}, verified by pycose", verify(vector(name), HEADER_TYPE))
    check("join_request_signed, verified by pycose", verify(vector("join_request_signed"), "application/antibrush-join-request+cbor"))
    for name in ["charter_genesis", "charter_second", "charter_third"]:
        payload, signatures = cbor2.loads(vector(f"{name}_signed"))
        check(f"{name}: payload", payload == vector(name))
        for number, signature in enumerate(signatures):
            holds = verify(signature, "application/antibrush-charter+cbor", detached=payload)
            check(f"{name}, signature {number}, verified by pycose", holds)
    succession, *signatures = cbor2.loads(vector("key_succession"))
    for number, signature in zip([4, 5], signatures):
        # A bare signature: the rest of its COSE_Sign1 follows from the content type and the key.
        kind = "application/antibrush-key-succession+cbor"
        protected = cbor2.dumps({1: -8, 3: kind, 4: succession[number]}, canonical=True)
        holds = verify(cbor2.dumps([protected, {}, None, signature]), kind, detached=encode(succession))
        check(f"key_succession, signature of key {number}, verified by pycose", holds)
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
    shared(leaves[0], alliance)
    # Every payload that is one item is what cbor2 calls canonical.
    arrays = ["evaluation_request", "evaluation_answer", "bad_answer", "usage_report", "deletion", "purge_receipt", "witness_statement", "request_board", "response_board"]
    for name in arrays + ["charter_third", "charter_genesis", "charter_second", "member", "invitation", "join_request", "heads", "filter_head"]:
        check(f"{name}: deterministic by cbor2", encode(cbor2.loads(vector(name))) == vector(name))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Verifies a feed archive without a line of the project's code: RFC 8949 (CBOR), RFC 9052 (COSE_Sign1), RFC 6962 (tree).

usage: archive_verifier.py DIRECTORY ALLIANCE_ID_IN_HEX

Prints one JSON object with what it found, and ends with status 1 if anything does not hold. Signatures are verified if the
package `cryptography` is there; otherwise a line on standard error says that they were not.
"""

import hashlib
import json
import pathlib
import struct
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None


def cbor(data, at=0):
    """One item of deterministic CBOR as (value, next position)."""
    first = data[at]
    kind, small = first >> 5, first & 31
    at += 1
    if small < 24:
        number = small
    else:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[small]
        number = int.from_bytes(data[at : at + size], "big")
        assert len(data) >= at + size, "truncated"
        assert number >= (24 if size == 1 else 1 << (4 * size)), "an integer is longer than it need be"
        at += size
    if kind == 0:
        return number, at
    if kind == 1:
        return -1 - number, at
    if kind in (2, 3):
        content = data[at : at + number]
        assert len(content) == number, "truncated"
        return (content.decode() if kind == 3 else bytes(content)), at + number
    if kind == 4:
        items = []
        for _ in range(number):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if kind == 5:
        pairs, order = {}, []
        for _ in range(number):
            start = at
            key, at = cbor(data, at)
            order.append(data[start:at])
            pairs[key], at = cbor(data, at)
        assert order == sorted(set(order)), "map keys are out of order or repeated"
        return pairs, at
    if first == 0xF6:
        return None, at
    raise AssertionError(f"major type {kind} does not occur here")


def whole(data):
    value, end = cbor(data)
    assert end == len(data), "bytes after the end"
    return value


def head(kind, number):
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if number < 24:
            return bytes([kind << 5 | number])
        if number < 1 << (8 * size):
            return bytes([kind << 5 | code]) + number.to_bytes(size, "big")


def sign1_message(protected, payload):
    """Sig_structure of RFC 9052 section 4.4."""
    body = head(4, 4) + head(3, 10) + b"Signature1" + head(2, len(protected)) + protected
    return body + head(2, 0) + head(2, len(payload)) + payload


SIGNATURES = 0


def verify(envelope, payload=None):
    """The payload of a COSE_Sign1, the key that signed it and the content type; `payload` if it travels beside (null inside)."""
    global SIGNATURES
    protected, unprotected, inside, signature = whole(envelope)
    assert unprotected == {}, "the unprotected header is not empty"
    assert (inside is None) == (payload is not None), "the payload is in the wrong place"
    payload = inside if payload is None else payload
    header = whole(protected)
    assert header[1] == -8 and len(header[4]) == 32, "not Ed25519"
    if Ed25519PublicKey:
        try:
            Ed25519PublicKey.from_public_bytes(header[4]).verify(signature, sign1_message(protected, payload))
        except InvalidSignature:
            raise AssertionError("a signature does not verify") from None
        SIGNATURES += 1
    return payload, header[4], header[3]


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def push(peaks, leaf):
    """Appends a leaf hash to the complete subtrees [(size, hash), ...]."""
    size = 1
    while peaks and peaks[-1][0] == size:
        leaf = sha(b"\x01", peaks.pop()[1], leaf)
        size *= 2
    peaks.append((size, leaf))


def root(peaks):
    if not peaks:
        return sha()
    result = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        result = sha(b"\x01", left, result)
    return result


def read_charters(directory, alliance):
    """The charters by id, the quorum of each checked for distinct controlling entities."""
    charters, previous, before = {}, None, None
    for path in sorted((directory / "charters").iterdir()):
        payload, signatures = whole(path.read_bytes())
        charter, identity = whole(payload), sha(payload)
        assert charter[1] == len(charters) + 1, "a charter is missing"
        assert charter.get(2) == previous, "a charter does not name the one before it"
        assert (identity if charter[1] == 1 else charter[3]) == alliance, "another alliance"
        signers = {verify(signature, payload)[1] for signature in signatures}
        for needed in filter(None, (before, charter)):
            members = {member[0]: member for member in needed[11]}
            agreed = {members[number][4] for number, key in needed[9] if key in signers}
            assert len(agreed) >= needed[10], "the stewards' quorum is missing"
        charters[identity], previous, before = charter, identity, charter
    assert charters, "no charter"
    return charters


def main(directory, alliance):
    summary = json.loads((directory / "archive.json").read_text())
    charters = read_charters(directory, alliance)
    newest = list(charters.values())[-1]
    member = next(member for member in newest[11] if member[1] == summary["publisher"])
    peaks, leaves, previous, totals, erased, seq = [], 0, None, {}, 0, 0
    for path in sorted((directory / "headers").iterdir()):
        payload, key, content_type = verify(path.read_bytes())
        header = whole(payload)
        assert header[1] == alliance and header[2] == member[0] and header[3] == seq
        assert header.get(4) == previous, "a header does not name the one before it"
        assert header[7] == leaves, "the first index does not follow"
        assert header[10] in charters, "an unknown charter"
        of_then = next(m for m in charters[header[10]][11] if m[0] == member[0])
        valid = [k for k in of_then[7] if k[1] <= header[11] and (len(k) < 3 or header[11] < k[2])]
        assert key in [k[0] for k in valid], "not signed by the publisher's feed key"
        counted = {}
        for index, (digest, entries, length) in enumerate(header[13]):
            body = (directory / "bodies" / f"{seq:010}" / f"{index:04}.cborseq").read_bytes()
            assert len(body) <= length
            place, at = cbor(body, 0)
            assert place == [member[0], leaves], "a chunk of another place"
            hashes = []
            while at < len(body):
                entry, end = cbor(body, at)
                if isinstance(entry, bytes):
                    hashes.append(entry)
                    erased += 1
                else:
                    hashes.append(sha(b"\x00", body[at:end]))
                    row = (entry[0], entry[4], entry.get(5, 0))
                    counted[row] = counted.get(row, 0) + 1
                at = end
            assert len(hashes) == entries, "another number of leaves"
            assert sha(b"\x02", struct.pack(">HQ", *place), *hashes) == digest, "a chunk is not what its header names"
            for leaf in hashes:
                push(peaks, leaf)
            leaves += len(hashes)
        assert header[5] == leaves and header[8] == leaves - header[7], "size and count"
        assert header[6] == root(peaks), "the tree has another root"
        if not erased:
            assert sorted((*row, n) for row, n in counted.items()) == sorted(map(tuple, header[9])), "totals"
        for kind, listed, conduct, number in header[9]:
            totals[kind] = totals.get(kind, 0) + number
        previous, seq = sha(payload), seq + 1
    assert seq == summary["headers"] and leaves == summary["entries"], "the summary"
    if not Ed25519PublicKey:
        print("signatures were not verified: the package `cryptography` is missing", file=sys.stderr)
    print(json.dumps({
        "charters": len(charters), "headers": seq, "leaves": leaves, "root": root(peaks).hex(),
        "totals": {str(kind): number for kind, number in totals.items()}, "signatures": SIGNATURES,
    }))


if __name__ == "__main__":
    try:
        main(pathlib.Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))
    except (AssertionError, IndexError, KeyError, ValueError, StopIteration, OSError) as error:
        print(f"the archive does not hold: {error!r}", file=sys.stderr)
        sys.exit(1)

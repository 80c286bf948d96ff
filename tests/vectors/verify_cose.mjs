// Verifies every COSE_Sign1 in tests/vectors/wire with @auth0/cose, which shares no code with the node, and refuses each one
// again with one bit of its signature changed.
//
// Usage, from the repository's root:
//
//     npm install --prefix target/third-party/npm @auth0/cose@1.0.2
//     node tests/vectors/verify_cose.mjs target/third-party/npm
//
// Prints one line for each object; ends with 1 at the first that does not verify and with 77 if the library is not there.

import { readdirSync, readFileSync } from "node:fs";
import { createPublicKey } from "node:crypto";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2] ?? "."), "nothing.js"));
let Sign1, cbor;
try {
  ({ Sign1 } = require("@auth0/cose"));
  cbor = require("cbor-x");
} catch (error) {
  console.error(`@auth0/cose is not installed: ${error.code ?? error.message}`);
  process.exit(77);
}

const wire = join(import.meta.dirname, "wire");
const decoder = new cbor.Decoder({ mapsAsObjects: false });
const PREFIX = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of Ed25519, RFC 8410 §4

function vector(file) {
  const lines = readFileSync(join(wire, file), "utf8").split("\n");
  return Buffer.from(lines.filter((line) => !line.startsWith("text: ")).map((line) => line.split("#")[0].trim()).join(""), "hex");
}

// With its payload: the vector of a signature apart from its charter has none, and the charter's own vector has both.
function isSign1(value) {
  return Array.isArray(value) && value.length === 4 && value[0] instanceof Uint8Array && value[1] instanceof Map
    && value[2] instanceof Uint8Array && value[3] instanceof Uint8Array && value[3].length === 64;
}

// The COSE_Sign1 in an object: itself, a charter's detached signatures, or what stands in a frame.
function* signatures(bytes) {
  let value;
  try {
    value = decoder.decode(bytes);
  } catch {
    return; // text and raw chunks
  }
  if (isSign1(value)) {
    yield { envelope: bytes };
  } else if (Array.isArray(value) && value.length === 2 && value[0] instanceof Uint8Array && Array.isArray(value[1])) {
    for (const envelope of value[1]) yield { envelope, detachedPayload: value[0] };
  } else if (Array.isArray(value)) {
    for (const part of value) if (part instanceof Uint8Array) yield* signatures(part);
  }
}

async function verifies({ envelope, detachedPayload }) {
  const sign1 = Sign1.decode(new Uint8Array(envelope));
  const kid = decoder.decode(decoder.decode(envelope)[0]).get(4);
  const key = createPublicKey({ key: Buffer.concat([PREFIX, kid]), format: "der", type: "spki" });
  await sign1.verify(key, detachedPayload ? { detachedPayload: new Uint8Array(detachedPayload) } : {});
}

let count = 0;
for (const file of readdirSync(wire).sort()) {
  for (const signed of signatures(vector(file))) {
    await verifies(signed);
    const forged = Uint8Array.from(signed.envelope);
    forged[forged.length - 40] ^= 1;
    let taken = true;
    await verifies({ ...signed, envelope: forged }).catch(() => (taken = false));
    if (taken) {
      console.error(`${file}: a forged signature verified`);
      process.exit(1);
    }
    console.log(`${file}: verified`);
    count += 1;
  }
}
console.log(`${count} signatures verified`);

"""OpenMined PSI on one machine: who has LISTED identifiers against who asks for ASKED of them.

psi.py LISTED ASKED: a line of JSON with seconds and bytes. Exit status 3: it is not installed."""

import json
import sys
import time

try:
    import private_set_intersection.python as psi
except ImportError:
    sys.exit(3)

listed, asked, common = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[2]) // 500
server_items = [str(13_000_000_000 + n) for n in range(listed)]
client_items = server_items[:common] + [str(19_000_000_000 + n) for n in range(asked - common)]
server = psi.server.CreateWithNewKey(True)
client = psi.client.CreateWithNewKey(True)

began = time.monotonic()
setup = server.CreateSetupMessage(1e-9, asked, server_items, psi.DataStructure.GCS)
made = time.monotonic()
request = client.CreateRequest(client_items)
response = server.ProcessRequest(request)
found = client.GetIntersection(setup, response)
ended = time.monotonic()
assert len(found) == common, len(found)
size = lambda message: len(message.SerializeToString())
print(json.dumps({
    "setup": made - began,
    "online": ended - made,
    "request": size(request),
    "response": size(response),
    "filter": size(setup),
}))

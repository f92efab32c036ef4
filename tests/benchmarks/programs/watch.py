"""Print, for each change that arrives, how long ago it was begun: its metadata says when. Arguments: the store."""

import sys
import time

import modelbox

with modelbox.ModelBoxClient(sys.argv[1]) as client:
    changes = client.watch()
    print("ready", flush=True)
    for change in changes:
        now = time.monotonic_ns()
        sent = change.payload.get("metadata", {}).get("sent")
        if sent == "end":
            break
        if sent is not None:
            print(now - sent, flush=True)

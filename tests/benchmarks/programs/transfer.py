"""Send a file to a server and read it back, hashing what comes. Arguments: URI, pid of the server, file.

The file is hashed before the time is taken: a client knows the digest before it sends anything.
"""

import io
import os
import sys
import time
from pathlib import Path

from report import report

from modelbox.backends.base import SourceFile
from modelbox.backends.remote.backend import RemoteBackend
from modelbox.hashing import digest_of, digest_of_stream


def memory(process, line):
    with open(f"/proc/{process}/status") as status:
        return next(int(text.split()[1]) * 1024 for text in status if text.startswith(line))


uri, server, path = sys.argv[1:]
backend = RemoteBackend(uri)
owner = backend.create_experiment(name=os.urandom(8).hex(), namespace="n", owner="o")[0].id
small = SourceFile(path="s", size=1, digest=digest_of(b"x"), content_type="", open=lambda: io.BytesIO(b"x"))
with backend.open_file(backend.put_artifact(owner, "small", [small]).files[0]) as stream:
    stream.read()
began = time.perf_counter()
with open(path, "rb", buffering=0) as stream:
    digest, size = digest_of_stream(stream)
hashed_s = time.perf_counter() - began
file = SourceFile(path="large", size=size, digest=digest, content_type="", open=lambda: open(path, "rb", buffering=0))  # noqa: SIM115

before = {process: memory(process, "VmRSS:") for process in ("self", server)}
for process in before:
    Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak begins anew
began = time.perf_counter()
record = backend.put_artifact(owner, "large", [file])
put_s = time.perf_counter() - began
began = time.perf_counter()
with backend.open_file(record.files[0]) as stream:
    assert digest_of_stream(stream, size)[0] == digest
get_s = time.perf_counter() - began
client, served = (memory(process, "VmHWM:") - used for process, used in before.items())
backend.close()
report(hashed_s=hashed_s, put_s=put_s, get_s=get_s, client=client, server=served)

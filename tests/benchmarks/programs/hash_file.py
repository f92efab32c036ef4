"""Read and hash a file with BLAKE3, one thread, a megabyte at a time. Arguments: path."""

import sys
import time

from blake3 import blake3
from report import report

began = time.perf_counter()
hasher = blake3()
buffer = memoryview(bytearray(1 << 20))
with open(sys.argv[1], "rb", buffering=0) as file:
    while count := file.readinto(buffer):
        hasher.update(buffer[:count])
hasher.hexdigest()
report(hashed_s=time.perf_counter() - began)

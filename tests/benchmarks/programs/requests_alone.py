"""Send a file to S3 with requests, and fetch it, with nothing around it. Arguments: URL for the PUT, URL for the GET, file."""

import sys
import time

import requests
from report import report

with requests.Session() as session:
    began = time.perf_counter()
    with open(sys.argv[3], "rb") as file:
        session.put(sys.argv[1], data=file, timeout=60).raise_for_status()
    put_s = time.perf_counter() - began
    began = time.perf_counter()
    buffer = memoryview(bytearray(1 << 20))
    with session.get(sys.argv[2], stream=True, timeout=60) as response:
        response.raise_for_status()
        while response.raw.readinto(buffer):
            pass
    report(put_s=put_s, get_s=time.perf_counter() - began)

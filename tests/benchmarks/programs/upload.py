"""Upload the same content twice, under two names. Arguments: store, path."""

import sys
import time

from report import peak_bytes, report

import modelbox

with modelbox.ModelBoxClient(sys.argv[1]) as client:
    experiment = client.create_experiment("uploads")
    took = []
    for name in ("first", "again"):
        began = time.perf_counter()
        experiment.upload_artifact(name, sys.argv[2], progress=False)
        took.append(time.perf_counter() - began)
    report(first_s=took[0], again_s=took[1], peak=peak_bytes())

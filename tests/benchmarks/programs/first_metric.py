"""A script that logs one metric. Arguments: the store."""

import sys
import time

import modelbox

client = modelbox.ModelBoxClient(sys.argv[1])
experiment = client.create_experiment("first")
experiment.log_metrics({"loss": 0.5}, step=1)
logged = time.monotonic_ns()
client.close()
closed = time.monotonic_ns()
print(f'{{"logged": {logged}, "closed": {closed}}}')

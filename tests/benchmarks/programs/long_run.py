"""A run that logs 10 keys every 100 ms, without the waiting. Arguments: store, hours, folder of the store or ``-``.

The background work is done exactly as often as the clock would have it done: its second of waiting is taken away, and after each
simulated second its own function runs, in its own thread. What is logged carries the simulated wallclock.
"""

import os
import sys
import time

from report import report

import modelbox

CALLS_A_TICK = 10


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def files_in(client, folder):
    if folder != "-":
        return sum(len(names) for _, _, names in os.walk(folder))
    return len(list(client._backend._parts[-1].walk("")))


def main(store, hours, folder):
    seconds = int(float(hours) * 3600)
    client = modelbox.ModelBoxClient(store)
    experiment = client.create_experiment("long")
    delivery = client._session.journal._delivery
    keys = [f"key-{number}" for number in range(10)]
    began = time.time() - seconds
    files, memory = [], []
    for second in range(seconds):
        for call in range(CALLS_A_TICK):
            moment = second + call / CALLS_A_TICK
            experiment.log_metrics(dict.fromkeys(keys, moment), step=second * CALLS_A_TICK + call, wallclock=began + moment)
        delivery._tick_due = 0.0
        delivery.run(delivery._work, None)
        if second % max(1, seconds // 200) == 0:
            files.append(files_in(client, folder))
            memory.append(resident())
    client.close()
    quarter = max(1, len(memory) // 4)
    report(
        most_files=max(files),
        files_closed=files_in(client, folder) if folder != "-" else files[-1],
        memory_early=max(memory[quarter : 2 * quarter] or memory),
        memory_late=max(memory[-quarter:]),
    )


main(*sys.argv[1:])

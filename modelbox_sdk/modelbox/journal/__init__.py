"""The crash-safe, fork-safe file between a log call and a backend."""

from modelbox.journal.adoption import AdoptionReport, PendingPoints, adopt_abandoned, read_pending, scan_pending
from modelbox.journal.delivery import Sink
from modelbox.journal.inspection import JournalState, inspect, set_aside
from modelbox.journal.journal import Journal, PendingState, hold_for_fork
from modelbox.journal.writer import Target

__all__ = [
    "AdoptionReport",
    "Journal",
    "JournalState",
    "PendingPoints",
    "PendingState",
    "Sink",
    "Target",
    "adopt_abandoned",
    "hold_for_fork",
    "inspect",
    "read_pending",
    "scan_pending",
    "set_aside",
]

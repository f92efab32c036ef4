"""Sending an embedded store, or a spool, to a server or to another store, as often as one likes."""

from modelbox.pushing.push import push
from modelbox.pushing.spool import deliver_spool

__all__ = ["deliver_spool", "push"]

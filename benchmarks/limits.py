"""What the system allows a process."""

from __future__ import annotations

import resource


def raise_file_limit() -> int:
    """Allow as many open files as this process may have, for itself and for those it starts; return the number."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most

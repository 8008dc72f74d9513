"""Callers on several threads of Python at once."""

import threading
from collections.abc import Callable


def call_at_once(work: Callable[[int], None], count: int = 4) -> None:
    """Run ``work(number)`` on so many threads; returns when all are done."""
    callers = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

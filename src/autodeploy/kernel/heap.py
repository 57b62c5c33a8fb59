"""Python's garbage collector, in processes that serve for long.

Full collections walk all there is, and answer nobody meanwhile. What a process loads at its start
stays anyway: walking it takes a fifth of a second, and a third of the start itself.
"""

import gc


def defer_collections() -> None:
    """Collect nothing until ``keep_from_collections``. For the beginning of a start, and for what
    ends within seconds."""
    gc.disable()


def keep_from_collections() -> None:
    """Have collections leave out what is loaded so far. For the end of a start."""
    gc.freeze()
    gc.enable()

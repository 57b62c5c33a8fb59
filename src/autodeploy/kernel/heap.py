"""Python's garbage collector, in processes that serve for long."""

import gc


def keep_from_collections() -> None:
    """Have full collections leave out what is loaded so far, which stays anyway: walking it takes
    a fifth of a second, in which a process answers nobody. For the end of a start."""
    gc.collect()
    gc.freeze()

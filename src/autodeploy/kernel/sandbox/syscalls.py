"""A seccomp filter: calls into the kernel that no app or build needs. Defence in depth."""

import errno
import tempfile
from functools import lru_cache

# Ways to make new namespaces or mounts, to change the kernel, or to reach other processes' keys.
_REFUSED = (
    "add_key",
    "bpf",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "init_module",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "reboot",
    "request_key",
    "setns",
    "swapoff",
    "swapon",
    "umount2",
    "unshare",
    "userfaultfd",
)
_CLONE_NEW_USER = 0x10000000
_TIOCSTI = 0x5412


@lru_cache(maxsize=1)
def seccomp_filter() -> bytes | None:
    """The compiled filter, or None where libseccomp is missing: the sandbox holds without it."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError):
        return None
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _REFUSED:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    flag = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_NEW_USER, _CLONE_NEW_USER)
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", flag)
    # The flags of clone3 lie in memory that a filter cannot read; libc falls back to clone.
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    typing = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, _TIOCSTI)
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "ioctl", typing)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()

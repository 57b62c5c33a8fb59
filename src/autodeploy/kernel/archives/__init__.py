"""Folders as archives: packing what git would see, unpacking what strangers send, tree ids."""

from autodeploy.kernel.archives.packing import pack
from autodeploy.kernel.archives.trees import tree_id
from autodeploy.kernel.archives.unpacking import ArchiveRefused, UnpackLimits, unpack

__all__ = ["ArchiveRefused", "UnpackLimits", "pack", "tree_id", "unpack"]

"""Encryption of tokens and variables, under keys of this machine or of a vault server.

A ciphertext says by itself how it opens: ``v1.<key id>.<base64url>`` was sealed with a master key
of this machine (``embedded.py``), ``v1t.vault:v<version>:<base64>`` by the transit engine of
OpenBao or HashiCorp Vault (``transit.py``, imported only where one is configured). ``columns.py``
declares which columns hold ciphertexts; it needs SQLAlchemy, which makers of keys do without.
"""

from autodeploy.kernel.vault.embedded import EmbeddedBackend
from autodeploy.kernel.vault.errors import MasterKeyError, VaultAway, VaultError, VaultRefused
from autodeploy.kernel.vault.items import Item
from autodeploy.kernel.vault.keyring import KEY_BYTES, Keyring, generate_master_key_file
from autodeploy.kernel.vault.vault import Vault

__all__ = [
    "KEY_BYTES",
    "EmbeddedBackend",
    "Item",
    "Keyring",
    "MasterKeyError",
    "Vault",
    "VaultAway",
    "VaultError",
    "VaultRefused",
    "generate_master_key_file",
]

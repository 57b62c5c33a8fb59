"""What goes wrong with encryption: a value, a key file, the vault server."""

from autodeploy.kernel.errors import AutoDeployError, Unavailable


class VaultError(AutoDeployError):
    """A ciphertext does not open: another key, another owner, or it was changed."""

    code = "vault_cannot_decrypt"
    usual_remedy = "Put back the database or its master key; or set the value again."


class MasterKeyError(AutoDeployError):
    """The master key file is missing, readable by others, or holds no key."""

    code = "master_key_unusable"


class VaultAway(Unavailable):
    """The vault server is sealed, stopped or out of reach: it may be back without a change."""

    code = "vault_away"
    usual_remedy = "Start and unseal it (`bao operator unseal`); what waits for it then goes on."


class VaultRefused(Unavailable):
    """The vault server answers, and does not let this installation use its key. The operator
    mends that; no caller can."""

    code = "vault_refused"
    usual_remedy = (
        "Correct the role, policy or AUTODEPLOY_VAULT_URL; `autodeploy doctor` checks it."
    )

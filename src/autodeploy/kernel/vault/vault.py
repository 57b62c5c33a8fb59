"""The vault of a process: seals with one backend, opens what any of its backends sealed."""

from collections.abc import Sequence

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.vault.errors import VaultError
from autodeploy.kernel.vault.items import Backend, Item


class Vault:
    """Seals and opens values for a subject. One instance a process, shared by all tasks.

    Everything here raises ``VaultAway`` or ``VaultRefused`` (503) while a vault server that is
    needed is sealed, stopped or does not let us in; no other key is used in its place.
    """

    def __init__(self, sealing: Backend, *opening: Backend):
        self.sealing = sealing
        self.backends = (sealing, *opening)
        self._by_version = {backend.version: backend for backend in self.backends}

    async def encrypt(self, token: str, user_id: str, *, context: str = "") -> str:
        """Seal a provider token for its user."""
        return await self.encrypt_for(f"user:{user_id}", token, context=context)

    async def decrypt(self, encrypted_token: str, user_id: str, *, context: str = "") -> str:
        """Open a provider token for its user. Raises VaultError."""
        return await self.decrypt_for(f"user:{user_id}", encrypted_token, context=context)

    async def encrypt_for(self, subject: str, plaintext: str, *, context: str = "") -> str:
        """Seal a value.

        Args:
            subject: whose key, such as ``organization:<id>``.
            plaintext: any text.
            context: what the value is for; the same one is needed to open it.
        """
        return (await self.encrypt_many([Item(subject, plaintext, context)]))[0]

    async def decrypt_for(self, subject: str, ciphertext: str, *, context: str = "") -> str:
        """Open a value. Raises VaultError unless subject, context and key are those it was
        sealed with and nothing was changed."""
        return (await self.decrypt_many([Item(subject, ciphertext, context)]))[0]

    async def encrypt_many(self, items: Sequence[Item]) -> list[str]:
        """Seal several values with one call to a vault server. Raises ``InvalidInput``."""
        for item in items:
            try:
                item.text.encode()
            except UnicodeEncodeError:
                raise InvalidInput("The value holds characters that are not text.") from None
        return await self.sealing.seal(items) if items else []

    async def decrypt_many(self, items: Sequence[Item]) -> list[str]:
        """Open several values; raises the VaultError of the first that does not open."""
        texts = []
        for opened in await self.try_decrypt_many(items):
            if isinstance(opened, VaultError):
                raise opened
            texts.append(opened)
        return texts

    async def try_decrypt_many(self, items: Sequence[Item]) -> list[str | VaultError]:
        """Open several values, or say of each why it does not open."""
        results: list[str | VaultError] = [_unknown_form() for _ in items]
        for version, backend in self._by_version.items():
            numbers = [
                number
                for number, item in enumerate(items)
                if item.text.partition(".")[0] == version
            ]
            if numbers:
                opened = await backend.open([items[number] for number in numbers])
                for number, result in zip(numbers, opened, strict=True):
                    results[number] = result
        return results

    async def check(self) -> None:
        """Raises ``Unavailable`` while values cannot be sealed."""
        await self.sealing.current_key()

    async def close(self) -> None:
        for backend in self.backends:
            await backend.close()


def _unknown_form() -> VaultError:
    return VaultError(
        "This is not a value that the vault encrypted, or its vault server is not configured.",
        remedy="Set AUTODEPLOY_VAULT_URL again if one was used here; or set the value again.",
    )

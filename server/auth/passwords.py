"""Passwords: argon2id with the library's current recommended cost (RFC 9106, low-memory profile)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from koemori.audio.errors import KoemoriError

MIN_PASSWORD_CHARACTERS = 10
MAX_PASSWORD_CHARACTERS = 256


class WeakPasswordError(KoemoriError):
    """A password that is too short or too long."""

    code = "password-length"

    def __init__(self, came_characters: int) -> None:
        super().__init__(
            f"password: expected {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters;"
            f" got {came_characters}"
        )
        self.came_characters = came_characters


class Passwords:
    """Hashes and checks passwords; takes tens of milliseconds on purpose, so call it in a worker thread."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("no account has this hash")

    def hash(self, password: str) -> str:
        """The text to store.

        Raises:
            WeakPasswordError: Too short or too long.
        """
        if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
            raise WeakPasswordError(len(password))
        return self._hasher.hash(password)

    def matches(self, stored: str | None, password: str) -> bool:
        """True when `password` made `stored`; for None the work is done all the same.

        An unknown user name must not answer faster than a wrong password.
        """
        try:
            self._hasher.verify(stored or self._nobody, password[: MAX_PASSWORD_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """True when the hash was made with other costs and should be made again."""
        return self._hasher.check_needs_rehash(stored)

"""The Japanese dictionary (SudachiPy), loaded once per process, when it is first asked for.

Shared by all threads; a tokenizer belongs to the thread that asked for it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sudachipy import Dictionary, Tokenizer

_local = threading.local()
_lock = threading.Lock()
_dictionary: list[Dictionary] = []


def tokenizer() -> Tokenizer:
    """This thread's tokenizer; it cuts into the longest units the dictionary has."""
    mine: Tokenizer | None = getattr(_local, "tokenizer", None)
    if mine is None:
        from sudachipy import Dictionary, SplitMode

        with _lock:
            if not _dictionary:
                _dictionary.append(Dictionary(dict="core"))
        mine = _dictionary[0].tokenizer(mode=SplitMode.C)
        _local.tokenizer = mine
    return mine

"""Which edges of the kernel an input takes, and how often."""

import ctypes
from typing import Final

from feedmill import _core

EDGES: Final = 1 << 16  # as trace.c has it

# Counts that differ a little are the same way: 1, 2, 3, 4 to 7, 8 to 15, and so on, a bit each.
_CLASSES: Final = bytes(
    0 if n == 0 else 1 << min((1, 2, 3).index(n) if n < 4 else n.bit_length(), 7) for n in range(256)
)


class Edges:
    """The edges that were ever taken.

    Attributes
    ----------
    is_traced : bool
        Whether the kernel counts its edges; if not, no input is ever new.
    """

    def __init__(self) -> None:
        self._counts: ctypes.Array[ctypes.c_ubyte] | None = None
        self._seen = 0
        try:
            library = ctypes.CDLL(_core.__file__)
            self._counts = (ctypes.c_ubyte * EDGES).in_dll(library, "feedmill_edges")
        except ValueError:
            pass
        self.is_traced = self._counts is not None

    def __len__(self) -> int:
        return self._seen.bit_count()

    def clear(self) -> None:
        """Forget the last input."""
        if self._counts is not None:
            ctypes.memset(self._counts, 0, EDGES)

    def add(self) -> bool:
        """Add those of the last input; tell whether there was a new one among them."""
        if self._counts is None:
            return False
        taken = int.from_bytes(bytes(self._counts).translate(_CLASSES))
        is_new = bool(taken & ~self._seen)
        self._seen |= taken
        return is_new

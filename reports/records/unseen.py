"""Characters that are invisible, turn the reading direction, or command a terminal."""

from __future__ import annotations

#: Their code points; line ends and tabs are none of them.
UNSEEN = frozenset(
    [
        *(code for code in range(0x20) if chr(code) not in "\n\t"),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    ]
)

_SHOWN = {code: repr(chr(code))[1:-1] for code in UNSEEN}


def shown(text: object) -> str:
    r"""Return `text` with escape sequences and the like spelled out: ``\x1b[31m``.

    Only line ends and tabs stay as they are.
    """
    return str(text).translate(_SHOWN)

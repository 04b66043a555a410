"""How long to wait before something that is away is tried again."""

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 15.0
_JITTER = 0.2
"""Of a wait, to both sides."""


def wait_s(tries: int, chance: float) -> float:
    """Seconds before the next try: they double up to a cap, with jitter, so that many of us do not call in step.

    Args:
        tries: that have failed, 0 or more.
        chance: 0..1, for the jitter.
    """
    plain_s = min(_FIRST_WAIT_S * 2.0 ** min(tries, 30), _LONGEST_WAIT_S)
    return plain_s * (1 + _JITTER * (2 * chance - 1))

"""Placeholder."""


def bench() -> None:
    """Not written yet."""

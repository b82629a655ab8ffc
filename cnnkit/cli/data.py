"""Placeholder."""


def data() -> None:
    """Not written yet."""

"""Placeholder."""


def export() -> None:
    """Not written yet."""

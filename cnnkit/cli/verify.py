"""Placeholder."""


def verify() -> None:
    """Not written yet."""

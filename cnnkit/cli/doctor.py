"""Placeholder."""


def doctor() -> None:
    """Not written yet."""

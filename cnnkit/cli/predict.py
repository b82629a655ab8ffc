"""Placeholder."""


def predict() -> None:
    """Not written yet."""

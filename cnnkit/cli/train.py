"""Placeholder."""


def train() -> None:
    """Not written yet."""

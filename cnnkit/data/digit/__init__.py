"""Digits in pictures: levels from colours, the ink, lines across it, its pieces, its strokes."""

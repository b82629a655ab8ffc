"""Whole parts of models in one program of the native engine."""

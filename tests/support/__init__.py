"""Helpers of the tests: corruptions, random problems, fakes."""

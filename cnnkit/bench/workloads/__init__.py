"""What is timed, with its float64 reference."""

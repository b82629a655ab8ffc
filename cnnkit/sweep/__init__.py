"""Trainings over a grid of choices, or some drawn from it: `cnnkit sweep --lr 1e-4,1e-3`."""

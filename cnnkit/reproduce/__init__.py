"""The published experiments again, with runs enough to judge them.

    plan → trainings (`cnnkit.jobs`) → sample → rules, claims, recommended → figures, report

`cnnkit.reproduce.reproduction` does it all.
"""

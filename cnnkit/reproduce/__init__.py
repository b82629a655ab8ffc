"""The published experiments again, with runs enough to judge them.

    plan → trainings (`train.jobs`) → sample → criteria, paper_claims, model_selection → report

`cnnkit.reproduce.run` does it all.
"""

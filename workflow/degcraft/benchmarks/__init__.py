"""Benchmarks: how fast this is, as ratios to other programs and to limits, measured in one run.

``python -m degcraft.benchmarks`` runs them; those that take long only by name. Each module named here has
``lines()``, which yields what it measures as soon as it is measured.
"""

BENCHMARKS = ("synthesis", "distances", "features", "training", "draws", "evaluation", "workflow")
LONG = ("memory",)

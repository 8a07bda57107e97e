"""Real faults, at random moments of real runs: what happens next, and whether the result is the same to the byte."""

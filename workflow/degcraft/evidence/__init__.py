"""What the figures and claims are drawn from: pure functions from measurements to tables."""

"""The workflow on a real Slurm cluster of one node, which is started for it."""

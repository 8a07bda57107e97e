"""Hostile input: campaigns of mutants against everything that degcraft reads, each with a count and a seed."""

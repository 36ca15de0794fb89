"""The tools as a user runs them, against simulated stations."""

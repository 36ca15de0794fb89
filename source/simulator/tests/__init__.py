"""The simulator's promises."""

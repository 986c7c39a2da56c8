"""The plan of a run: sizes, terms of memory, candidates, and the choice among those that fit."""

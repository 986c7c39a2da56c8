"""A run from end to end: inputs, plan, workers, merge; composition only."""

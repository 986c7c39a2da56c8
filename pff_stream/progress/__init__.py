"""Shows how far a run is: on a terminal, in a log, or to a function of the caller."""

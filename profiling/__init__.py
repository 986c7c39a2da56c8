"""Jobs that hold the memory of single parts to their bounds; run each with `python -m`."""

"""From exact counts to findings: which rules count first, and how much."""

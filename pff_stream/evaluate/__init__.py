"""Stage 3: a chunk of rules is evaluated against the shared graph."""

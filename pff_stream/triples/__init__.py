"""Stage 2: triples are read, encoded once into one contiguous layout, and shared by name."""

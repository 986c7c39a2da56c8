"""Stage 1: rule text is compiled once into a self-contained, checksummed msgpack rule file."""

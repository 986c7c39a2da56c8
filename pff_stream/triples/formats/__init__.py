"""The formats of triples and documents, one file each."""

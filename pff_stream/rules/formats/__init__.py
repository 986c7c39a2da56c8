"""The formats of rule text, one file each."""

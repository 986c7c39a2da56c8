"""Processes and threads that carry out tasks of any kind, whatever happens to one of them."""

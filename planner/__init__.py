"""Plans the memory of a bounded-pool program before it allocates anything."""

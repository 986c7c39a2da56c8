"""Settings: the table of options, the layers they come from, and what they mean."""

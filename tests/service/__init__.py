"""A service with a validator, over loopback, as its clients see it."""

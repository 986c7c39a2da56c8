"""What a worker does with a task; all that a worker's process imports of a run."""

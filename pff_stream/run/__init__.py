"""Stage 4: the planned, bounded run: settings, workers, and the tasks that flow between them."""

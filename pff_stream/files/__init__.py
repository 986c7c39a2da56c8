"""Files: opened for reading, written at once or not at all, temporary ones and their pages."""

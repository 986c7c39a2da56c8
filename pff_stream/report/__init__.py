"""Stage 5: spooled results are merged by source line and written."""

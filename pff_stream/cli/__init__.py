"""The command line: commands, exit codes, logs and the progress line."""

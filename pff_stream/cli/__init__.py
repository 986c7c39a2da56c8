"""The command line: commands, exit codes and logs."""

"""The command, and later the studio and the worker."""

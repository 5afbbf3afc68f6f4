"""From config to result: the wiring, the runs, the command line."""

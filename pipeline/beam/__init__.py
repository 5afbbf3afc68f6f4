"""Where Beam runs: its options, the code of remote workers, and the check before a run."""

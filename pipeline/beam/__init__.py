"""Where Beam runs: runner options, the packages of remote workers, and the check before a run."""

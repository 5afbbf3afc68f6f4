"""What a workspace remembers of its runs: journals, ML Metadata, and why a node ran again."""

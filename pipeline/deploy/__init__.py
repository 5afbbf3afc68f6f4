"""An exported model in use: found, checked, served over HTTP, applied to a file."""

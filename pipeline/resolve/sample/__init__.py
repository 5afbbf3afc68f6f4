"""What ``huberflow init`` copies; not imported here."""

"""The pipeline on Kubeflow: its spec, and what runs in its containers."""

"""The objects for Keras 3, on TensorFlow, JAX or PyTorch; ``huberflow.keras`` offers them."""

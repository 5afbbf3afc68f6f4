"""The features of a model: TFX's Transform and its preprocessing_fn."""

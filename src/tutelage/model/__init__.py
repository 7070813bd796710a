"""The model: loading it, what kind it is (families), how it is tuned (methods), exporting it.

Nothing is imported here: `tutelage.model.options` must load without torch.
"""

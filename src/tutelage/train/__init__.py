"""The tuning loop, what it minimises, and how a step is divided and repeated exactly."""

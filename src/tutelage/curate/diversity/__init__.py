"""What a dataset is made of: task types, what is asked for, topics, and how much they differ."""

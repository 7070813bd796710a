"""What is asked of base and tuned model, how it is scored, and what changed."""

"""What can be read off an instruction: what it asks to do, of what, and what it leaves open."""

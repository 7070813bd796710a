"""What can be worked out about the truth of a response: its arithmetic, the options it may choose
from, the numbers it takes from its source."""
